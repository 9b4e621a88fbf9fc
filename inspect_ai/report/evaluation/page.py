"""HTML page about an evaluation: self-contained, without script, every section present or its absence explained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from inspect_ai.errors import UsageError
from inspect_ai.evaluation.curves import curve
from inspect_ai.evaluation.reliability import cross_fitted, reliability
from inspect_ai.evaluation.results import TOLERANCE_PX, AgreementStudy, Cases, Positions, Sheet, Subject
from inspect_ai.evaluation.stack_figures import StackFigures
from inspect_ai.report.evaluation import figures
from inspect_ai.report.evaluation.stacks import stack_rows
from inspect_ai.report.evaluation.tables import (
    class_table,
    headline,
    outcome_table,
    sheet_view,
    study_view,
    subgroup_tables,
)
from inspect_ai.report.evaluation.words import plural, verdict
from inspect_ai.report.frontier import FrontierTable, measured_table
from inspect_ai.report.page import environment
from inspect_ai.version import __version__
from inspect_ai.whole_file import whole_file

ONE_SIDED = "Every picture here is on one side, so there is no curve of one side against the other."


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Charts or tables, or the sentence that explains why there are none."""

    figures: tuple[figures.Figure, ...] = ()
    absent: str = ""


def write_evaluation(
    path: Path,
    *,
    cases: Cases,
    subject: Subject,
    positions: Positions,
    study: AgreementStudy | None,
    sheets: Sequence[Sheet],
    stacks: StackFigures | None = None,
) -> Path:
    """Write the page whole or not at all; `stacks` where the folder holds some.

    Raises UsageError if the place cannot be written.
    """
    page = {
        "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "software": f"inspect-ai-vision {__version__}",
        "subject": subject,
        "facts": facts(cases, subject),
        "headline": headline(cases, subject),
        "verdict": verdict(cases, subject),
        "outcomes": outcome_table(cases, subject),
        "frontier": frontier_view(subject),
        "classes": class_table(subject),
        "curves": curves_section(cases, subject),
        "froc": froc_section(positions, subject),
        "calibration": calibration_section(cases),
        "subgroups": subgroup_tables(cases, subject),
        "stacks": [] if stacks is None else stack_rows(stacks),
        "study": None if study is None else study_view(study),
        "sheets": [sheet_view(sheet) for sheet in sheets],
    }
    try:
        stream = environment().get_template("evaluation.html").stream(**page)
        stream.enable_buffering(20)
        with whole_file(path, private=True) as partial, partial.open("w", encoding="utf-8") as f:
            f.writelines(stream)
    except OSError as e:
        raise UsageError(f"{path} cannot be written ({e.strerror}). Choose another file with --report.") from e
    return path


def facts(cases: Cases, subject: Subject) -> list[tuple[str, str]]:
    """Head of the page: names and counts of the subject."""
    n_positive = int(cases.positive.sum())
    rows = [
        ("Task", f"{subject.task} ({subject.title})" if subject.title else subject.task),
        ("Scores", f"made by another program; {subject.scores_from}")
        if subject.scores_from
        else ("Pictures", f"{subject.data}, split {subject.split or 'without name'}"),
        (
            "How many",
            f"{len(cases)} pictures, {n_positive} positive ({subject.positive_name}), {len(cases) - n_positive} not",
        ),
        ("Independent", f"{len(set(cases.unit))} {plural(cases.unit_name, len(set(cases.unit)))}"),
    ]
    if not subject.scores_from:
        weights, configuration = subject.model_sha256[:16], subject.config_sha256[:16]
        rows.append(("Model", f"weights {weights}, configuration {configuration}, {subject.engine}"))
    if subject.point is not None:
        lines, proof = subject.point.thresholds, subject.point.proof
        apart = f", flag from {lines.written(lines.flag_from)}" if lines.flag_from != lines.clear_below else ""
        rows.append(
            (
                "Operating point",
                f"clear below {lines.written(lines.clear_below)}{apart}; "
                f"asked: {100 * proof.sensitivity:.10g} % of positives, at {100 * proof.confidence:.10g} % confidence; "
                f"calibrated on {proof.n_positive} independent positives",
            )
        )
    if subject.seen is None:
        rows.append(("Met before", "the model was made elsewhere: which pictures trained it is not known here"))
    elif subject.seen:
        rows.append(
            (
                "Met before",
                f"{subject.seen} of these pictures served training or selection of this model: figures flatter it",
            )
        )
    return rows


def frontier_view(subject: Subject) -> FrontierTable | None:
    """Proved lines, measured on these pictures; None where none is stored beside the operating point."""
    if subject.point is None or not subject.frontier:
        return None
    return measured_table(subject.frontier)


def curves_section(cases: Cases, subject: Subject) -> Section:
    """ROC, precision and recall, cost, scores."""
    if not (cases.positive.any() and (~cases.positive).any()):
        return Section(absent=ONE_SIDED)
    found = curve(cases.score, cases.positive)
    at_work = figures.lines(found, subject.point)
    auc = ""
    if subject.auc is not None and subject.auc_interval is not None:
        low, high = subject.auc_interval
        auc = f"{subject.auc:.3f} ({low:.3f} to {high:.3f}, groups drawn again)"
    units = len(set(cases.unit))
    grouped = (
        f"These {len(cases)} pictures come from {units} {plural(cases.unit_name, units)}, so it is too small; the "
        f"verdict above counts each {cases.unit_name} once."
        if cases.grouped
        else ""
    )
    return Section(
        figures=(
            figures.histogram_figure(cases.score, cases.positive, at_work),
            figures.roc_figure(found, at_work, auc, grouped),
            figures.precision_figure(found, at_work),
            figures.cost_figure(found, at_work),
        )
    )


def froc_section(positions: Positions, subject: Subject) -> Section:
    """Free response, where masks give positions."""
    if positions.response is None:
        return Section(absent=positions.absent)
    flag_from = subject.point.thresholds.flag_from if subject.point else None
    return Section(figures=(figures.froc_figure(positions.response, positions.reachable, flag_from, TOLERANCE_PX),))


def calibration_section(cases: Cases) -> Section:
    """Reliability of scores before and after Platt's map."""
    if not (cases.positive.any() and (~cases.positive).any()):
        return Section(absent="Every picture here is on one side, so what a score means cannot be compared with truth.")
    if not figures.probabilities(cases.score):
        return Section(absent="These scores are no probabilities (0 to 1), so none says how likely a positive is.")
    before = figures.reliability_figure(
        reliability(cases.score, cases.positive), "Before: scores as they are", ["The decision uses these."]
    )
    mapped = cross_fitted(cases.score, cases.positive, cases.group)
    if mapped is None:
        return Section(
            figures=(before,),
            absent=(
                "No calibrated scores are shown: too few groups hold both sides to fit the map on some and apply "
                "it to others."
            ),
        )
    after = figures.reliability_figure(
        reliability(mapped, cases.positive),
        "After: scores through Platt's map",
        ["Each picture's map was fitted on other groups of this split; the decision does not use it."],
    )
    return Section(figures=(before, after))
