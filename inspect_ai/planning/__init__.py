"""Self-configuring training: what a labelled folder is like, and the plan that follows from it (after nnU-Net)."""
