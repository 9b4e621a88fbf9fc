"""Pictures for people: heat maps, marks, and the files that a run leaves of them."""
