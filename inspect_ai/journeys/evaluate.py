"""Evaluation journey: inspection of a labelled folder as at work, and its figures with exact intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from inspect_ai.calibration.frontier_file import frontier_path, read_frontier
from inspect_ai.certificates.deployment import point_file
from inspect_ai.config import LabelSet, config_sha256
from inspect_ai.datasets.account import counted_copies
from inspect_ai.datasets.folder import LabelledFolder
from inspect_ai.datasets.prepare import prepare
from inspect_ai.decide import lowest_flagged
from inspect_ai.evaluation.assembly import cases_of, positions_of, sheets_of, study_of_agreement
from inspect_ai.evaluation.measure import Evaluation, measure
from inspect_ai.evaluation.results import Subject
from inspect_ai.evaluation.score_table import write_scores
from inspect_ai.evaluation.stack_figures import stack_figures
from inspect_ai.evaluation.window_scores import stack_scores
from inspect_ai.inspection.dataset_scoring import Unscored, one_of_each_content, score_rows, split_config
from inspect_ai.inspection.inspector import Inspector
from inspect_ai.inspection.loading import load
from inspect_ai.report.evaluation.page import write_evaluation
from inspect_ai.settings import Settings

__all__ = ["Evaluation", "evaluate_task"]

AGREEMENT_OPTION = "agreement"  # of a task's config: the column that tells repeated pictures of one part apart


def evaluate_task(
    task_name: str,
    data: Path,
    *,
    settings: Settings,
    split: str = "test",
    model: Path | None = None,
    operating_point: Path | None = None,
    scores: Path | None = None,
    report: Path | None = None,
    agreement: str | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Evaluation:
    """Score a labelled folder and measure; with `report`, write a page.

    agreement: the column of labels.csv that tells repeated pictures of one part apart; default: the config's option of
    that name. Raises UsageError for unknown labels, columns or splits.
    """
    inspector = load(task_name, model, operating_point, settings=settings, points="optional")
    task = inspector.task
    ready = prepare([data], split_config(inspector), settings, split=False)
    (folder,) = ready.folders
    inspector = _with_line(inspector, folder, operating_point)
    unscored: list[Unscored] = []
    scored = score_rows(folder, folder.part(split), inspector, unscored=unscored.append, progress=progress)
    if scores is not None:
        write_scores(scores, scored, folder.labels)
    counted = one_of_each_content(scored, ready.pairs_within(split), folder.labels)
    point = inspector.point
    beside = frontier_path(operating_point or point_file(inspector.model, folder.labels))
    result = measure(
        counted,
        folder.labels,
        task.config.outputs,
        task.name,
        str(data),
        split,
        point,
        () if point is None else inspector.mismatches,
        unscored,
        None if point is None else read_frontier(point, beside),
    )
    result = replace(
        result, account=counted_copies(ready.account([split]), len(scored) - len(counted)), said=ready.said
    )
    if folder.labels.votes_column and counted:
        scores_of_stacks = stack_scores(counted, folder, split, inspector, progress)
        line = None if inspector.point is None else lowest_flagged(inspector.point.thresholds)
        result = replace(result, stacks=stack_figures(scores_of_stacks, line, folder.labels.independent_name))
    if report is not None:
        column = agreement or str(task.config.options.get(AGREEMENT_OPTION, ""))
        _write_page(report, result, folder, inspector, column, progress)
    return result


def _with_line(inspector: Inspector, folder: LabelledFolder, operating_point: Path | None) -> Inspector:
    """Inspector with the operating point of the folder's label set; without any where it has none of its own."""
    path = point_file(inspector.model, folder.labels)
    if operating_point is not None or not folder.labels.own_line:
        return inspector
    if not path.is_file():
        return replace(inspector, point=None, reference=None, signed=None)
    return load(inspector.task, inspector.model, path, settings=inspector.settings)


def _write_page(
    path: Path,
    result: Evaluation,
    folder: LabelledFolder,
    inspector: Inspector,
    column: str,
    progress: Callable[[int], None],
) -> None:
    """Write the page: figures from the scores, and the pictures of the cases worth showing."""
    scored, labels = result.scored, folder.labels
    study = study_of_agreement(scored, folder, inspector, column, progress) if column else None
    write_evaluation(
        path,
        cases=cases_of(scored, labels),
        subject=_subject(result, labels, inspector),
        positions=positions_of(scored, folder, inspector, progress),
        study=study,
        sheets=sheets_of(scored, folder, inspector),
        stacks=result.stacks,
    )


def _subject(result: Evaluation, labels: LabelSet, inspector: Inspector) -> Subject:
    task, engine = inspector.task, inspector.engine
    return Subject(
        task=result.task,
        title=task.config.title or task.title,
        data=Path(result.data).resolve().name,
        split=result.split,
        labels=labels.name,
        positive_name=", ".join(labels.positive),
        decides=labels.decides,
        model_sha256=engine.model_sha256,
        config_sha256=config_sha256(task.config),
        engine=engine.name,
        point=inspector.point,
        certified=result.certified,
        uncertified_because=result.uncertified_because or "",
        seen=None if engine.manifest.foreign else sum(engine.manifest.saw(s.sha256) is not None for s in result.scored),
        auc=result.auc,
        auc_interval=result.auc_interval,
        accuracy=result.accuracy,
        accuracy_interval=result.accuracy_interval,
        classes=result.classes,
        confusion=result.confusion,
        frontier=result.frontier,
    )
