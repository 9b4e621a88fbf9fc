"""Pages and pictures out of audit rows: self-contained, escaped, without script or outside resource."""

from inspect_ai.report.draw import Mark, draw
from inspect_ai.report.page import Item, Summary, write_report

__all__ = ["Item", "Mark", "Summary", "draw", "write_report"]
