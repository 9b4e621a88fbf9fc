"""Networks under one recipe: jobs, scores, comparison by group, cost, tables."""
