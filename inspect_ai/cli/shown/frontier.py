"""Frontier of an operating point on the terminal: what could be promised, and its price."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspect_ai.cli import common

if TYPE_CHECKING:
    from inspect_ai.calibration.frontier import Frontier
    from inspect_ai.operating_point import Thresholds


def tell(found: Frontier, lines: Thresholds) -> None:
    """Print the table and its sentences."""
    from inspect_ai.report.frontier import frontier_table

    shown = frontier_table(found, lines)
    common.table("What these positives can prove", *shown.columns, rows=list(shown.rows))
    for sentence in shown.said:
        common.say(sentence)
