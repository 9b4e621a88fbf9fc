"""Tables of a comparison: Markdown for people and model cards, CSV for table programs, JSON for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from benchmarks.accuracy.figures import FALSE_POSITIVE_RATES, SENSITIVITIES
from benchmarks.accuracy.plan import BenchPlan, FigureKind
from benchmarks.accuracy.results import SIDE_PX, Against, DataSet, MeasuredCosts, ModelCost, ModelFigures
from benchmarks.statistics import CONFIDENCE, RESAMPLES, Spread
from benchmarks.writing import csv_text, finite, markdown_table

CSV_COLUMNS = ("task", "data", "model", "figure", "seeds", "value", "sd", "against", "low", "high")
FEW_GROUPS = 20  # below, percentiles over resampled groups are known to be too narrow

FOOTER = f"""\
Figures are of the val pictures, on which each run's best epoch was chosen too: the same advantage for every model, and
no test. FPR: false-positive rate. Mean ± standard deviation over seeds. In brackets: {CONFIDENCE:.0%} interval of the
comparison on the same pictures, from {RESAMPLES:,} drawings of whole groups (patients, tiles) with replacement, both
models averaged over the seeds that both have; it tells what other pictures would change, not what other seeds would.
Below 1, a model raises fewer false positives, or gives fewer wrong answers, than the one it is compared with. A
threshold is the largest score that the stated share of positives reaches, or the smallest at which no more than the
stated share of negatives flags; both are counted on the same pictures, so no figure here is a promise. A proved line is
set by each model's own calibration positives; intervals take it as it stands, and it was looked at for every model.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    kind: FigureKind
    title: str
    cell: Callable[[ModelFigures], str]
    further: bool = False  # in the second table


def markdown(
    plan: BenchPlan, sets: Sequence[DataSet], costs: MeasuredCosts, missing: Sequence[str], doubts: Sequence[str] = ()
) -> str:
    """All tables with their notes. `doubts`: sentences that a reader must know before trusting a figure."""
    parts = [_section(plan, one) for one in sets] + [_cost_section(plan, costs)]
    if missing:
        parts.append("Not in these tables, since not trained: " + ", ".join(missing) + ".\n")
    if doubts:
        parts.append("\n".join(["Doubtful:", "", *(f"- {doubt}" for doubt in doubts), ""]))
    return "\n".join(["# Comparison of models\n", *parts, FOOTER])


def _section(plan: BenchPlan, one: DataSet) -> str:
    """Two tables: the main figures, and the other operating points."""
    shown = plan.tasks[one.task].figures
    columns = [column for column in _columns(one) if not shown or column.kind in shown]
    tables = []
    for further in (False, True):
        wanted = [column for column in columns if column.further is further]
        if wanted:
            tables.append(_model_table(plan, one, wanted))
    positives = f", {one.positives} of them positive" if one.positives is not None else ""
    says = f"{one.pictures} val pictures{positives}, {one.groups} groups."
    if one.groups < FEW_GROUPS:
        says += " So few groups make the intervals rough."
    notes = _notes(plan, [m.model for m in one.models])
    return "\n".join([f"## {one.task}: {one.data}\n", says + "\n", *tables, notes])


def _model_table(plan: BenchPlan, one: DataSet, columns: Sequence[_Column]) -> str:
    rows = [
        [m.model, _title(plan, m.model), str(len(m.seeds)), *(column.cell(m) for column in columns)] for m in one.models
    ]
    return markdown_table(["Name", "Model", "Seeds", *(column.title for column in columns)], rows, left=2)


def _columns(one: DataSet) -> Iterator[_Column]:
    """Columns that some model has a figure for."""
    kinds = {kind for m in one.models for kind in m.figures}
    others = list(dict.fromkeys(a.other for m in one.models for a in m.against))
    if "auc" in kinds:
        yield from _decision_columns(others)
        if "false_positive_rate_at_line" in kinds:
            yield from _line_columns(one.line, others)
    if "accuracy" in kinds:
        yield _plain("accuracy", "accuracy", "Accuracy")
        yield from _less("accuracy", "accuracy", "Accuracy", others)
        yield from _relative("accuracy", "wrong", "Wrong answers", others)
        yield _plain("kappa", "kappa", "Kappa")
    if "quadratic_kappa" in kinds:
        yield _plain("kappa", "quadratic_kappa", "Quadratic kappa of grades", further=True)


def _decision_columns(others: Sequence[str]) -> Iterator[_Column]:
    yield _plain("auc", "auc", "AUC")
    yield from _less("auc", "auc", "AUC", others)
    for share in SENSITIVITIES:
        further = share != SENSITIVITIES[0]
        rate, count = f"false_positive_rate_at_{share}", f"false_positives_at_{share}"
        yield _plain("false_positives", rate, f"FPR at sensitivity {share}", further=further)
        yield from _relative("false_positives", count, "False positives", others, further=further)
    for share in FALSE_POSITIVE_RATES:
        yield _plain("sensitivity", f"sensitivity_at_{share}", f"Sensitivity at FPR {share:.2f}", further=True)


def _line_columns(promise: float | None, others: Sequence[str]) -> Iterator[_Column]:
    title = f"at the line proved for {promise:g}" if promise is not None else "at the proved line"
    yield _plain("false_positives", "false_positive_rate_at_line", f"FPR {title}", further=True)
    yield from _relative("false_positives", "false_positives_at_line", "False positives there", others, further=True)
    yield _plain("sensitivity", "sensitivity_at_line", f"Sensitivity {title}", further=True)


