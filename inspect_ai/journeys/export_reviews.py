"""Export journey: answered cases as a labelled folder that train, calibrate and evaluate read, with their provenance.

People answer what the machine flagged first, so answered cases lean towards high scores: a threshold calibrated on them
would promise too much. For calibration count only those that the hash of their entry drew (review/random_audit.py),
flagged or not: nobody chose them, and scores had no part in it. All others are for training.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.audit import DrawnMark, Kind, Log, MarkKind
from inspect_ai.config import LabelSet
from inspect_ai.domain import Image, StudyRef
from inspect_ai.errors import InputError, UsageError
from inspect_ai.ingest import DecoderPool, load
from inspect_ai.ingest.volumes.encoded import content_of
from inspect_ai.inspection.decided_files import named_study, root_of
from inspect_ai.plugins import task_named
from inspect_ai.review import Case, ReviewState, case
from inspect_ai.review.random_audit import drawn
from inspect_ai.secret import make_private_folder, write_private
from inspect_ai.settings import Settings
from inspect_ai.text import printable

COLUMNS = (
    "file", "label", "split", "group", "masks", "entry", "entry_hash", "review", "reader", "blinded", "drawn", "reason",
)  # fmt: skip
ANSWERED = (ReviewState.POSITIVE, ReviewState.NEGATIVE)
POINT_RADIUS_PX = 3  # a point marks a place, not an area
VOLUME = "volumes, whose labels are no pictures"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """Result: pictures by split, and how many answered cases were left out, by reason."""

    folder: Path
    splits: tuple[tuple[str, int], ...]
    left_out: tuple[tuple[str, int], ...]
    drawn_waiting: int  # drawn by chance and not answered yet: without them the calibration part is no fair sample


def export_reviews(
    log: Log,
    task_name: str,
    out: Path,
    *,
    roots: Sequence[Path],
    settings: Settings,
    progress: Callable[[int], None] = lambda done: None,
) -> Exported:
    """Write OUT/labels.csv, OUT/images and OUT/masks of the answered cases of a task.

    The audit rate of the settings says which cases chance drew. Raises UsageError for a folder that holds something, an
    unknown task, or a place that cannot be written.
    """
    labels = task_named(task_name, settings.tasks).config.labels[0]
    rows: list[dict[str, object]] = []
    left_out: Counter[str] = Counter()
    try:
        if out.exists() and any(out.iterdir()):
            raise UsageError(f"{out} holds something already. Name a new folder with --out.")
        for name in ("images", "masks"):
            make_private_folder(out / name)
        with DecoderPool(1, settings.decode_memory_gib) as pool:
            writer = _Writer(log=log, out=out, roots=tuple(roots), settings=settings, pool=pool, labels=labels)
            for done, answered in enumerate(_answered(log, task_name), 1):
                try:
                    rows.append(writer.row(answered))
                except InputError as e:
                    left_out[_reason(e)] += 1
                progress(done)
        write_private(out / "labels.csv", _table(rows))
    except OSError as e:
        raise UsageError(f"{out} cannot be written ({e.strerror}). Name another folder with --out.") from e
    splits = Counter(str(row["split"]) for row in rows)
    return Exported(
        folder=out,
        splits=tuple(sorted(splits.items())),
        left_out=tuple(left_out.most_common()),
        drawn_waiting=_drawn_waiting(log, task_name, settings.audit_rate),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Writer:
    log: Log
    out: Path
    roots: tuple[Path, ...]
    settings: Settings
    pool: DecoderPool
    labels: LabelSet

    def row(self, answered: Case) -> dict[str, object]:
        """Write picture and mask of a case; returns its line of the table. Raises InputError where there is none."""
        entry, last = answered.decision, answered.last
        assert last is not None  # noqa: S101 - an answered case has an answer
        review = last.review()
        ref = named_study(entry, self.log)
        root = root_of(ref, self.roots)
        image = self._image(root, ref)
        name = f"{ref.digest[:16]}{_ending(ref)}"
        content = content_of(root, ref.files[0]) if ref.kind == "image" else _png(image)
        write_private(self.out / "images" / name, content)
        masks = ""
        if review.marks and answered.state is ReviewState.POSITIVE:
            masks = f"masks/{ref.digest[:16]}.png"
            write_private(self.out / masks, _encoded(mask_of(review.marks, image.pixels.shape[:2])))
        by_chance = drawn(entry, self.settings.audit_rate)
        return {
            "file": f"images/{name}", "label": self._label(review.label, answered.state), "masks": masks,
            "split": "calibration" if by_chance else "train", "group": ref.patient_hash or ref.digest[:16],
            "entry": entry.id, "entry_hash": entry.hash, "review": last.id, "reader": last.operator,
            "blinded": "yes" if review.blinded else "no", "drawn": "yes" if by_chance else "no",
            "reason": printable(review.reason, 500),
        }  # fmt: skip

    def _label(self, named: str, state: ReviewState) -> str:
        """Class in the label set's words: the one that the reader named, or the first of the answered side."""
        positive = state is ReviewState.POSITIVE
        side = [name for name in self.labels.classes if (name in self.labels.positive) is positive]
        if not side:
            raise InputError("the task's labels have no class on that side")
        return named if named in side else side[0]

    def _image(self, root: Path, ref: StudyRef) -> Image:
        """The one picture of a study. Raises InputError for volumes and several pictures."""
        study = self.pool.submit(load, root, ref, self.settings, timeout_s=self.settings.study_timeout_s).result()
        if study.volumes or len(study.images) > 1:
            raise InputError(VOLUME)
        if not study.images:
            raise InputError(study.rejections[0].reason if study.rejections else "the study holds no picture")
        return study.images[0]


