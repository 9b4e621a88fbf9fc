"""Prediction: from units to the network's scores of a study. No threshold is known here (verdict.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from inspect_ai.domain import Finding, Floats, Measure, Unit, UnitOutput
from inspect_ai.inspection.picture_choice import NOTHING_FOUND, PictureQuality
from inspect_ai.inspection.pictures.heat_map import heat_map
from inspect_ai.model.engine import Engine
from inspect_ai.plugins import HEAT_STRIDE, Task

NOT_A_NUMBER = "the network's answer is not a number"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Scores and findings of one model on one study.

    findings: highest score first. score: of the study, None where there is none; `problems` then says why, unless a
    measure of quality failed. Of pictures that are judged each by itself, the highest score of those within the limits,
    or of all where none is (verdict.py judges them).
    shape_px: rows and columns of the picture, or of a slice, that `heat` is laid over.
    """

    score: float | None = None
    findings: tuple[Finding, ...] = ()
    measures: tuple[Measure, ...] = ()  # of quality, without the distance from calibration (verdict.py)
    problems: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()  # parts of the object that the study does not show
    units: tuple[Unit, ...] = field(default=(), repr=False)
    outputs: tuple[UnitOutput, ...] = field(default=(), repr=False)
    shape_px: tuple[int, int] | None = field(default=None, repr=False)
    pictures: tuple[PictureQuality, ...] = ()  # of a study whose pictures are judged each by itself
    picture_scores: tuple[float | None, ...] = ()  # of each of them
    multiple: int = field(default=1, repr=False)  # of pixels that the engine pads units to

    @property
    def finite(self) -> bool:
        """True if every output of the network is a number."""
        return all(np.isfinite(output.logits).all() for output in self.outputs)

    @property
    def is_whole_series(self) -> bool:
        """True if the units were cut out of a volume."""
        return any(unit.series_uid for unit in self.units)

    @property
    def heat(self) -> Floats | None:
        """[H, W] attention over the picture (or slice) of the highest finding, highest 1; None without a score."""
        if self.shape_px is None or not self.findings:
            return None
        index = self.findings[0].image_index
        shape_px = self.pictures[index].shape_px if self.pictures else self.shape_px
        return heat_map(self.units, self.outputs, index, shape_px, shape_px, self.multiple)


def predict(
    task: Task,
    engine: Engine,
    units: Sequence[Unit],
    *,
    measures: Sequence[Measure] = (),
    problems: Sequence[str] = (),
    unseen: Sequence[str] = (),
    pictures: Sequence[PictureQuality] = (),
    shape_px: tuple[int, int] | None = None,
) -> Prediction:
    """Score the units of one study. A fault in engine or plugin is a problem of this study, not an error."""
    outputs: tuple[UnitOutput, ...] = ()
    findings: list[Finding] = []
    score: float | None = None
    scores: list[float | None] = []
    why = list(problems)
    if units and not why:
        try:
            outputs = tuple(inside(unit, output) for unit, output in zip(units, engine.run(units), strict=True))
            if all(np.isfinite(output.logits).all() for output in outputs):
                pairs = zip(units, outputs, strict=True)
                findings = [
                    finding if unit.laterality is None else replace(finding, laterality=unit.laterality)
                    for unit, output in pairs
                    for finding in task.findings(unit, output)
                ]
                findings = task.merged(findings)
                scores = [_score(task, [f for f in findings if f.image_index == p.index]) for p in pictures]
                score = _highest(pictures, scores) if pictures else _score(task, findings)
                why += [] if findings else [NOTHING_FOUND]
        except Exception as e:  # noqa: BLE001 - engine and plugin may raise anything; only this study is lost
            why.append(f"scoring failed: {type(e).__name__}")
    return Prediction(
        score=score,
        findings=tuple(sorted(findings, key=lambda finding: -finding.score)),
        measures=tuple(measures),
        problems=tuple(why),
        unseen=tuple(unseen),
        units=tuple(units),
        outputs=outputs,
        pictures=tuple(pictures),
        picture_scores=tuple(scores),
        shape_px=shape_px,
        multiple=engine.manifest.config.input.multiple,
    )


def inside(unit: Unit, output: UnitOutput) -> UnitOutput:
    """Output whose heat lies where the unit shows its object alone; each map keeps its sum.

    Cells less than half of which show it are emptied. A map with nothing else is spread evenly over the object.
    """
    rows, cols = output.heat.shape[1:]
    if unit.shown is None or not unit.shown.any() or not rows * cols:
        return output
    cells: NDArray[np.float32] = np.zeros((rows * HEAT_STRIDE, cols * HEAT_STRIDE), np.float32)
    height, width = (min(a, b) for a, b in zip(unit.shown.shape, cells.shape, strict=True))
    cells[:height, :width] = unit.shown[:height, :width]
    share = cells.reshape(rows, HEAT_STRIDE, cols, HEAT_STRIDE).mean(axis=(1, 3))
    shows = (share >= min(0.5, float(share.max()))).astype(np.float32)  # [h, w]
    before = output.heat.sum(axis=(1, 2), keepdims=True)
    heat = output.heat * shows
    left = heat.sum(axis=(1, 2), keepdims=True)
    heat = np.where(left > 0, heat * (before / np.maximum(left, 1e-12)), shows * (before / shows.sum()))
    return replace(output, heat=heat.astype(np.float32))


def _score(task: Task, findings: Sequence[Finding]) -> float | None:
    return float(task.aggregate(findings)) if findings else None


def _highest(pictures: Sequence[PictureQuality], scores: Sequence[float | None]) -> float | None:
    """Highest score of the pictures within the limits, or of all where none is."""
    passed = [score for picture, score in zip(pictures, scores, strict=True) if picture.passed and score is not None]
    return max(passed or [score for score in scores if score is not None], default=None)
