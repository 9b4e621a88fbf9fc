"""Mutated DICOM and picture files: every one ends as a study or a rejection."""
