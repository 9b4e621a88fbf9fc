"""Charts as inline SVG: axes, lines, boxes, dots, bars. No script, no font and no file from outside.

Every function gives one piece of markup in the frame's own units; `chart` puts pieces together. Colours live in the
style sheet (classes c0, c1 ... : Okabe and Ito's palette, distinct to the colour-blind), so that print can change them.
Words on a chart are escaped here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

WIDTH, HEIGHT = 460.0, 350.0
LEFT, RIGHT, TOP, BOTTOM = 58.0, 22.0, 14.0, 50.0
LINE_PX = 15.0  # from one line of words to the next

Numbers = Sequence[float] | NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Axis from low to high with its labels. `to`: a map applied to values first (log-odds); ticks are values."""

    label: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    to: Callable[[float], float] = float

    def share(self, value: float) -> float:
        """Position of a value between low (0) and high (1); values beyond are at the ends."""
        low, high = self.to(self.low), self.to(self.high)
        return min(max((self.to(value) - low) / (high - low), 0.0), 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Rectangle of the plot inside its picture."""

    x: Axis
    y: Axis
    width: float = WIDTH
    height: float = HEIGHT

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Point in the picture's units, to a tenth."""
        across = LEFT + self.x.share(x) * (self.width - LEFT - RIGHT)
        down = self.height - BOTTOM - self.y.share(y) * (self.height - TOP - BOTTOM)
        return round(across, 1), round(down, 1)


def percents(label: str, high: float = 1.0) -> Axis:
    """Axis from 0 to `high` in per cent."""
    step = next(s for s in (0.2, 0.1, 0.05, 0.02, 0.01) if high / s >= 4 or s == 0.01)
    ticks = tuple((t, f"{100 * t:.0f} %") for t in np.arange(0.0, high + step / 2, step).tolist())
    return Axis(label=label, low=0.0, high=high, ticks=ticks)


def numbers(label: str, high: float) -> Axis:
    """Axis from 0 to at least `high`, in round steps."""
    power = 10.0 ** np.floor(np.log10(max(high, 1e-9) / 4))
    step = next(m * power for m in (1.0, 2.0, 2.5, 5.0, 10.0) if high / (m * power) <= 5)
    count = int(np.ceil(high / step - 1e-9))
    return Axis(
        label=label, low=0.0, high=count * step, ticks=tuple((i * step, f"{i * step:.10g}") for i in range(count + 1))
    )


def chart(frame: Frame, *pieces: Markup, says: str) -> Markup:
    """Put the whole picture together; `says`: its text for screen readers."""
    size = f"0 0 {frame.width:g} {frame.height:g}"
    return Markup('<svg class="chart" viewBox="{}" role="img" aria-label="{}">{}{}</svg>').format(
        size, says, axes(frame), Markup("").join(pieces)
    )


def axes(frame: Frame) -> Markup:
    """Draw grid, tick labels, and the names of both axes."""
    left, bottom = frame.at(frame.x.low, frame.y.low)
    right, top = frame.at(frame.x.high, frame.y.high)
    pieces = []
    for value, words in frame.y.ticks:
        _, y = frame.at(frame.x.low, value)
        pieces.append(_line(left, y, right, y, "grid"))
        pieces.append(_words(left - 7, y + 4, words, "end"))
    for value, words in frame.x.ticks:
        x, _ = frame.at(value, frame.y.low)
        pieces.append(_line(x, bottom, x, bottom + 4, "tick"))
        pieces.append(_words(x, bottom + 18, words, "middle"))
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    pieces.append(_line(left, bottom, right, bottom, "tick"))
    pieces.append(_words(middle_x, frame.height - 10, frame.x.label, "middle", "name"))
    turned = Markup('<text class="name" text-anchor="middle" transform="translate(13 {}) rotate(-90)">{}</text>')
    pieces.append(turned.format(f"{middle_y:g}", frame.y.label))
    return Markup("").join(pieces)


def line(frame: Frame, x: Numbers, y: Numbers, look: str) -> Markup:
    """Draw straight lines from point to point."""
    return _path([frame.at(a, b) for a, b in zip(x, y, strict=True)], look)


def steps(frame: Frame, x: Numbers, y: Numbers, look: str) -> Markup:
    """Draw steps, up or down first, then across: a curve of counts never holds between its points."""
    corners: list[tuple[float, float]] = []
    for a, b in zip(x, y, strict=True):
        corners += [(corners[-1][0], frame.at(a, b)[1])] if corners else []
        corners.append(frame.at(a, b))
    return _path(corners, look)


def box(frame: Frame, x: tuple[float, float], y: tuple[float, float], look: str) -> Markup:
    """Draw a rectangle between values of both axes."""
    (left, bottom), (right, top) = frame.at(x[0], y[0]), frame.at(x[1], y[1])
    return Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>').format(
        look, left, top, f"{right - left:.1f}", f"{bottom - top:.1f}"
    )


