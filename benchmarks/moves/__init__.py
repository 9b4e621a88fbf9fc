"""Files and moves between files that a reader of one scan walks through."""
