"""Parts of a log that commands show alike: names of files or their pseudonyms, and the head that is kept elsewhere."""
