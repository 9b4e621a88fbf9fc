"""One picture of the guarantee benchmark: shares of broken promises beside the allowed shares.

Needs matplotlib (the extra `bench`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.drawing import SAVED, new_figure, styled
from benchmarks.guarantee.results import ALLOWED_SE, Simulated, SplitResult

COLOURS = ("#0b62a4", "#9c5b16", "#3a8f5c", "#7a4fa0")
LIMIT, EXPECTED = "#c0392b", "#111111"
ROW_IN, FRAME_IN, WIDTH_IN = 0.22, 1.3, 9.5


def draw(path: Path, kept: Sequence[Simulated], real: Sequence[SplitResult]) -> None:
    """Write the PNG. Raises SetupError without matplotlib."""
    rows = [len(kept), *([len(real)] if real else [])]
    with styled(8):
        figure = new_figure(figsize=(WIDTH_IN, ROW_IN * sum(rows) + FRAME_IN * len(rows)), layout="constrained")
        axes = figure.subplots(len(rows), 1, squeeze=False, height_ratios=[n + 4 for n in rows])[:, 0]
        _simulated(axes[0], kept)
        if real:
            _splits(axes[1], real)
        figure.savefig(str(path), dpi=110, metadata=SAVED)


def _simulated(ax: Any, kept: Sequence[Simulated]) -> None:
    names = list(dict.fromkeys(d.case for d in kept))
    for y, d in enumerate(kept):
        colour = COLOURS[names.index(d.case) % len(COLOURS)]
        ax.errorbar(d.broken, y, xerr=ALLOWED_SE * d.se, fmt="o", ms=4, lw=1, color=colour)
        ax.plot([d.allowed] * 2, [y - 0.45, y + 0.45], color=LIMIT, lw=1.5)
        if d.expected is not None:
            ax.plot(d.expected, y, marker="|", ms=9, color=EXPECTED)
    labels = [f"{d.case}, {d.sensitivity:g} at {d.confidence:g}, n = {d.n}" for d in kept]
    _frame(
        ax,
        labels,
        f"Simulated: share of {kept[0].calibrations:,} calibrations whose true\nsensitivity is below the promise "
        "(point, 3 standard errors;\nblack: exact expectation; red: allowed)",
    )


def _splits(ax: Any, real: Sequence[SplitResult]) -> None:
    names = list(dict.fromkeys(s.how for s in real))
    for y, s in enumerate(real):
        colour = COLOURS[names.index(s.how) % len(COLOURS)]
        ax.errorbar(s.short, y, xerr=ALLOWED_SE * s.se, fmt="o", ms=4, lw=1, color=colour)
        ax.plot(s.short_expected, y, marker="|", ms=9, color=EXPECTED)
    labels = [f"{s.data}, {s.sensitivity:g}: {s.how}" for s in real]
    _frame(
        ax,
        labels,
        f"Real scores: share of {real[0].splits:,} random splits whose check half\nshows less than the promise "
        "(point, 3 standard errors;\nblack: expectation for exchangeable scores)",
    )


def _frame(ax: Any, labels: Sequence[str], title: str) -> None:
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.set_xlim(left=0)
    ax.grid(axis="x", alpha=0.3)
    ax.set_title(title, loc="left", fontsize=9)
