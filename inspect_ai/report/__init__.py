"""Pages and pictures out of audit rows: self-contained, escaped, without script or outside resource."""

from inspect_ai.report.draw import Mark, draw
from inspect_ai.report.page import Item, Summary, write_report
from inspect_ai.report.view import Backing

__all__ = ["Backing", "Item", "Mark", "Summary", "draw", "write_report"]
