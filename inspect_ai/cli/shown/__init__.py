"""Parts of the log that several commands show: names of files or their pseudonyms, the head kept elsewhere."""
