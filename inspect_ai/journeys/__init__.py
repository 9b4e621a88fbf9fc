"""The journeys: what each command does, told as one story a file."""