def mask_of(marks: Sequence[DrawnMark], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """[H, W] with 255 inside of any mark."""
    mask = np.zeros(shape, np.uint8)
    for mark in marks:
        points = np.rint(np.array(mark.points)[:, ::-1]).astype(np.int32)  # x, y
        first, last = points[0], points[-1]
        if mark.kind is MarkKind.BOX:
            cv2.rectangle(mask, first.tolist(), last.tolist(), 255, cv2.FILLED)
        elif mark.kind is MarkKind.FREEHAND:
            cv2.fillPoly(mask, [points], 255)
        else:
            rim = round(float(np.hypot(*(last - first)))) if mark.kind is MarkKind.CIRCLE else POINT_RADIUS_PX
            cv2.circle(mask, first.tolist(), rim, 255, cv2.FILLED)
    return mask


def _answered(log: Log, task: str) -> Iterator[Case]:
    """Cases of a task that are answered positive or negative, each content once: its newest decision."""
    newest: dict[str, Case] = {}
    for entry_id in dict.fromkeys(entry.refers for entry in log.entries(kind=Kind.REVIEW)):
        found = None if entry_id is None else case(log, entry_id)
        if found is not None and found.decision.task == task and found.state in ANSWERED:
            newest[found.decision.subject] = found
    yield from sorted(newest.values(), key=lambda found: found.decision.id)


def _drawn_waiting(log: Log, task: str, rate: float) -> int:
    """Decisions that chance drew and nobody answered positive or negative."""
    drawn_ones = (entry.id for entry in log.entries(kind=Kind.DECISION, task=task) if drawn(entry, rate))
    return sum(case(log, entry_id).state not in ANSWERED for entry_id in drawn_ones) if rate > 0.0 else 0


def _ending(ref: StudyRef) -> str:
    """Ending of a camera file, where it is plain; PNG for what was decoded."""
    if ref.kind != "image":
        return ".png"
    ending = Path(ref.files[0].path).suffix.lower()
    return ending if ending[1:].isalnum() else ".png"


def _png(image: Image) -> bytes:
    pixels: Any = image.pixels
    return _encoded(pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))


def _encoded(pixels: Any) -> bytes:
    fine, png = cv2.imencode(".png", pixels)
    if not fine:
        raise InputError("the picture cannot be written as PNG")
    return bytes(png.tobytes())


def _table(rows: Sequence[dict[str, object]]) -> bytes:
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue().encode()


def _reason(error: InputError) -> str:
    return printable(str(error), 200)
