"""Tables of the gate benchmark: Markdown for people, CSV for table programs, JSON for programs."""

from __future__ import annotations

import dataclasses
from typing import Any

from benchmarks.gate.results import WAYS, Counted, GateResult
from benchmarks.writing import csv_text, json_text, markdown_table

CSV_COLUMNS = ("task", "data", "split", "kind", "pictures", "n", *WAYS)


def texts(found: GateResult) -> dict[str, str]:
    """Contents of the three files, by name."""
    rows = [[found.task, found.data, found.split, row.kind, row.name, row.n, *row.caught] for row in found.rows]
    return {
        "gate.md": markdown(found),
        "gate.csv": csv_text(CSV_COLUMNS, rows),
        "gate.json": json_text(plain(found)),
    }


def plain(found: GateResult) -> dict[str, Any]:
    """Everything as plain values."""
    return {"ways": list(WAYS), **dataclasses.asdict(found)}


def markdown(found: GateResult) -> str:
    """One table of rejected pictures in per cent."""
    rows = [[row.name, str(row.n), *cells(row)] for row in found.rows]
    says = (
        f"Turned away, in per cent of the pictures; {found.split} of {found.data}. Reference: {found.calibration} "
        f"calibration pictures; {found.quality.value} for measures, {found.features.value} for features."
    )
    table = markdown_table(["Pictures", "n", *WAYS], rows, left=1)
    return "\n".join([f"### {found.task}: {found.data}\n", says + "\n", table])


def cells(row: Counted) -> list[str]:
    """Shares of one line."""
    return [f"{100 * caught / row.n:.1f}" if row.n else "-" for caught in row.caught]
