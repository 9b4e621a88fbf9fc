"""Table of a folder of stacks: what is found at the line, and at each rate of false positives a context."""

from __future__ import annotations

from inspect_ai.evaluation.stack_figures import Estimate, StackFigures

HEADING = "Stacks, with 95 % intervals over groups"


def stack_rows(found: StackFigures) -> list[tuple[str, str]]:
    """Figure and value, both as text, in the order in which a person asks for them."""
    rows = [
        ("contexts, windows without a finding", f"{found.contexts}, {found.windows}"),
        ("AUC, finding against window", _estimate(found.auc)),
        *((f"found at {rate:g} false positives a context", _estimate(e)) for rate, e in found.free_response),
    ]
    if found.line is not None:
        rows.append(("line", f"{found.line:.5f}"))
    if found.groups_found is not None:
        whole = found.groups_found
        rows.append(
            (f"{found.group_name}: each finding at the line", f"{whole.k} of {whole.n} ({_span(*whole.interval)})")
        )
    rows += [(f"found at the line, {name} ({e.n})", _estimate(e)) for name, e in found.by]
    if found.false_positives is not None:
        rows.append(("false positives a context at the line", _estimate(found.false_positives)))
    return rows


def _estimate(found: Estimate) -> str:
    return f"{found.value:.4f} ({_span(found.low, found.high)})"


def _span(low: float, high: float) -> str:
    return f"{low:.4f} to {high:.4f}"
