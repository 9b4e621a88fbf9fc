"""Evaluation journey for whole series: a folder of CT series, a table of positions, and what is found of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from inspect_ai.datasets.annotations import AnnotatedNodule, read_annotations
from inspect_ai.domain import Finding, Rejection, Study, StudyRef, Volume
from inspect_ai.errors import InputError
from inspect_ai.evaluation.curves import Share
from inspect_ai.evaluation.series_response import SeriesMarks, SeriesResponse, marks_of, series_response
from inspect_ai.ingest import DecoderPool, discover
from inspect_ai.ingest import load as load_study
from inspect_ai.inspection.inspector import Inspector
from inspect_ai.inspection.loading import load
from inspect_ai.report.evaluation.series_page import SeriesSubject, write_series_page
from inspect_ai.settings import Settings

__all__ = ["SeriesEvaluation", "evaluate_series"]

LISTED = 5  # names in one sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesEvaluation:
    """Figures of a task on whole series. unscored: of the series, those that could not be scored: all missed.

    flagged, flagged_false_marks: nodules found, and false marks a series, at the line at which a whole series is
    flagged; None without an operating point.
    """

    task: str
    data: str
    annotations: str
    series: int
    nodules: int
    excluded: int
    ignored_marks: int
    unscored: int
    response: SeriesResponse
    flagged: Share | None = None
    flagged_false_marks: float | None = None
    said: tuple[str, ...] = ()
    scans: tuple[SeriesMarks, ...] = field(default=(), repr=False)


def evaluate_series(
    task_name: str,
    data: Path,
    annotations: Path,
    *,
    settings: Settings,
    excluded: Path | None = None,
    model: Path | None = None,
    operating_point: Path | None = None,
    report: Path | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> SeriesEvaluation:
    """Search every CT series below a folder, and compare with the table; with `report`, write a page.

    A series that the table does not name counts as one without nodules. excluded: a table of findings that count
    neither way. Raises InputError for a table or folder that does not fit, and where no nodule is in the folder.
    """
    inspector = load(task_name, model, operating_point, settings=settings, points="optional")
    wanted = _by_series(read_annotations(annotations))
    irrelevant = _by_series(read_annotations(excluded)) if excluded is not None else {}
    scans: list[SeriesMarks] = []
    unscored, said = 0, []
    for study, rejected in _studies(data, settings):
        said += rejected
        for volume in study.volumes if study is not None else ():
            findings, unseen, problem = _findings(study, volume, inspector)
            name = volume.series_uid
            nodules = wanted.get(name, [])
            unscored += bool(problem)
            said += (
                [f"series {name} was not scored ({problem}): nodules in it count as missed: {len(nodules)}"]
                if problem
                else []
            )
            said += _outside(volume, nodules) + [f"series {name}: {text}" for text in unseen]
            scans.append(marks_of(len(scans), findings, nodules, irrelevant.get(name, ()), name, unseen))
            progress(len(scans))
    said += _absent(wanted, scans)
    if not any(scan.nodules for scan in scans):
        raise InputError(f"No series below {data} has a nodule in {annotations}. Compare their series UIDs.")
    response = series_response(scans)
    line = inspector.point.for_volume().thresholds.flag_from if inspector.point is not None else None
    flagged, false = response.curve.at(line) if line is not None else (None, None)
    result = SeriesEvaluation(
        task=task_name,
        data=str(data),
        annotations=str(annotations),
        series=len(scans),
        nodules=response.curve.places,
        excluded=sum(len(irrelevant.get(scan.series_uid, ())) for scan in scans),
        ignored_marks=sum(scan.ignored for scan in scans),
        unscored=unscored,
        response=response,
        flagged=flagged,
        flagged_false_marks=false,
        said=tuple(said),
        scans=tuple(scans),
    )
    if report is not None:
        write_series_page(report, _subject(result, inspector), response, result.said)
    return result


def _studies(data: Path, settings: Settings) -> Iterator[tuple[Study | None, list[str]]]:
    """Each study of the folder with its volumes, and sentences on what of it cannot be read."""
    with DecoderPool(1, settings.decode_memory_gib) as pool:
        found = list(discover(data, settings=settings, pool=pool))
    rejected = [item for item in found if isinstance(item, Rejection) and not item.expected]
    if rejected:
        names = ", ".join(item.file for item in rejected[:LISTED])
        yield (
            None,
            [f"files that cannot be read were left out: {len(rejected)} ({names}{', ...' * (len(rejected) > LISTED)})"],
        )
    for ref in found:
        if isinstance(ref, StudyRef) and ref.kind == "dicom":
            yield load_study(data, ref, settings), []


def _findings(
    study: Study | None, volume: Volume, inspector: Inspector
) -> tuple[tuple[Finding, ...], tuple[str, ...], str]:
    """Findings in one volume, sentences on what they do not cover, and the reason where there are none."""
    assert study is not None  # noqa: S101 - a study without volumes has none to look at; for the type checker
    if problems := [*study.ref.problems, *study.problems]:
        return (), (), "; ".join(problems)
    alone = Study(ref=study.ref, volumes=(volume,))
    failed = [measure.name for measure in inspector.task.quality(alone) if not measure.passed]
    if failed:
        return (), (), f"its quality does not pass: {', '.join(failed)}"
    prediction = inspector.predict_study(alone)
    if prediction.score is None:
        return (), prediction.unseen, "" if not prediction.units else "; ".join(prediction.problems)
    return prediction.findings, prediction.unseen, ""


def _by_series(nodules: Sequence[AnnotatedNodule]) -> dict[str, list[AnnotatedNodule]]:
    found: dict[str, list[AnnotatedNodule]] = {}
    for nodule in nodules:
        found.setdefault(nodule.series_uid, []).append(nodule)
    return found


def _outside(volume: Volume, nodules: Sequence[AnnotatedNodule]) -> list[str]:
    """A sentence on nodules whose centre the series does not hold: coordinates of another system, mostly."""
    lost = []
    for nodule in nodules:
        if nodule.centre_mm is not None:
            voxel = volume.voxel_at(nodule.centre_mm)
            if any(not -1 <= at <= count for at, count in zip(voxel, volume.hu.shape, strict=True)):
                lost.append(nodule.name)
        elif not {box.sop_instance_uid for box in nodule.boxes} & set(volume.sop_instance_uids):
            lost.append(nodule.name)
    if not lost:
        return []
    return [
        f"series {volume.series_uid}: annotated nodules that lie outside it: {len(lost)} ({', '.join(lost[:LISTED])}). "
        "Positions are patient coordinates in millimetres, x to the left, y to the back, z to the head (LPS)"
    ]


def _absent(wanted: dict[str, list[AnnotatedNodule]], scans: Sequence[SeriesMarks]) -> list[str]:
    there = Counter(scan.series_uid for scan in scans)
    absent = [name for name in wanted if name not in there]
    unnamed = sum(name not in wanted for name in there)
    said = []
    if absent:
        lost = sum(len(wanted[name]) for name in absent)
        said.append(
            f"series of the table that are not in the folder count nowhere: {len(absent)}, nodules in them: {lost}"
        )
    if unnamed:
        said.append(f"series of the folder that are not in the table count as without nodules: {unnamed}")
    return said


def _subject(result: SeriesEvaluation, inspector: Inspector) -> SeriesSubject:
    return SeriesSubject(
        task=result.task,
        title=inspector.task.title,
        data=Path(result.data).resolve().name,
        annotations=Path(result.annotations).name,
        series=result.series,
        nodules=result.nodules,
        excluded=result.excluded,
        ignored_marks=result.ignored_marks,
        unscored=result.unscored,
        model_sha256=inspector.engine.model_sha256,
        engine=inspector.engine.name,
        flagged=result.flagged,
        flagged_false_marks=result.flagged_false_marks,
    )
