"""HTML page about an evaluation of whole series: the free-response curve with its intervals, and what was said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from inspect_ai.errors import UsageError
from inspect_ai.evaluation.curves import Share
from inspect_ai.evaluation.series_response import RATES, SeriesResponse
from inspect_ai.report.evaluation import charts
from inspect_ai.report.evaluation.charts import Axis, Frame
from inspect_ai.report.evaluation.figures import Figure
from inspect_ai.report.evaluation.words import plural
from inspect_ai.report.page import environment
from inspect_ai.version import __version__
from inspect_ai.whole_file import whole_file

RATE_NAMES = ("1/8", "1/4", "1/2", "1", "2", "4", "8")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesSubject:
    """Subject of the page: task, data, model, and counts."""

    task: str
    title: str
    data: str
    annotations: str
    series: int
    nodules: int
    excluded: int
    ignored_marks: int
    unscored: int
    model_sha256: str
    engine: str
    flagged: Share | None
    flagged_false_marks: float | None


def write_series_page(path: Path, subject: SeriesSubject, response: SeriesResponse, said: Sequence[str]) -> Path:
    """Write the page whole or not at all. Raises UsageError if the place cannot be written."""
    rows = [
        (name, f"{value:.3f}", _interval(interval))
        for name, value, interval in zip(RATE_NAMES, response.sensitivity, response.intervals, strict=True)
    ]
    page = {
        "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "software": f"inspect-ai-vision {__version__}",
        "subject": subject,
        "facts": _facts(subject, response),
        "rows": rows,
        "cpm": (f"{response.cpm:.3f}", _interval(response.cpm_interval)),
        "figure": froc_figure(response),
        "said": said,
    }
    try:
        with whole_file(path, private=True) as partial, partial.open("w", encoding="utf-8") as f:
            f.write(environment().get_template("series.html").render(**page))
    except OSError as e:
        raise UsageError(f"{path} cannot be written ({e.strerror}). Choose another file with --report.") from e
    return path


def froc_figure(response: SeriesResponse) -> Figure:
    """Draw sensitivity against false marks a series, on a logarithmic axis, with intervals at RATES."""
    ticks = tuple(zip(RATES, RATE_NAMES, strict=True))
    rates = Axis(label="false marks a series", low=RATES[0] / 2, high=RATES[-1] * 2, ticks=ticks, to=_log)
    frame = Frame(x=rates, y=charts.percents("nodules found"))
    pieces = [charts.steps(frame, response.curve.false_marks, response.curve.found, "c0")]
    for rate, value, (low, high) in zip(RATES, response.sensitivity, response.intervals, strict=True):
        if not np.isnan(low):
            pieces.append(charts.whisker(frame, rate, (low, high), "whisker c1"))
        pieces.append(charts.dot(frame, rate, value, "fill c1", radius=4.0))
    return Figure(
        heading="FROC: nodules found against false marks",
        chart=charts.chart(frame, *pieces, says="free-response curve"),
        legend=(
            (charts.key("c0"), "every score as threshold"),
            (charts.key("c1", "dot"), "the rates of the table, with 95 % intervals over series"),
        ),
        caption=("The axis is logarithmic; what lies beyond its ends stands at the ends.",),
    )


def _log(value: float) -> float:
    return float(np.log2(max(value, 1e-9)))


def _facts(subject: SeriesSubject, response: SeriesResponse) -> list[tuple[str, str]]:
    rows = [
        ("Task", f"{subject.task} ({subject.title})"),
        ("Data", f"{subject.data}, positions from {subject.annotations}"),
        (
            "How many",
            f"{subject.nodules} {plural('nodule', subject.nodules)} in {subject.series} series, "
            f"{subject.unscored} of them not scored",
        ),
        ("Left out", f"{subject.excluded} excluded findings; {subject.ignored_marks} marks on them count neither way"),
        ("Model", f"weights {subject.model_sha256[:16]}, {subject.engine}"),
        (
            "Candidates",
            f"{response.marked:.3f} of the nodules have a mark, at {response.false_marks:.1f} false marks a series",
        ),
    ]
    if subject.flagged is not None and subject.flagged_false_marks is not None:
        rows.append(
            (
                "At work",
                f"at the line that flags a series {subject.flagged.k} of {subject.flagged.n} nodules are marked, with "
                f"{subject.flagged_false_marks:.1f} false marks a series",
            )
        )
    return rows


def _interval(interval: tuple[float, float]) -> str:
    low, high = interval
    return "" if np.isnan(low) else f"{low:.3f} to {high:.3f}"
