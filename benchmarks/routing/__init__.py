"""To which task pictures of several products go when none is named."""
