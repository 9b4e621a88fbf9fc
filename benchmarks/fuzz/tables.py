"""Tables of the fuzzing: Markdown for people, JSON for programs."""

from __future__ import annotations

import dataclasses
from typing import Any

from benchmarks.fuzz.results import ENDS, FuzzResult
from benchmarks.writing import json_text, markdown_table

HEAD = (
    "format", "files", "read", "read, with a problem", "refused by header", "refused at decoding", "decoder crashed",
    "decoder late", "slowest (s)",
)  # fmt: skip


def texts(found: FuzzResult) -> dict[str, str]:
    """Contents of the files, by name."""
    return {"fuzz.md": markdown(found), "fuzz.json": json_text(plain(found))}


def plain(found: FuzzResult) -> dict[str, Any]:
    """Everything as plain values."""
    return {"ends": list(ENDS), **dataclasses.asdict(found)}


def markdown(found: FuzzResult) -> str:
    """One table with a line for each format and one for all, and the faults below it."""
    faults = [f"- {fault}" for fault in found.faults] or ["No fault was found."]
    says = f"{found.files} mutants of seed {found.seed}, {found.together} of them in a folder with others too."
    return "\n".join([says + "\n", markdown_table(HEAD, rows(found), left=1), *faults]) + "\n"


def rows(found: FuzzResult) -> list[list[str]]:
    """Lines of the table; the last is the sum."""
    lines = [[row.name, row.files, *row.ends, f"{row.slowest_s:.1f}"] for row in found.rows]
    sums = [sum(row.ends[at] for row in found.rows) for at in range(len(ENDS))]
    slowest = max((row.slowest_s for row in found.rows), default=0.0)
    return [[str(cell) for cell in line] for line in [*lines, ["all", found.files, *sums, f"{slowest:.1f}"]]]
