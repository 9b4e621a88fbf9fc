"""Training: labelled folders, augmentation, Lightning modules, packaging. Importing it loads nothing heavy."""
