"""Safety rules, broken one at a time: a named test must notice each."""
