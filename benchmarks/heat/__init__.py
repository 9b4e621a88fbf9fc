"""Heat maps measured against masks."""
