"""Tables for people: one line a row, as wide as the terminal; in a pipe one line a row with tabs and full texts."""
