"""Perturbation: labelled pictures, shifted by a few pixels and mirrored, each decided again as at work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from inspect_ai.datasets.folder import LabelledFolder, Row
from inspect_ai.datasets.samples import study_of_row
from inspect_ai.domain import Image, Outcome, Pixels, Study
from inspect_ai.inspection.dataset_scoring import labelled_ref
from inspect_ai.inspection.inspector import Inspector
from inspect_ai.inspection.verdict import verdict

STEP_PX = 4  # of position jitter: half a cell of the heat map


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """One picture under one jitter. score: None where the network gave no finite number, and the outcome ABSTAIN."""

    row: Row
    jitter: str
    score: float | None
    outcome: Outcome


def jittered(
    folder: LabelledFolder,
    rows: Sequence[Row],
    inspector: Inspector,
    progress: Callable[[int], None] = lambda done: None,
) -> Iterator[Repeat]:
    """Decide each row as it is and under every jitter, as at work."""
    with folder.unpacked(rows) as root:
        for done, row in enumerate(rows, 1):
            study = study_of_row(root, row, inspector.settings)
            for name, move in JITTERS.items():
                moved = replace(study, images=tuple(_moved(image, move) for image in study.images))
                yield _repeat(moved, row, name, inspector)
            progress(done)


def _repeat(study: Study, row: Row, jitter: str, inspector: Inspector) -> Repeat:
    prediction = inspector.predict_study(study)
    judged = verdict(prediction, labelled_ref(study, row, inspector), inspector)
    score = prediction.score if prediction.finite else None
    return Repeat(row=row, jitter=jitter, score=score, outcome=judged.verdict.outcome)


def shifted(pixels: Pixels, down: int, right: int) -> Pixels:
    """[H, W] or [H, W, 3] shifted by whole pixels; the border is filled with the mirrored edge."""
    height, width = pixels.shape[:2]
    edge = [(abs(down), abs(down)), (abs(right), abs(right))] + [(0, 0)] * (pixels.ndim - 2)
    wide = np.pad(pixels, edge, mode="symmetric")
    top, left = abs(down) - down, abs(right) - right
    return np.ascontiguousarray(wide[top : top + height, left : left + width])


JITTERS: dict[str, Callable[[Pixels], Pixels]] = {
    "as it is": lambda pixels: pixels,
    f"{STEP_PX} px to the right": lambda pixels: shifted(pixels, 0, STEP_PX),
    f"{STEP_PX} px down": lambda pixels: shifted(pixels, STEP_PX, 0),
    f"{STEP_PX} px up and left": lambda pixels: shifted(pixels, -STEP_PX, -STEP_PX),
    "mirrored left to right": lambda pixels: np.ascontiguousarray(pixels[:, ::-1]),
    "mirrored top to bottom": lambda pixels: np.ascontiguousarray(pixels[::-1]),
}


def _moved(image: Image, move: Callable[[Pixels], Pixels]) -> Image:
    return replace(image, pixels=move(image.pixels))
