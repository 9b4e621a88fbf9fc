"""Reader's desk: pages in the browser over the audit log."""
