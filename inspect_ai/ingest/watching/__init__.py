"""Files of a watched folder: changes, states, and the study of each part."""
