"""Samples of one answered case: its picture, or from a volume the pictures at the places that the answer speaks of."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from inspect_ai.audit import Log, Review
from inspect_ai.domain import Floats, Image, Study, StudyRef, Unit
from inspect_ai.errors import InputError
from inspect_ai.ingest import DecoderPool, load
from inspect_ai.ingest.volumes.encoded import content_of
from inspect_ai.inspection.decided_files import named_study, root_of
from inspect_ai.plugins import Task
from inspect_ai.review import Case, ReviewState
from inspect_ai.review.label_masks import mask_of
from inspect_ai.review.places import Place, places_of
from inspect_ai.review.random_audit import drawn
from inspect_ai.secret import write_private
from inspect_ai.settings import Settings
from inspect_ai.text import printable

PASSED_OVER = "places that the task does not look at, so that no picture of training shows them"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One line of labels.csv. file, masks: names below the folder; entry, review: numbers in the log."""

    file: str
    label: str
    split: str
    group: str
    masks: str
    entry: int
    entry_hash: str
    review: int
    reader: str
    blinded: str
    drawn: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Writes the pictures of answered cases of a task below `out`."""

    log: Log
    task: Task
    out: Path
    roots: tuple[Path, ...]
    settings: Settings
    pool: DecoderPool

    def of(self, case: Case) -> tuple[list[Sample], list[str]]:
        """Lines of the table of one case, and why places of it have none. Raises InputError where it has no picture."""
        ref = named_study(case.decision, self.log)
        root = root_of(ref, self.roots)
        study = self.pool.submit(load, root, ref, self.settings, timeout_s=self.settings.study_timeout_s).result()
        if study.volumes:
            return self._of_volume(case, study)
        content = content_of(root, ref.files[0]) if ref.kind == "image" else None
        return [self._of_picture(case, ref, _only_image(study), content)], []

    def _of_picture(self, case: Case, ref: StudyRef, image: Image, content: bytes | None) -> Sample:
        """content: of a camera file, which is kept as it is."""
        review = _answer(case)
        name = f"{ref.digest[:16]}{_ending(ref)}"
        write_private(self.out / "images" / name, content or _png(image.pixels))
        masks = ""
        if review.marks and case.state is ReviewState.POSITIVE:
            masks = f"masks/{ref.digest[:16]}.png"
            write_private(self.out / masks, _encoded(mask_of(review.marks, image.pixels.shape[:2])))
        return self._sample(case, f"images/{name}", masks, by_machine=False)

    def _of_volume(self, case: Case, study: Study) -> tuple[list[Sample], list[str]]:
        volume, review = study.volumes[0], _answer(case)
        positive = case.state is ReviewState.POSITIVE
        places = places_of(review.marks, case.decision.decision().findings, volume, positive=positive)
        samples, lost = [], []
        for number, (place, unit) in enumerate(zip(places, nearest(self.task.units(study), places), strict=True), 1):
            if unit is None:
                lost.append(PASSED_OVER)
                continue
            name = f"images/{study.ref.digest[:16]}_{number}.png"
            write_private(self.out / name, _png(_looked_at(unit, self.task.config.input.window)))
            samples.append(self._sample(case, name, "", by_machine=positive and not place.drawn))
        return samples, lost

    def _sample(self, case: Case, file: str, masks: str, *, by_machine: bool) -> Sample:
        """by_machine: the place of a positive is the machine's, so it is none that the machine could have missed."""
        entry, last, review = case.decision, case.last, _answer(case)
        ref = entry.decision().study
        by_chance = drawn(entry, self.settings.audit_rate)
        return Sample(
            file=file, label=self._label(review.label, case.state), masks=masks,
            split="calibration" if by_chance and not by_machine else "train",
            group=ref.patient_hash or ref.digest[:16], entry=entry.id, entry_hash=entry.hash,
            review=last.id if last else 0, reader=last.operator if last else "",
            blinded="yes" if review.blinded else "no", drawn="yes" if by_chance else "no",
            reason=printable(review.reason, 500),
        )  # fmt: skip

    def _label(self, named: str, state: ReviewState) -> str:
        """Class in the label set's words: the one that the reader named, or the first of the answered side."""
        labels, positive = self.task.config.labels[0], state is ReviewState.POSITIVE
        side = [name for name in labels.classes if (name in labels.positive) is positive]
        if not side:
            raise InputError("the task's labels have no class on that side")
        return named if named in side else side[0]


def nearest(units: Iterable[Unit], places: Sequence[Place]) -> list[Unit | None]:
    """For each place the unit whose middle lies nearest and within its radius, or None."""
    found: list[Unit | None] = [None] * len(places)
    least = [place.radius_mm for place in places]
    for unit in units:
        if unit.position_mm is None:
            continue
        for index, place in enumerate(places):
            away = math.dist(unit.position_mm, place.position_mm)
            if away <= least[index]:
                found[index], least[index] = unit, away
    return found


def _answer(case: Case) -> Review:
    assert case.last is not None  # noqa: S101 - an answered case has an answer
    return case.last.review()


def _only_image(study: Study) -> Image:
    """The one picture of a study. Raises InputError for several or none."""
    if len(study.images) > 1:
        raise InputError("a study of several pictures, where the answer does not say which one it is about")
    if not study.images:
        raise InputError(study.rejections[0].reason if study.rejections else "the study holds no picture")
    return study.images[0]


def _looked_at(unit: Unit, side: int | None) -> Any:
    """[H, W] or [H, W, 3] in 8 bits, as the network sees it; of a stack the middle slice; side: of the picture."""
    pixels: Floats = unit.pixels if unit.pixels.ndim == 3 else unit.pixels[:, unit.pixels.shape[1] // 2]
    shown = np.rint(pixels * 255.0).clip(0, 255).astype(np.uint8).transpose(1, 2, 0)
    if side is not None and side != shown.shape[0]:
        shown = np.asarray(cv2.resize(shown, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    return shown[..., 0] if shown.ndim == 3 and shown.shape[-1] == 1 else shown


def _ending(ref: StudyRef) -> str:
    """Ending of a camera file, where it is plain; PNG for what was decoded."""
    if ref.kind != "image":
        return ".png"
    ending = Path(ref.files[0].path).suffix.lower()
    return ending if ending[1:].isalnum() else ".png"


def _png(pixels: Any) -> bytes:
    return _encoded(pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))


def _encoded(pixels: Any) -> bytes:
    fine, png = cv2.imencode(".png", pixels)
    if not fine:
        raise InputError("the picture cannot be written as PNG")
    return bytes(png.tobytes())
