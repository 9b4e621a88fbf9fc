"""Tables of the routing benchmark: Markdown for people, CSV for table programs, JSON for programs."""

from __future__ import annotations

import dataclasses
from typing import Any

from benchmarks.routing.results import RoutingResult, Sent
from benchmarks.writing import csv_text, json_text, markdown_table

COLUMNS = (
    "data", "n", "to its own task (of these left to a person)", "to another task (left to a person)",
    "to a person: several tasks", "to a person: no task",
)  # fmt: skip


def texts(found: RoutingResult) -> dict[str, str]:
    """Contents of the three files, by name."""
    return {
        "routing.md": markdown(found),
        "routing.csv": csv_text(COLUMNS, [list(cells(row)) for row in found.rows]),
        "routing.json": json_text(plain(found)),
    }


def plain(found: RoutingResult) -> dict[str, Any]:
    """Everything as plain values."""
    return dataclasses.asdict(found)


def markdown(found: RoutingResult) -> str:
    """One table of pictures by where they went."""
    says = f"Pictures of {found.split}, sent with --task auto; ready to work: {', '.join(found.tasks)}."
    return f"{says}\n\n{markdown_table(list(COLUMNS), [list(cells(row)) for row in found.rows], left=1)}"


def cells(row: Sent) -> tuple[str, ...]:
    """One line of the table."""
    others = f": {', '.join(f'{task} {n}' for task, n in row.wrong_tasks)}" if row.wrong_tasks else ""
    return (
        f"{row.data} ({row.task})",
        str(row.n),
        f"{row.right} ({row.right_unlike})",
        f"{row.wrong} ({row.wrong_unlike}){others}",
        str(row.several),
        str(row.none),
    )
