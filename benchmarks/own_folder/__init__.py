"""Own folders with nothing edited: `tasks new`, `train`, `calibrate`, `evaluate`, what they took and reached."""
