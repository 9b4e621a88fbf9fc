"""What commands show of a log alike: names of files or their pseudonyms, and the head that is kept elsewhere."""
