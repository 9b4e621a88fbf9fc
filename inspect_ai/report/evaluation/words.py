"""Figures as text. A share is rounded to a tenth of a per cent, never up to 100 or down to 0; intervals outward."""

from __future__ import annotations

import math

from inspect_ai.domain import Outcome
from inspect_ai.evaluation.curves import Interval, Share
from inspect_ai.evaluation.results import Cases, Subject

SPACE = "\u00a0"  # a space that keeps number and unit on one line
OUTCOME_WORDS = {
    Outcome.CLEAR: "passed without a person",
    Outcome.ABSTAIN: "left to a person",
    Outcome.FLAG: "shown as suspect",
}


def percent(value: float) -> str:
    """Per cent with one digit: 0.9996 is 99.9 %, not 100 %."""
    if math.isnan(value):
        return "–"
    tenths = round(1000 * value)
    tenths = 999 if tenths >= 1000 and value < 1 else 1 if tenths <= 0 < value else tenths
    return f"{tenths / 10:g}{SPACE}%"


def between(interval: Interval) -> str:
    """Interval in per cent, low rounded down, high rounded up."""
    low, high = math.floor(1000 * interval[0] + 1e-9) / 10, math.ceil(1000 * interval[1] - 1e-9) / 10
    return f"{low:g} to {high:g}{SPACE}%"


def counted(share: Share) -> str:
    """Share with its count and interval: 12 of 14 (85.7 %; 57.1 to 98.3 %)."""
    return f"{share.k} of {share.n} ({percent(share.value)}; {between(share.interval)})" if share.n else "none there"


def plural(name: str, n: int) -> str:
    """Name in the number of n: one tile, two tiles."""
    return name if n == 1 else name[:-1] + "ies" if name.endswith("y") else name + "s"


def verdict(cases: Cases, subject: Subject) -> list[str]:
    """Summary of the page in one paragraph: sentences with their counts."""
    point = subject.point
    if point is None:
        return ["There is no operating point, so nothing was decided: this page shows scores alone."]
    missed = cases.had(Outcome.CLEAR) & cases.positive
    unread = cases.had(Outcome.ABSTAIN)
    said = []
    n_positive = int(cases.positive.sum())
    if n_positive:
        kept = cases.pictures(~cases.had(Outcome.CLEAR), cases.positive)
        said.append(
            f"Of {n_positive} positive pictures, {kept.k} were not cleared: a sensitivity of {percent(kept.value)} "
            f"(95 % interval {between(kept.interval)}{' if every picture were independent' if cases.grouped else ''})."
        )
        if cases.grouped:
            units = cases.units_kept(missed, cases.positive)
            name = plural(cases.unit_name, units.n)
            said.append(
                f"They come from {units.n} independent {name}; {units.k} of these lost no positive picture: "
                f"{percent(units.value)}, {between(units.interval)}. This second interval is the one to quote."
            )
        left = cases.pictures(unread, cases.positive)
        said.append(
            f"{left.k} of the positives ({percent(left.value)}) were left to a person; they count as not missed."
            if left.k
            else "No positive was left to a person."
        )
    else:
        said.append("There are no positives here, so nothing can be said about sensitivity.")
    said.append(_alarms(cases, subject))
    said.append("The operating point is certified." if subject.certified else "The operating point is not certified.")
    return said


def _alarms(cases: Cases, subject: Subject) -> str:
    if not subject.decides:
        return "Every label of this set is positive, so nothing can be said about false alarms."
    negative = ~cases.positive
    if not negative.any():
        return "There are no negatives here, so nothing can be said about false alarms."
    flagged = cases.pictures(cases.had(Outcome.FLAG), negative)
    left = cases.pictures(cases.had(Outcome.ABSTAIN), negative)
    units = cases.units(cases.had(Outcome.FLAG), negative)
    by_unit = (
        f"; of {units.n} {plural(cases.unit_name, units.n)} with negatives, {units.k} had one flagged or more, "
        f"{percent(units.value)}, {between(units.interval)}"
        if cases.grouped
        else ""
    )
    return (
        f"Of {flagged.n} negative pictures, {flagged.k} were flagged: false alarms on {percent(flagged.value)} "
        f"({between(flagged.interval)}{by_unit}); {left.k} ({percent(left.value)}) were left to a person."
    )
