"""One picture of a comparison: accuracy over speed, and errors relative to the reference model.

Each data set has two panels. Needs matplotlib (the extra `bench`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.accuracy.plan import BenchPlan
from benchmarks.accuracy.results import DataSet, MeasuredCosts, ModelFigures
from benchmarks.drawing import SAVED, new_figure, styled
from benchmarks.statistics import Estimate

COLUMNS = 3
WIDTH_IN, HEIGHT_IN = 5.0, 3.7  # of an upper panel
ROW_IN, FRAME_IN = 0.32, 0.9  # of a lower one: a model's two lines, and title with scale
OURS, THEIRS, REFERENCE = "#0b62a4", "#9c5b16", "#111111"
FADED = "#b0b0b0"
Extent = tuple[float, ...]  # left, bottom, right, top in pixels of the picture
RATIOS_SHOWN = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)


def _corners(x: int, y: int) -> tuple[tuple[int, int, str], ...]:
    return (x, y, "left"), (x, -y, "left"), (-x, y, "right"), (-x, -y, "right")


# Where a name may stand, in points from its point, the best place first.
NUDGES_PT = (
    *((7, 0, "left"), (-7, 0, "right"), (0, 9, "center"), (0, -9, "center")),
    *((x, y, side) for far in ((9, 9), (14, 18), (20, 28), (28, 40)) for x, y, side in _corners(*far)),
)


def draw(path: Path, plan: BenchPlan, sets: Sequence[DataSet], costs: MeasuredCosts) -> None:
    """Write the PNG. Raises SetupError without matplotlib."""
    columns = min(COLUMNS, len(sets))
    bands = math.ceil(len(sets) / columns)
    names = [m.name for m in plan.models if any(m.name == s.model for one in sets for s in one.models)]
    with styled(9):
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        layout = ConstrainedLayoutEngine(hspace=0.05, wspace=0.04)
        heights = [HEIGHT_IN, ROW_IN * len(names) + FRAME_IN] * bands
        figure = new_figure(figsize=(WIDTH_IN * columns + 1.5, sum(heights) + 1.2), layout=layout)
        axes = figure.subplots(2 * bands, columns, squeeze=False, height_ratios=heights)
        for ax in axes.flat[:]:
            ax.set_visible(False)
        for i, one in enumerate(sets):
            band, column = divmod(i, columns)
            _reached(axes[2 * band][column], plan, one, costs)
            _beside(axes[2 * band + 1][column], plan, one, names, named=column == 0)
        figure.suptitle(_headline(plan), x=0.01, ha="left", fontsize=11, linespacing=1.5)
        figure.draw_without_rendering()  # only now is known where a point lies on the paper
        figure.set_layout_engine("none")
        for i, one in enumerate(sets):
            band, column = divmod(i, columns)
            _label(axes[2 * band][column], plan, one, costs)
        figure.savefig(str(path), dpi=110, metadata=SAVED)


def _headline(plan: BenchPlan) -> str:
    reference = _reference(plan)
    beside = f" Errors relative to {_title(plan, reference)} (black square): left of 1 is better." if reference else ""
    return (
        "What each model reaches on val, and how fast it is: pictures of 224 px a second on one CPU thread; "
        "to the right is faster, upward is better.\n"
        f"Filled blue: the trunk of this package. Hollow brown: other networks, same recipe.{beside}\n"
        "Bars above: standard deviation over seeds. Bars below: 95 % interval over other pictures."
    )


def _reached(ax: Any, plan: BenchPlan, one: DataSet, costs: MeasuredCosts) -> None:
    """Points of one data set: pictures a second, and AUC (accuracy where nothing is to be decided)."""
    ax.set_visible(True)
    kind = _kind(one)
    for m, x, y in _points(one, costs):
        style = _style(plan, m.model)
        ax.errorbar(x, y, yerr=m.figures[kind].sd or 0.0, elinewidth=1.0, capsize=2.5, linestyle="none", **style)
    ax.set_xscale("log")
    _plain_log_ticks(ax, [x for _, x, _ in _points(one, costs)])
    ax.margins(x=0.22, y=0.14)
    of = f"{one.pictures} pictures" + (f", {one.positives} positive" if one.positives is not None else "")
    ax.set_title(f"{one.task}: {one.data} ({of})", loc="left", fontweight="bold", fontsize=10)
    ax.set_ylabel("AUC" if kind == "auc" else "accuracy")
    ax.set_xlabel("pictures a second on one CPU thread (log scale)")
    ax.grid(alpha=0.25)


def _points(one: DataSet, costs: MeasuredCosts) -> list[tuple[ModelFigures, float, float]]:
    kind = _kind(one)
    known = [m for m in one.models if m.model in costs.models and kind in m.figures]
    return [(m, costs.models[m.model].images_s, m.figures[kind].mean) for m in known]


def _kind(one: DataSet) -> str:
    return "auc" if one.positives is not None else "accuracy"


def _plain_log_ticks(ax: Any, values: Sequence[float]) -> None:
    """1, 2, 5 times powers of ten as plain numbers."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    ticks = [base * 10.0**power for power in range(-2, 5) for base in (1, 2, 5)]
    low, high = (min(values) / 1.6, max(values) * 1.6) if values else (1.0, 100.0)
    ax.xaxis.set_major_locator(FixedLocator([t for t in ticks if low <= t <= high]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _label(ax: Any, plan: BenchPlan, one: DataSet, costs: MeasuredCosts) -> None:
    """Each name beside its point, where it covers no other name and no other point; a thin line where it had to go."""
    renderer = ax.figure.canvas.get_renderer()
    points = [(m, (x, y), ax.transData.transform((x, y))) for m, x, y in _points(one, costs)]
    taken: list[Extent] = [(px - 5, py - 5, px + 5, py + 5) for _, _, (px, py) in points]
    for m, (x, y), _ in points:
        sd = m.figures[_kind(one)].sd or 0.0
        (px, low), (_, high) = ax.transData.transform([(x, y - sd), (x, y + sd)])
        taken.append((px - 2, low, px + 2, high))
    for m, xy, _ in sorted(points, key=lambda p: -p[2][1]):
        taken.append(_placed(ax, m.model, xy, _style(plan, m.model)["color"], taken, renderer))


def _placed(ax: Any, name: str, xy: tuple[float, float], colour: str, taken: Sequence[Extent], renderer: Any) -> Extent:
    """Write the name at the first free place, else at the one where it covers least; returns its extent."""
    placed: list[tuple[float, Any, Extent]] = []
    for right, up, side in NUDGES_PT:
        led = {"arrowstyle": "-", "lw": 0.5, "color": FADED, "shrinkB": 3} if abs(right) + abs(up) > 20 else None
        text = ax.annotate(
            name, xy, (right, up), textcoords="offset points", ha=side, va="center", fontsize=8, color=colour,
            arrowprops=led,
        )  # fmt: skip
        box = tuple(text.get_window_extent(renderer).extents)
        placed.append((sum(_overlap(box, other) for other in taken) + _outside(box, ax.bbox.extents), text, box))
        if placed[-1][0] == 0:
            break
    best = min(placed, key=lambda one: one[0])
    for one in placed:
        if one is not best:
            one[1].remove()
    return best[2]


def _overlap(a: Extent, b: Extent) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def _outside(box: Extent, panel: Extent) -> float:
    """Area of the box that lies beyond the panel."""
    return float((box[2] - box[0]) * (box[3] - box[1]) - _overlap(box, panel))


def _beside(ax: Any, plan: BenchPlan, one: DataSet, names: Sequence[str], *, named: bool) -> None:
    """Errors relative to the reference, a row a model, the same rows in every panel."""
    ax.set_visible(True)
    reference = _reference(plan)
    kind, what = (
        ("false_positives_at_0.95", "false positives at sensitivity 0.95")
        if one.positives is not None
        else ("wrong", "wrong answers")
    )
    ax.axvline(1.0, color=REFERENCE, lw=1.0)
    for row, name in enumerate(names):
        if name == reference:
            ax.plot(1.0, row, linestyle="none", **_style(plan, name))
        found = _ratio_of(one, name, reference, kind)
        if found is not None:
            _bar(ax, row, found, _style(plan, name))
    ax.set_xscale("log", base=2)
    ax.set_xlim(RATIOS_SHOWN[0] * 0.9, RATIOS_SHOWN[-1] * 2.2)
    ax.set_xticks(RATIOS_SHOWN, [f"{r:g}" if r >= 1 else f"1/{1 / r:g}" for r in RATIOS_SHOWN])
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_yticks(range(len(names)), [_row_name(plan, name) for name in names] if named else [""] * len(names))
    for tick, name in zip(ax.get_yticklabels(), names, strict=True):
        tick.set_color(_style(plan, name)["color"])
    ax.set_title(f"{one.data}: {what}", loc="left", fontsize=9)
    ax.set_xlabel(f"relative to {_title(plan, reference)}" if reference else "no model is marked `against`")
    ax.grid(alpha=0.25, axis="x")


def _bar(ax: Any, row: int, found: Estimate, style: dict[str, Any]) -> None:
    """Point, interval and number; what lies beyond the scale ends at its edge with an arrow."""
    low, high = (min(max(v, RATIOS_SHOWN[0]), RATIOS_SHOWN[-1]) for v in (found.low, found.high))
    ax.plot([low, high], [row, row], color=style["color"], lw=1.6, solid_capstyle="butt")
    for at, beyond, marker in ((low, found.low < low, "<"), (high, found.high > high, ">")):
        if beyond:
            ax.plot(at, row, marker=marker, color=style["color"], ms=5, linestyle="none")
    if RATIOS_SHOWN[0] <= found.value <= RATIOS_SHOWN[-1]:
        ax.plot(found.value, row, linestyle="none", **style)
    number = f"{found.value:.2f}" if math.isfinite(found.value) else "∞"
    ax.annotate(number, (RATIOS_SHOWN[-1] * 2.1, row), ha="right", va="center", fontsize=8, color=style["color"])


def _row_name(plan: BenchPlan, name: str) -> str:
    """The title, and below it the name by which the panels above call the model."""
    return name if _title(plan, name) == name else f"{_title(plan, name)}\n({name})"


def _ratio_of(one: DataSet, name: str, reference: str | None, kind: str) -> Estimate | None:
    model = next((m for m in one.models if m.model == name), None)
    against = next((a for a in model.against if a.other == reference), None) if model else None
    return against.ratios.get(kind) if against else None


def _reference(plan: BenchPlan) -> str | None:
    """The first model that the others are compared with; a picture with several could not be read."""
    return next((model.name for model in plan.models if model.against), None)


def _style(plan: BenchPlan, name: str) -> dict[str, Any]:
    """Marker of a model: told apart by form as well as by colour."""
    if name == _reference(plan):
        return {"color": REFERENCE, "marker": "s", "ms": 6}
    model = plan.model(name)
    trained = plan.model(model.weights_of) if model.weights_of else model
    if trained.network.get("backbone", "trunk") == "trunk":
        return {"color": OURS, "marker": "o", "ms": 6}
    return {"color": THEIRS, "marker": "o", "ms": 6, "mfc": "white"}


def _title(plan: BenchPlan, name: str) -> str:
    return plan.model(name).title or name
