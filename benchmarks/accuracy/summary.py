"""The comparison in one table, as docs/results.md shows it: a row a data set and model, beside the first reference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.accuracy.plan import BenchPlan
from benchmarks.accuracy.results import DataSet, ModelFigures
from benchmarks.writing import markdown_table

RATES = ("0.95", "0.987", "line")


def summary(plan: BenchPlan, sets: Sequence[DataSet]) -> str:
    """One table: AUC or accuracy, and false-positive rates with their ratios to the reference's (95 % interval)."""
    reference = next((model.name for model in plan.models if model.against), None)
    rates = [at for at in RATES if any(_rate(at) in m.figures for one in sets for m in one.models)]
    head = ["data", "network", "seeds", "AUC or accuracy", *(title for at in rates for title in _titles(at, reference))]
    rows = [row for one in sets for row in _rows(plan, one, rates, reference)]
    return markdown_table(head, rows)


def _titles(at: str, reference: str | None) -> tuple[str, ...]:
    where = "at the proved line" if at == "line" else f"at {at}"
    return (f"FPR {where}", *((f"relative to {reference}'s",) if reference else ()))


def _rows(plan: BenchPlan, one: DataSet, rates: Sequence[str], reference: str | None) -> Iterator[list[str]]:
    for first, m in enumerate(one.models):
        name = one.data if one.line is None else f"{one.data} (line: {one.line:g})"
        ends = [cell for at in rates for cell in _cells(m, at, reference)]
        title = (plan.model(m.model).title or m.model).replace("|", "/")
        yield ["" if first else name, title, str(len(m.seeds)), _quality(m), *ends]


def _quality(m: ModelFigures) -> str:
    figure = m.figures.get("auc") or m.figures.get("accuracy")
    if figure is None:
        return ""
    return f"{figure.mean:.3f}" if figure.sd is None else f"{figure.mean:.3f} ± {figure.sd:.3f}"


def _cells(m: ModelFigures, at: str, reference: str | None) -> tuple[str, ...]:
    figure = m.figures.get(_rate(at))
    rate = "" if figure is None else f"{figure.mean:.3f}"
    if reference is None:
        return (rate,)
    against = next((a for a in m.against if a.other == reference), None)
    found = against.ratios.get(f"false_positives_at_{at}") if against else None
    if found is not None:
        return rate, f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})"
    return rate, "1" if m.model == reference and figure is not None else ""


def _rate(at: str) -> str:
    return f"false_positive_rate_at_{at}"