def _plain(kind: FigureKind, name: str, title: str, *, further: bool = False) -> _Column:
    return _Column(kind=kind, title=title, cell=lambda m: _spread(m.figures.get(name)), further=further)


def _less(kind: FigureKind, name: str, title: str, others: Sequence[str]) -> Iterator[_Column]:
    for other in others:
        yield _Column(kind=kind, title=f"{title} less {other}'s", cell=partial(_difference, other=other, name=name))


def _relative(
    kind: FigureKind, name: str, title: str, others: Sequence[str], *, further: bool = False
) -> Iterator[_Column]:
    for other in others:
        cell = partial(_ratio, other=other, name=name)
        yield _Column(kind=kind, title=f"{title} relative to {other}'s", cell=cell, further=further)


def _cost_section(plan: BenchPlan, costs: MeasuredCosts) -> str:
    if not costs.models:
        return ""
    references = list(next(iter(costs.models.values())).speed_ratio)
    header = [
        "Name",
        "Model",
        "Parameters, M",
        f"GMACs at {SIDE_PX} px",
        "GMACs at the task's size",
        "Pictures/s, median round",
        "Pictures/s, best round",
        *(f"Speed relative to {other}'s" for other in references),
        *(["Pictures/s on GPU"] if costs.gpu else []),
    ]
    rows = [
        [name, _title(plan, name), *_cost_cells(cost, references, gpu=bool(costs.gpu))]
        for name, cost in costs.models.items()
    ]
    says = (
        f"One picture of {SIDE_PX} x {SIDE_PX} px at a time, {costs.engine}, one thread, {costs.machine}; "
        f"all models in turn, by processor time (the measurement had {costs.share:.0%} of a core)"
        + (f"; GPU: {costs.gpu}, torch bfloat16 autocast in batches of 64" if costs.gpu else "")
        + ".\n"
    )
    return "\n".join(["## Cost\n", says, markdown_table(header, rows, left=2)])


def _cost_cells(cost: ModelCost, references: Sequence[str], *, gpu: bool) -> list[str]:
    return [
        f"{cost.parameters / 1e6:.2f}",
        f"{cost.gmacs:.2f}",
        f"{cost.gmacs_own:.2f} ({cost.task}, {cost.own_px} px)",
        f"{1000 / cost.median_ms:.1f}",
        f"{1000 / cost.best_ms:.1f}",
        *(f"{cost.speed_ratio[other]:.2f}" for other in references),
        *([f"{cost.gpu_images_s:.0f}" if cost.gpu_images_s else ""] if gpu else []),
    ]


def _notes(plan: BenchPlan, models: Sequence[str]) -> str:
    """Departures of the models of a table from the common recipe."""
    notes = [(name, plan.model(name).departures) for name in models]
    lines = [f"- {_title(plan, name)}: {'; '.join(departures)}." for name, departures in notes if departures]
    return "\n".join(["Otherwise than the common recipe:", "", *lines, ""]) if lines else ""


def _title(plan: BenchPlan, name: str) -> str:
    return (plan.model(name).title or name).replace("|", "/")


def _spread(figure: Spread | None) -> str:
    if figure is None:
        return ""
    return f"{figure.mean:.4f}" if figure.sd is None else f"{figure.mean:.4f} ± {figure.sd:.4f}"


def _difference(model: ModelFigures, other: str, name: str) -> str:
    against = _against(model, other)
    found = against.differences.get(name) if against else None
    return f"{found.value:+.4f} [{found.low:+.4f}, {found.high:+.4f}]" if found else ""


def _ratio(model: ModelFigures, other: str, name: str) -> str:
    against = _against(model, other)
    found = against.ratios.get(name) if against else None
    return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]" if found else ""


def _against(model: ModelFigures, other: str) -> Against | None:
    return next((a for a in model.against if a.other == other), None)


def as_csv(sets: Sequence[DataSet]) -> str:
    """One line a figure: long, so that any table program can turn it."""
    return csv_text(CSV_COLUMNS, (row for one in sets for m in one.models for row in _csv_rows(one, m)))


def _csv_rows(one: DataSet, m: ModelFigures) -> Iterator[dict[str, Any]]:
    head = {"task": one.task, "data": one.data, "model": m.model}
    for name, figure in m.figures.items():
        sd = "" if figure.sd is None else figure.sd
        yield head | {"figure": name, "seeds": len(m.seeds), "value": figure.mean, "sd": sd}
    for a in m.against:
        found = {f"{k}_difference": e for k, e in a.differences.items()}
        for name, e in (found | {f"{k}_ratio": e for k, e in a.ratios.items()}).items():
            compared = {"figure": name, "seeds": len(a.seeds), "against": a.other}
            yield head | compared | {"value": e.value, "low": e.low, "high": e.high}


def as_plain(
    plan: BenchPlan, sets: Sequence[DataSet], costs: MeasuredCosts, runs: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Everything, for accuracy.json; infinite ratios are null there."""
    values = {
        "plan": plan.model_dump(mode="json"),
        "split": "val",
        "selection": "the best epoch of each run was chosen on the same pictures",
        "data_sets": [asdict(one) for one in sets],
        "cost": asdict(costs),
        "runs": list(runs),
    }
    return dict(finite(values))
