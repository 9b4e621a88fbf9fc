"""Evaluation journey for whole series: a folder of CT series, a table of positions, and what is found of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from inspect_ai.datasets.annotations import read_annotations
from inspect_ai.errors import InputError
from inspect_ai.evaluation.curves import Share
from inspect_ai.evaluation.series_response import SeriesMarks, SeriesResponse, marks_of, series_response
from inspect_ai.evaluation.series_table import by_series, not_in_both, outside_series
from inspect_ai.inspection.inspector import Inspector
from inspect_ai.inspection.loading import load
from inspect_ai.inspection.series_search import series_findings, series_studies
from inspect_ai.report.evaluation.series_page import SeriesSubject, write_series_page
from inspect_ai.settings import Settings

__all__ = ["SeriesEvaluation", "evaluate_series"]


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
    wanted = by_series(read_annotations(annotations))
    irrelevant = by_series(read_annotations(excluded)) if excluded is not None else {}
    scans: list[SeriesMarks] = []
    unscored, said = 0, []
    for study, rejected in series_studies(data, settings):
        said += rejected
        for volume in study.volumes if study is not None else ():
            findings, unseen, problem = series_findings(study, volume, inspector)
            name = volume.series_uid
            nodules = wanted.get(name, [])
            unscored += bool(problem)
            said += (
                [f"series {name} was not scored ({problem}): nodules in it count as missed: {len(nodules)}"]
                if problem
                else []
            )
            said += outside_series(volume, nodules) + [f"series {name}: {text}" for text in unseen]
            scans.append(marks_of(len(scans), findings, nodules, irrelevant.get(name, ()), name, unseen))
            progress(len(scans))
    said += not_in_both(wanted, scans)
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
