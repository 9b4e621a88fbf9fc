"""Frontier of an operating point on the terminal: what could be promised, and its price."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspect_ai.cli import common

if TYPE_CHECKING:
    from inspect_ai.calibration.frontier import Frontier


def tell(found: Frontier) -> None:
    """Print the table and its sentences."""
    from inspect_ai.report.frontier import frontier_table

    shown = frontier_table(found)
    common.table("What these positives can prove", *shown.columns, rows=list(shown.rows))
    for sentence in shown.said:
        common.say(sentence)
