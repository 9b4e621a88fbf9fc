"""Picture of the volume benchmark: figures of each arm, and samples of each kind.

Needs matplotlib (the extra `bench`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.drawing import new_figure
from benchmarks.volumes.data import PatchSample, SampleKind
from benchmarks.volumes.figures import BANDS_MM, RATES
from benchmarks.volumes.results import Arm, CountedEstimate, VolumeFigures

COLOURS = {Arm.KEY: "#9c5b16", Arm.STACK: "#7a7a7a", Arm.VOLUME: "#0b62a4"}
SHOWN = 10  # examples a row


def draw(path: Path, found: VolumeFigures, samples: Sequence[PatchSample]) -> None:
    """Write the PNG. Raises SetupError without matplotlib."""
    figure = new_figure(figsize=(13, 14), dpi=110, layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=(1, 2.4))
    panels = top.subplots(1, 1 + len(RATES))
    against = {"made vessels": "auc_tubes", "faint made\nvessels": "auc_twins", "real\ncandidates": "auc_candidates"}
    aucs = {arm: [getattr(f, name) for name in against.values()] for arm, f in found.arms.items()}
    _bars(panels[0], aucs, list(against), "AUC of made nodules against")
    panels[0].axhline(0.5, color="black", lw=0.8, ls=":")
    names = [f"{band}\nn = {found.met[band].n}" for band in BANDS_MM]
    for axes, rate in zip(panels[1:], RATES, strict=True):
        given = {arm: [f.given[rate, band] for band in BANDS_MM] for arm, f in found.arms.items()}
        _bars(axes, given, names, f"sensitivity at {rate:g} false alarms a lung")
    panels[-1].legend(loc="upper left", frameon=False)
    _sheet(bottom, samples)
    figure.savefig(path)


def _bars(axes: Any, found: Mapping[Arm, Sequence[CountedEstimate]], names: Sequence[str], title: str) -> None:
    for i, (arm, estimates) in enumerate(found.items()):
        at = np.arange(len(estimates)) + (i - 1) * 0.25
        values = np.array([e.value for e in estimates])
        reach = np.array([(e.value - e.low, e.high - e.value) for e in estimates]).T
        axes.bar(at, values, 0.23, color=COLOURS[arm], label=arm.value)
        axes.errorbar(at, values, np.maximum(np.nan_to_num(reach), 0), fmt="none", ecolor="black", capsize=2, lw=1)
    axes.set(title=title, ylim=(0, 1.02), xticks=range(len(names)))
    axes.set_xticklabels(names)
    axes.spines[["top", "right"]].set_visible(False)


def _sheet(figure: Any, samples: Sequence[PatchSample]) -> None:
    """Key slices in rows by kind, ordered by diameter; then one nodule and one made vessel, slice by slice."""
    rows = [(kind.value, [_key(s) for s in _spread(samples, kind)]) for kind in SampleKind]
    for kind in (SampleKind.NODULE, SampleKind.TWIN):
        one = _clearest(samples, kind)
        rows.append((f"one {kind.value},\nslice by slice", list(one.pixels)[:SHOWN]))
    grid = figure.subplots(len(rows), SHOWN)
    for line, (name, pictures) in zip(grid, rows, strict=True):
        for axes in line:
            axes.axis("off")
        for axes, picture in zip(line, pictures, strict=False):
            axes.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        line[0].set_title(name, loc="left", fontsize=9)


def _key(sample: PatchSample) -> Any:
    return sample.pixels[len(sample.pixels) // 2]


def _spread(samples: Sequence[PatchSample], kind: SampleKind) -> list[PatchSample]:
    """Examples from the smallest to the largest, none chosen by looks."""
    mine = sorted((s for s in samples if s.kind is kind), key=lambda s: np.nan_to_num(s.diameter_mm))
    at = np.linspace(0, len(mine) - 1, min(SHOWN, len(mine))).round().astype(int)
    return [mine[i] for i in at]


def _clearest(samples: Sequence[PatchSample], kind: SampleKind) -> PatchSample:
    """The first whose diameter is nearest 8 mm."""
    return min((s for s in samples if s.kind is kind), key=lambda s: abs(s.diameter_mm - 8))
