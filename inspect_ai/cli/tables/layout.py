"""Layout of a table: columns that fit the width of the terminal, and texts shortened to the cells they have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from inspect_ai.cli import common
from inspect_ai.cli.common import piped
from inspect_ai.text import printable

GAP = 2  # cells between two columns
PIPED_LIMIT = 2_000  # characters of one text in a pipe
CUT = "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column. Widths are cells of a terminal: a CJK character takes two.

    `width` is fixed, or with a `share` of the cells that are left over, the least; such a column takes `most` at most.
    `since`: narrower terminals do not show the column; a pipe shows every column.
    """

    name: str
    width: int
    share: int = 0
    most: int = 1_000
    since: int = 0
    middle: bool = False  # shorten in the middle, as names whose ends tell them apart; else at the end
    right: bool = False  # align right


class Listing:
    """Rows that are printed one by one, each on one line, below a line with the names of the columns."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._console = common.results()
        self._piped = piped()
        self._columns = list(columns)
        self._shown = [not column.since or self._piped or self._console.width >= column.since for column in columns]
        self._widths = widths([c for c, shown in zip(columns, self._shown, strict=True) if shown], self._console.width)
        self._begun = False

    def row(self, *cells: object, style: str = "", first: str = "") -> None:
        """Print one row; None is an empty cell. `style` is of the whole row, `first` of its first cell."""
        if not self._begun:
            self._begun = True
            self._print([column.name for column in self._columns], "bold", "")
        self._print(["" if cell is None else str(cell) for cell in cells], style, first)

    def _print(self, cells: list[str], style: str, first: str) -> None:
        if self._piped:
            common.line("\t".join(printable(cell, PIPED_LIMIT) for cell in cells))
            return
        kept = [(cell, column) for cell, column, shown in zip(cells, self._columns, self._shown, strict=True) if shown]
        line = Text(style=style)
        for number, ((cell, column), width) in enumerate(zip(kept, self._widths, strict=True)):
            line.append(" " * GAP if number else "")
            line.append(_fitted(cell, column, width), style=first if number == 0 and first else "")
        line.rstrip()
        self._console.print(line, soft_wrap=True)


def widths(columns: Sequence[Column], total: int) -> list[int]:
    """Cells of each column, so that together with the gaps they fill a line of `total` cells at most."""
    left = total - GAP * (len(columns) - 1) - sum(column.width for column in columns)
    shares = sum(column.share for column in columns)
    found = []
    for column in columns:
        more = max(0, min(left * column.share // shares, column.most - column.width)) if column.share else 0
        found.append(column.width + more)
        left, shares = left - more, shares - column.share
    return found


def shortened(text: str, width: int, *, middle: bool = False) -> str:
    """Text of at most `width` cells: cut at the end, or in the `middle`, where an ellipsis stands."""
    if cell_len(text) <= width:
        return text
    if width <= 1 or not middle:
        return _head(text, width - 1) + CUT if width > 0 else ""
    end = (width - 1) // 2
    return _head(text, width - 1 - end) + CUT + _head(text[::-1], end)[::-1]


def _head(text: str, width: int) -> str:
    """First characters of a text that fit into `width` cells."""
    used = 0
    for at, character in enumerate(text):
        used += cell_len(character)
        if used > width:
            return text[:at]
    return text


def _fitted(text: str, column: Column, width: int) -> str:
    # Twice the cells is more than is shown of any text, and bounds the work for a long one.
    shown = shortened(printable(text, PIPED_LIMIT), width, middle=column.middle)
    return " " * (width - cell_len(shown)) + shown if column.right else set_cell_size(shown, width)
