"""Long run of a watched line under kills, a locked log, a full picture disk and a folder that goes away."""
