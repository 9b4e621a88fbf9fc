"""The volume bench as JSON, as a table and as a picture: sensitivity by size, and what nodules and vessels look like.

The picture needs matplotlib (the extra `bench`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.drawing import new_figure
from benchmarks.volumes.arms import Arm
from benchmarks.volumes.data import Sample, SampleKind
from benchmarks.volumes.figures import BANDS_MM, RATES, ArmFigures, Figures
from benchmarks.volumes.froc import Estimate
from benchmarks.volumes.scene import Scene
from inspect_ai.config import TaskConfig

COLOURS = {Arm.KEY: "#9c5b16", Arm.STACK: "#7a7a7a", Arm.VOLUME: "#0b62a4"}
SHOWN = 10  # examples a row
LIMITS = (
    "What this does not show: how the product does on real nodules. The nodules are made, few series lend their lungs, "
    "and in thick slices a small nodule fills one slice or two. Nodules are made and candidates are real, so the "
    "figures at false alarms a scan may owe something to how made things look; made nodules against made vessels do "
    "not. A scan is one lung. Intervals count resampled nodules and negatives, not other patients."
)


def as_plain(found: Figures, config: TaskConfig, scenes: Sequence[Scene], samples: Sequence[Sample]) -> dict[str, Any]:
    """Everything as values that JSON knows; intervals as [low, high]."""
    return {
        "series": [
            {
                "name": scene.name,
                "slices": len(scene.volume.hu),
                "spacing_mm": list(scene.volume.spacing_mm),
                "blur_mm": round(scene.blur_mm, 3),
                "annotated_boxes": len(scene.boxes),
            }
            for scene in scenes
        ],
        "samples": {kind.value: sum(s.kind is kind for s in samples) for kind in SampleKind},
        "depth": len(samples[0].pixels),
        "scans": found.scans,
        "candidates_a_scan": found.alarms,
        "parameters": found.parameters,
        "finder": {band: _plain(e) for band, e in found.met.items()},
        "arms": {arm.value: _arm(a) for arm, a in found.arms.items()},
        "gain_over_key_slice": {
            arm.value: {n: _plain(e) for n, e in gains.items()} for arm, gains in found.gains.items()
        },
        "config": config.model_dump(mode="json"),
        "limits": LIMITS,
    }


def _arm(figures: ArmFigures) -> dict[str, Any]:
    def by_rate(values: Mapping[tuple[float, str], Estimate]) -> dict[str, Any]:
        return {f"{rate:g}": {band: _plain(values[rate, band]) for band in BANDS_MM} for rate in RATES}

    return {
        "auc_made_vessels": _plain(figures.auc_tubes),
        "auc_faint_made_vessels": _plain(figures.auc_twins),
        "auc_real_candidates": _plain(figures.auc_candidates),
        "sensitivity_given_a_candidate": by_rate(figures.given),
        "sensitivity_end_to_end": by_rate(figures.end_to_end),
        "made_vessels_passed": {f"{rate:g}": _plain(e) for rate, e in figures.tubes_passed.items()},
        "ms": round(figures.ms, 2),
    }


def _plain(estimate: Estimate) -> dict[str, Any]:
    value, low, high = (round(v, 4) if np.isfinite(v) else None for v in (estimate.value, estimate.low, estimate.high))
    return {"value": value, "interval": [low, high], "n": estimate.n}


def as_markdown(found: Figures, plain: Mapping[str, Any]) -> str:
    """The tables, and in words what stands behind them."""
    arms = list(found.arms)
    rows: list[tuple[str, list[str]]] = [
        ("AUC, made nodule against made vessel", [_cell(found.arms[a].auc_tubes) for a in arms]),
        (
            "AUC, against made vessel as faint as a nodule on the key slice",
            [_cell(found.arms[a].auc_twins) for a in arms],
        ),
        ("AUC, made nodule against real candidate", [_cell(found.arms[a].auc_candidates) for a in arms]),
    ]
    for rate in RATES:
        for band in BANDS_MM:
            n = found.met[band].n
            cells = [_cell(found.arms[a].given[rate, band]) for a in arms]
            rows.append((f"sensitivity at {rate:g} a scan, {band} (n = {n})", cells))
    for rate in RATES:
        rows.append(
            (f"the same end to end at {rate:g}, all", [_cell(found.arms[a].end_to_end[rate, "all"]) for a in arms])
        )
        rows.append((f"made vessels passed at {rate:g}", [_cell(found.arms[a].tubes_passed[rate]) for a in arms]))
    rows.append(("ms a candidate, one thread", [f"{found.arms[a].ms:.1f}" for a in arms]))
    series = "; ".join(
        f"{s['name']}: slices of {s['spacing_mm'][0]:g} mm, pixels of {s['spacing_mm'][1]:.2f} mm"
        for s in plain["series"]
    )
    met = ", ".join(f"{_cell(e)} of {band}" for band, e in found.met.items())
    lines = [
        "# What the third dimension brings",
        "",
        f"One network ({plain['config']['network']['size']} trunk, {found.parameters:,} parameters, one start) in "
        f"three arms, over {found.scans} lungs that it never saw, {found.alarms:.0f} real candidates each ({series}). "
        "95 % intervals in brackets.",
        "",
        "| | " + " | ".join(arm.value for arm in arms) + " |",
        "|---|" + "---|" * len(arms),
        *(f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows),
        "",
        *(
            f"- {arm.value} over key slice: " + "; ".join(f"{name} {_cell(e, sign=True)}" for name, e in gains.items())
            for arm, gains in found.gains.items()
        ),
        f"- The product's finder meets {met} of the made nodules.",
        "",
        LIMITS,
        "",
    ]
    return "\n".join(lines)


def _cell(e: Estimate, *, sign: bool = False) -> str:
    shown = "+.3f" if sign else ".3f"
    return f"{e.value:{shown}} ({e.low:{shown}} to {e.high:{shown}})"


def draw(path: Path, found: Figures, samples: Sequence[Sample]) -> None:
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


def _bars(axes: Any, found: Mapping[Arm, Sequence[Estimate]], names: Sequence[str], title: str) -> None:
    for i, (arm, estimates) in enumerate(found.items()):
        at = np.arange(len(estimates)) + (i - 1) * 0.25
        values = np.array([e.value for e in estimates])
        reach = np.array([(e.value - e.low, e.high - e.value) for e in estimates]).T
        axes.bar(at, values, 0.23, color=COLOURS[arm], label=arm.value)
        axes.errorbar(at, values, np.maximum(np.nan_to_num(reach), 0), fmt="none", ecolor="black", capsize=2, lw=1)
    axes.set(title=title, ylim=(0, 1.02), xticks=range(len(names)))
    axes.set_xticklabels(names)
    axes.spines[["top", "right"]].set_visible(False)


def _sheet(figure: Any, samples: Sequence[Sample]) -> None:
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


def _key(sample: Sample) -> Any:
    return sample.pixels[len(sample.pixels) // 2]


def _spread(samples: Sequence[Sample], kind: SampleKind) -> list[Sample]:
    """Examples from the smallest to the largest, none chosen by looks."""
    mine = sorted((s for s in samples if s.kind is kind), key=lambda s: np.nan_to_num(s.diameter_mm))
    at = np.linspace(0, len(mine) - 1, min(SHOWN, len(mine))).round().astype(int)
    return [mine[i] for i in at]


def _clearest(samples: Sequence[Sample], kind: SampleKind) -> Sample:
    """The first whose diameter is nearest 8 mm."""
    return min((s for s in samples if s.kind is kind), key=lambda s: abs(s.diameter_mm - 8))
