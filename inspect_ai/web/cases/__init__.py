"""Cases at the desk: their index, who holds which, and their pictures."""
