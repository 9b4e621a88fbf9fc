"""Frontier as a table of text: for the terminal, for a page, and in Markdown for a model card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inspect_ai.calibration.frontier import Frontier, FrontierRow, GateCounts
from inspect_ai.evaluation.lines import MeasuredRow
from inspect_ai.operating_point import Guarantee, OperatingPoint
from inspect_ai.report.evaluation.words import between, counted, percent

PICKED_AFTER = (
    "Each row is proved by itself. A row that is picked after looking needs other positives to prove it: "
    "promise first, then look."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontierTable:
    """Names of columns, rows of text, and sentences that belong below."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    said: tuple[str, ...]

    @property
    def markdown(self) -> str:
        """Table and sentences in Markdown."""
        lines = [self.columns, ("---",) * len(self.columns), *self.rows]
        table = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
        return table + "\n\n" + " ".join(self.said) + "\n"


def frontier_table(found: Frontier) -> FrontierTable:
    """Table of a frontier; lines with six digits."""
    two = found.two_lines
    average = found.guarantee is Guarantee.AVERAGE
    head = "sensitivity on average" if average else f"sensitivity at {100 * found.confidence:g} %"
    columns = (head, "provable", "line", "positives below", "negatives not cleared (95 % interval)")
    more = ("negatives flagged", "negatives left to a person", "positives flagged", "positives left to a person")
    return FrontierTable(
        columns=(*columns, *more) if two else columns,
        rows=tuple(_cells(row, found, two=two) for row in found.rows),
        said=tuple(_said(found)),
    )


def card_text(found: Frontier, point: OperatingPoint) -> str:
    """Section of a model card: what is promised, and the table, in Markdown."""
    promise = f"Certified ({point.promise})." if point.certified else f"Not certified. {point.proof.refusal}"
    return f"{promise} Counted: {point.covers}.\n\n{frontier_table(found).markdown}"


def measured_table(found: Sequence[MeasuredRow]) -> FrontierTable:
    """Table of what the proved lines do on other pictures."""
    two = any(one.row.clear_below != one.row.flag_from for one in found)
    columns = ("proved sensitivity", "line", "positives not cleared here", "holds here", "negatives not cleared here")
    return FrontierTable(
        columns=(*columns, "negatives flagged here") if two else columns,
        rows=tuple(_measured_cells(one, two=two) for one in found),
        said=(
            "Each unit counts once, intervals are exact (95 %). A line holds within chance where the interval of the "
            "positives reaches what was proved.",
        ),
    )


def _measured_cells(one: MeasuredRow, *, two: bool) -> tuple[str, ...]:
    row = one.row
    cells = (
        f"{row.sensitivity:g}{', promised' if row.promised else ''}",
        "" if row.clear_below is None else f"{row.clear_below:.6g}",
        counted(one.kept),
        one.holds,
        counted(one.not_cleared),
    )
    return (*cells, counted(one.flagged)) if two else cells


def _cells(row: FrontierRow, found: Frontier, *, two: bool) -> tuple[str, ...]:
    if row.false_positive_rate is None or row.false_positive_rate_interval is None:
        price = "" if row.provable else "–"
    else:
        price = f"{percent(row.false_positive_rate)} ({between(row.false_positive_rate_interval)})"
    below = f"{row.n_missed} of {row.n_positive}, {row.n_allowed} allowed" if row.provable else "–"
    line = "–" if row.clear_below is None else f"{row.clear_below:.6g}"
    cells = (f"{row.sensitivity:g}", _provable(row, found), line, below, price)
    if not two:
        return cells
    shares = (
        (row.negatives_flagged, row.n_negative),
        (row.negatives_between, row.n_negative),
        (row.positives_flagged, row.n_positive),
        (row.positives_between, row.n_positive),
    )
    return (*cells, *("–" if k is None or not n else percent(k / n) for k, n in shares))


def _provable(row: FrontierRow, found: Frontier) -> str:
    if row.provable:
        by_negatives = row.promised and found.by_negatives
        return "yes, promised (line by negatives)" if by_negatives else "yes, promised" if row.promised else "yes"
    if found.group_by:
        return f"no: takes {row.positives_needed} positives in each {found.group_by}"
    missing = row.positives_missing
    return f"no: {missing} more positive{'s'[: missing != 1]}"


def _said(found: Frontier) -> list[str]:
    said = [PICKED_AFTER]
    if found.two_lines and found.overkill is not None:
        said.append(
            f"Flagged are scores above a line that at most {100 * found.overkill:.10g} % of negatives are proved to "
            f"reach; what lies between the lines is left to a person, and no positive among it is missed."
        )
    if found.gate is not None:
        said.append(gate_sentence(found.gate))
    return said


def gate_sentence(gate: GateCounts) -> str:
    """Sentence on what the gate leaves to a person on each side."""
    sides = (("positive", gate.positives, gate.n_positive), ("negative", gate.negatives, gate.n_negative))
    shares = [f"{percent(k / n)} of {name} pictures ({k} of {n})" for name, k, n in sides if n]
    return f"Whatever its score, the quality gate leaves to a person {' and '.join(shares)}."