def dot(frame: Frame, x: float, y: float, look: str, radius: float = 5.0) -> Markup:
    """Draw a filled circle."""
    across, down = frame.at(x, y)
    return Markup('<circle class="{}" cx="{}" cy="{}" r="{}"/>').format(look, across, down, f"{radius:g}")


def upright(frame: Frame, x: float, words: str, look: str, *, row: int = 0) -> Markup:
    """Draw a stroke over the whole height with its label at the top; `row` moves it down where two would overlap."""
    across, bottom = frame.at(x, frame.y.low)
    top = frame.at(x, frame.y.high)[1]
    rightmost = across > frame.width * 0.6
    at = across - 5 if rightmost else across + 5
    return _line(across, bottom, across, top, look) + _words(
        at, top + 11 + row * LINE_PX, words, "end" if rightmost else "start", "said"
    )


def whisker(frame: Frame, x: float, y: tuple[float, float], look: str) -> Markup:
    """Draw an upright interval."""
    across, low = frame.at(x, y[0])
    high = frame.at(x, y[1])[1]
    return _line(across, low, across, high, look)


def strip(low: float, value: float, high: float, *, mark: float | None = None, says: str, look: str = "c0") -> Markup:
    """Draw one row of a forest plot: an interval with its value on 0..1, and a stroke at `mark`; for a table's cell."""
    place = [round(4 + 192 * min(max(v, 0.0), 1.0), 1) for v in (low, value, high)]
    pieces = [Markup('<line class="grid" x1="4" y1="9" x2="196" y2="9"/>')]
    if mark is not None:
        at = round(4 + 192 * mark, 1)
        pieces.append(_line(at, 0, at, 18, "limit"))
    pieces.append(_line(place[0], 9, place[2], 9, f"whisker {look}"))
    pieces.append(Markup('<circle class="fill {}" cx="{}" cy="9" r="4.5"/>').format(look, place[1]))
    return Markup('<svg class="strip" viewBox="0 0 200 18" role="img" aria-label="{}">{}</svg>').format(
        says, Markup("").join(pieces)
    )


def key(look: str, kind: str = "line") -> Markup:
    """Draw a swatch for the legend: line, dashed line, column, box or dot."""
    shapes = {
        "line": '<line class="curve {}" x1="1" y1="7" x2="25" y2="7"/>',
        "column": '<rect class="column {}" x="2" y="2" width="22" height="10"/>',
        "box": '<rect class="area {}" x="2" y="2" width="22" height="10"/>',
        "dot": '<circle class="fill {}" cx="13" cy="7" r="5"/>',
    }
    return Markup('<svg class="key" viewBox="0 0 26 14" aria-hidden="true">{}</svg>').format(
        Markup(shapes[kind]).format(look)
    )


def _line(x1: float, y1: float, x2: float, y2: float, look: str) -> Markup:
    return Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(
        look, *(f"{v:g}" for v in (x1, y1, x2, y2))
    )


def _words(x: float, y: float, words: str, anchor: str, look: str = "value") -> Markup:
    return Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>').format(
        look, f"{x:g}", f"{y:g}", anchor, words
    )


def _path(corners: Sequence[tuple[float, float]], look: str) -> Markup:
    d = "M" + "L".join(f"{x:g} {y:g}" for x, y in _thinned(corners))
    return Markup('<path class="curve {}" d="{}"/>').format(look, d)


def _thinned(corners: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Leave out repeats and the middle of three in one row or column, so that a curve over thousands stays small."""
    kept: list[tuple[float, float]] = []
    for corner in corners:
        if kept and corner == kept[-1]:
            continue
        while len(kept) > 1 and any(kept[-2][i] == kept[-1][i] == corner[i] for i in (0, 1)):
            kept.pop()
        kept.append(corner)
    return kept
