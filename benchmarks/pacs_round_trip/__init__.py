"""Round trip of studies between a real PACS and the listener, while both are killed."""
