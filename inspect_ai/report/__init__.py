"""Pages made from audit rows and evaluation results: self-contained, escaped, without script or outside resource."""

from inspect_ai.report.page import Item, Summary, write_report
from inspect_ai.report.view import Backing

__all__ = ["Backing", "Item", "Summary", "write_report"]
