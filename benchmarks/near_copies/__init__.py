"""Near copies: how often changed copies are found, and which pictures of real data sets are joined."""
