"""Scores of an evaluation as a CSV for other programs."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from inspect_ai.config import LabelSet
from inspect_ai.errors import UsageError
from inspect_ai.inspection.dataset_scoring import Scored


def write_scores(path: Path, scored: Sequence[Scored], labels: LabelSet) -> None:
    """One CSV row a picture: file, group, label, positive, score. Raises UsageError if the file cannot be written."""
    try:
        with path.open("w", newline="", encoding="utf-8") as f:
            writer = csv.writer(f, lineterminator="\n")
            writer.writerow(["file", "group", "label", "positive", "score"])
            for s in scored:
                row = [
                    _cell(s.row.file),
                    _cell(s.row.group),
                    _cell(s.row.label),
                    int(s.row.label in labels.positive),
                    repr(s.score),
                ]
                writer.writerow(row)
    except OSError as e:
        raise UsageError(f"{path} cannot be written ({e.strerror}). Choose another file with --scores.") from e


def _cell(text: str) -> str:
    """A table program must not take a file name for a formula."""
    return "'" + text if text[:1] in "=+-@\t\r" else text
