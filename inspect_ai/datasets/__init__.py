"""Labelled folders: tables, class folders, masks, groups, splits, decoded samples. Without torch."""
