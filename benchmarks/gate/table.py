"""What `bench gate` found, as Markdown for people, CSV for table programs, JSON for programs."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from inspect_ai.errors import UsageError

if TYPE_CHECKING:
    from benchmarks.gate.study import Counted, GateBench

TABLE_FILE, CSV_FILE, JSON_FILE = "gate.md", "gate.csv", "gate.json"


def write(bench: GateBench, ways: Sequence[str], out: Path) -> None:
    """All three files below OUT. Raises UsageError if they cannot be written."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / TABLE_FILE).write_text(markdown(bench, ways), "utf-8")
        plain = {"ways": list(ways), **dataclasses.asdict(bench)}
        (out / JSON_FILE).write_text(json.dumps(plain, indent=1) + "\n", "utf-8")
        with (out / CSV_FILE).open("w", newline="", encoding="utf-8") as f:
            writer = csv.writer(f, lineterminator="\n")
            writer.writerow(["task", "data", "split", "kind", "pictures", "n", *ways])
            for row in bench.rows:
                writer.writerow([bench.task, bench.data, bench.split, row.kind, row.name, row.n, *row.caught])
    except OSError as e:
        raise UsageError(f"{out} cannot be written ({e.strerror}). Choose another folder with --out.") from e


def markdown(bench: GateBench, ways: Sequence[str]) -> str:
    """One table: turned away in per cent."""
    head = ["Pictures", "n", *ways]
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    lines += ["| " + " | ".join([row.name, str(row.n), *cells(row)]) + " |" for row in bench.rows]
    says = (
        f"Turned away, in per cent of the pictures; {bench.split} of {bench.data}. Reference: {bench.calibration} "
        f"calibration pictures; {bench.quality.value} for measures, {bench.features.value} for features."
    )
    return "\n".join([f"### {bench.task}: {bench.data}\n", says + "\n", *lines, ""])


def cells(row: Counted) -> list[str]:
    """The shares of one line."""
    return [f"{100 * caught / row.n:.1f}" if row.n else "-" for caught in row.caught]
