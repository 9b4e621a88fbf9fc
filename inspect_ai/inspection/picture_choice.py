"""Choice of the pictures that decide a study, where the task judges each picture by itself (photographs of eyes).

The pictures are grouped by eye; those without a stated eye are one group. In each group the pictures that pass the
quality gate, and are like those of calibration, decide; the others are remarks. A group in which no picture passes
leaves the study to a person, unless another picture flags it: `Choice.lacking` is then the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from inspect_ai.calibration.out_of_distribution import Typicality
from inspect_ai.decide import failure
from inspect_ai.domain import Finding, Image, Measure, Study, Unit, UnitOutput
from inspect_ai.ingest.load import emptiness
from inspect_ai.inspection import out_of_distribution
from inspect_ai.plugins import Task

EYES = {"L": "left eye", "R": "right eye"}
NAMED_MOST = 8  # pictures that a reason names
NOTHING_FOUND = "the task found nothing in it to look at"


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureQuality:
    """Quality of one picture of a study. faults: reasons why it has no score; laterality: "L", "R" or None."""

    index: int  # of the picture in its study, as Unit.image_index
    name: str  # path of its file, and its frame where there are several
    laterality: str | None
    shape_px: tuple[int, int]
    measures: tuple[Measure, ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """True within the limits of all measures, and without faults."""
        return not self.faults and all(measure.passed for measure in self.measures)

    @property
    def why(self) -> str:
        """Reasons why it does not pass."""
        return "; ".join([*self.faults, *(failure(measure) for measure in self.measures if not measure.passed)])

    @property
    def label(self) -> str:
        """Name and eye, as messages give them."""
        return self.name if self.laterality is None else f"{self.name} ({EYES[self.laterality]})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Pictures that decide. lacking: the eyes without any, with the reasons; remarks: on the other pictures."""

    deciding: tuple[PictureQuality, ...]
    measures: tuple[Measure, ...]  # of the deciding pictures, then of the eyes that lack one
    remarks: tuple[str, ...]
    lacking: tuple[str, ...]

    def among(self, findings: Sequence[Finding]) -> tuple[Finding, ...]:
        """Findings in the pictures that decide."""
        indices = {picture.index for picture in self.deciding}
        return tuple(finding for finding in findings if finding.image_index in indices)


def is_judged_by_picture(study: Study, task: Task) -> bool:
    """True for a study of several pictures whose task judges each by itself."""
    return task.judges_each_picture and len(study.images) > 1 and not study.volumes


def picture_by_picture(
    study: Study, task: Task, *, whatever_its_quality: bool = False
) -> tuple[tuple[PictureQuality, ...], tuple[Unit, ...]]:
    """Measure each picture as a study of its own, and make the units of those that pass, or of all."""
    pictures: list[PictureQuality] = []
    units: list[Unit] = []
    for index, image in enumerate(study.images):
        alone = replace(study, images=(image,))
        picture = PictureQuality(
            index=index,
            name=_name(image, index),
            laterality=image.laterality,
            shape_px=(image.pixels.shape[0], image.pixels.shape[1]),
            faults=emptiness(image.pixels),
        )
        if not picture.faults:
            picture = replace(picture, measures=tuple(task.quality(alone)))
            if picture.passed or whatever_its_quality:
                own = [replace(unit, image_index=index) for unit in task.units(alone)]
                picture = picture if own else replace(picture, faults=(NOTHING_FOUND,))
                units += own
        pictures.append(picture)
    return tuple(pictures), tuple(units)


def first_fault(study: Study, task: Task) -> tuple[str, ...]:
    """Reason why nothing is in the first of several pictures, where they are judged together; else nothing."""
    if len(study.images) < 2 or is_judged_by_picture(study, task):  # a single picture's is among Study.problems
        return ()
    return emptiness(study.images[0].pixels)


def with_laterality(units: Sequence[Unit], study: Study) -> tuple[Unit, ...]:
    """Units that name the eye of their picture, where its header tells it."""
    eyes = dict(enumerate(image.laterality for image in study.images))
    return tuple(
        unit if eyes.get(unit.image_index) is None else replace(unit, laterality=eyes[unit.image_index])
        for unit in units
    )


def choose(
    pictures: Sequence[PictureQuality], units: Sequence[Unit], outputs: Sequence[UnitOutput], known: Typicality | None
) -> Choice:
    """Choose the pictures that decide, with the distance of each from the calibration pictures among its measures."""
    every = [_with_distance(picture, units, outputs, known) for picture in pictures]
    eyes = list(dict.fromkeys(picture.laterality for picture in every))
    groups = {eye: [picture for picture in every if picture.laterality == eye] for eye in eyes}
    lacking = {eye: group for eye, group in groups.items() if not any(picture.passed for picture in group)}
    deciding = tuple(picture for picture in every if picture.passed)
    missed = [picture for group in lacking.values() for picture in group]
    others = [picture for picture in every if not picture.passed and picture.laterality not in lacking]
    return Choice(
        deciding=deciding,
        measures=tuple(measure for picture in (*deciding, *missed) for measure in picture.measures),
        remarks=tuple(f"{picture.label} does not count: {picture.why}" for picture in others),
        lacking=tuple(_lack(eye, group, alone=len(groups) == 1) for eye, group in lacking.items()),
    )


def _with_distance(
    picture: PictureQuality, units: Sequence[Unit], outputs: Sequence[UnitOutput], known: Typicality | None
) -> PictureQuality:
    own = [(unit, out) for unit, out in zip(units, outputs, strict=True) if unit.image_index == picture.index]
    alone = [replace(unit, image_index=0) for unit, _ in own]
    distance = out_of_distribution.measure(known, alone, [out for _, out in own], picture.measures)
    return picture if distance is None else replace(picture, measures=(*picture.measures, distance))


def _lack(eye: str | None, group: Sequence[PictureQuality], *, alone: bool) -> str:
    """Sentence about an eye without a picture that passes. alone: there is no other eye in the study."""
    which = f"of the {EYES[eye]}" if eye else "of the study" if alone else "without a stated eye"
    named = [f"{picture.name} ({picture.why})" for picture in group[:NAMED_MOST]]
    more = [f"{len(group) - NAMED_MOST} more"] if len(group) > NAMED_MOST else []
    return f"no picture {which} can be judged: {', '.join([*named, *more])}"


def _name(image: Image, index: int) -> str:
    name = image.file or f"picture {index + 1}"
    return name if image.frame is None else f"{name} frame {image.frame}"
