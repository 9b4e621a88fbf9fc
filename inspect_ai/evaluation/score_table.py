"""Scores of an evaluation as a CSV for other programs."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from inspect_ai.config import LabelSet
from inspect_ai.datasets.score_file import quoted
from inspect_ai.errors import UsageError
from inspect_ai.inspection.dataset_scoring import Scored


def write_scores(path: Path, scored: Sequence[Scored], labels: LabelSet) -> None:
    """Write a CSV of file, group, label, positive and score. Raises UsageError if it cannot be written."""
    try:
        with path.open("w", newline="", encoding="utf-8") as f:
            writer = csv.writer(f, lineterminator="\n")
            writer.writerow(["file", "group", "label", "positive", "score"])
            for s in scored:
                row = [
                    quoted(s.row.file),
                    quoted(s.row.group),
                    quoted(s.row.label),
                    int(s.row.label in labels.positive),
                    repr(s.score),
                ]
                writer.writerow(row)
    except OSError as e:
        raise UsageError(f"{path} cannot be written ({e.strerror}). Choose another file with --scores.") from e
