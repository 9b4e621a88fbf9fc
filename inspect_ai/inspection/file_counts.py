"""Counts of files: one that holds frames of several volumes counts once."""

from __future__ import annotations

from inspect_ai.domain import StudyRef


class FileCounts:
    """Files of the studies of one scan that were not counted before."""

    def __init__(self) -> None:
        self._shared: set[str] = set()  # paths of files that are a part of a study

    def new_files(self, ref: StudyRef) -> int:
        """Count the files of a study, without those that an earlier volume shares with it."""
        shared = {file.path for file, frames in zip(ref.files, ref.selection, strict=False) if frames}
        known = shared & self._shared
        self._shared |= shared
        return len(ref.files) - len(known)
