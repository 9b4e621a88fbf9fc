"""People at the desk: accounts with roles, sessions, and limits on tries."""
