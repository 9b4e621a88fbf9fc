"""Tables of the volume benchmark: JSON for programs, Markdown for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.volumes.data import PatchSample, SampleKind
from benchmarks.volumes.figures import BANDS_MM, RATES
from benchmarks.volumes.results import ArmFigures, CountedEstimate, VolumeFigures
from benchmarks.volumes.scene import Scene
from benchmarks.writing import markdown_table
from inspect_ai.config import TaskConfig

LIMITS = (
    "What this does not show: how the product does on real nodules. The nodules are made, few series lend their lungs, "
    "and in thick slices a small nodule fills one slice or two. Nodules are made and candidates are real, so the "
    "figures at false alarms a scan may owe something to how made things look; made nodules against made vessels do "
    "not. A scan is one lung. Intervals count resampled nodules and negatives, not other patients."
)


def as_plain(
    found: VolumeFigures, config: TaskConfig, scenes: Sequence[Scene], samples: Sequence[PatchSample]
) -> dict[str, Any]:
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
    def by_rate(values: Mapping[tuple[float, str], CountedEstimate]) -> dict[str, Any]:
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


def _plain(estimate: CountedEstimate) -> dict[str, Any]:
    value, low, high = (round(v, 4) if np.isfinite(v) else None for v in (estimate.value, estimate.low, estimate.high))
    return {"value": value, "interval": [low, high], "n": estimate.n}


def as_markdown(found: VolumeFigures, plain: Mapping[str, Any]) -> str:
    """One table, and in words the data that it rests on."""
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
        markdown_table(["", *(arm.value for arm in arms)], [[name, *cells] for name, cells in rows]),
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


def _cell(e: CountedEstimate, *, sign: bool = False) -> str:
    shown = "+.3f" if sign else ".3f"
    return f"{e.value:{shown}} ({e.low:{shown}} to {e.high:{shown}})"
