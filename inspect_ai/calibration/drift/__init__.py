"""Whether what comes at work is still what was calibrated on: ranks, martingales, bounds from reviewed cases."""
