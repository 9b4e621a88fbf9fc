"""Tables of an evaluation page as plain values, every figure already as text."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from inspect_ai.domain import Outcome
from inspect_ai.evaluation.agreement import (
    LEAST_EFFECTIVENESS,
    LEAST_KAPPA,
    LEAST_PARTS,
    MOST_FALSE_ALARMS,
    MOST_MISSED,
    Agreement,
    Kappa,
)
from inspect_ai.evaluation.curves import Share
from inspect_ai.evaluation.results import AgreementStudy, Card, Cases, Looks, Sheet, Subject, in_order
from inspect_ai.report.evaluation.figures import forest_row
from inspect_ai.report.evaluation.words import OUTCOME_WORDS, SPACE, between, counted, percent, plural
from inspect_ai.report.page import embedded

FEWEST_VALUES, MOST_VALUES = 2, 12  # of a column whose values are subgroups


def headline(cases: Cases, subject: Subject) -> list[dict[str, str]]:
    """Main figures with their intervals; none where nothing was decided."""
    if subject.point is None:
        return []
    sides = [("positives", cases.positive), ("negatives", ~cases.positive)]
    shown = []
    if cases.positive.any():
        kept = cases.units_kept(cases.had(Outcome.CLEAR) & cases.positive, cases.positive)
        shown.append(_boxed(f"sensitivity, by {cases.unit_name}", kept, "not cleared"))
    if (~cases.positive).any():
        reached = cases.pictures(~cases.had(Outcome.CLEAR), ~cases.positive)
        shown.append(_boxed("negatives not cleared, by picture", reached, "not cleared"))
        alarms = cases.pictures(cases.had(Outcome.FLAG), ~cases.positive)
        shown.append(_boxed("false alarms, by picture", alarms, "flagged"))
    for name, side in sides:
        if side.any():
            left = cases.pictures(cases.had(Outcome.ABSTAIN), side)
            shown.append(_boxed(f"{name} left to a person", left, "abstained"))
    return shown


def _boxed(name: str, share: Share, what: str) -> dict[str, str]:
    words, interval = f"{share.k} of {share.n} {what}", f"95{SPACE}%: {between(share.interval)}"
    return {"name": name, "value": percent(share.value), "words": words, "interval": interval}


def outcome_table(cases: Cases, subject: Subject) -> dict[str, Any] | None:
    """Outcomes by truth, in counts and shares; None where nothing was decided."""
    if subject.point is None:
        return None
    rows = []
    for outcome in (Outcome.CLEAR, Outcome.ABSTAIN, Outcome.FLAG):
        ended = cases.had(outcome)
        cells = [cases.pictures(ended, side) for side in (cases.positive, ~cases.positive)]
        wrong = outcome is Outcome.CLEAR, outcome is Outcome.FLAG
        rows.append(
            {
                "outcome": outcome.value,
                "words": OUTCOME_WORDS[outcome],
                "cells": [
                    {"k": c.k, "share": _share(c), "wrong": w and c.k > 0} for c, w in zip(cells, wrong, strict=True)
                ],
            }
        )
    return {
        "rows": rows,
        "totals": [int(cases.positive.sum()), int((~cases.positive).sum())],
        "why": gate_rows(cases),
    }


def _share(share: Share) -> str:
    return f"{percent(share.value)} ({between(share.interval)})" if share.n else ""


def gate_rows(cases: Cases) -> list[dict[str, Any]]:
    """Reasons for abstaining: each failed measure of the quality gate, and scores between the lines."""
    left = cases.had(Outcome.ABSTAIN)
    gated = np.array([bool(names) for names in cases.failed], bool)
    reasons = {name: np.array([name in names for names in cases.failed]) for names in cases.failed for name in names}
    reasons |= {"between the lines, or no score": left & ~gated}
    sides = (cases.positive, ~cases.positive)
    by_side = {name: [int((has & left & side).sum()) for side in sides] for name, has in reasons.items()}
    return [{"name": name, "counts": counts} for name, counts in by_side.items() if sum(counts)]


def class_table(subject: Subject) -> dict[str, Any] | None:
    """Truth by answer, where the label set names classes."""
    if not subject.classes or subject.accuracy is None or subject.accuracy_interval is None:
        return None
    rows = []
    for index, (name, counts) in enumerate(zip(subject.classes, subject.confusion, strict=True)):
        right = Share(k=counts[index], n=sum(counts))
        rows.append({"name": name, "counts": counts, "at": index, "right": counted(right)})
    return {
        "names": subject.classes,
        "rows": rows,
        "accuracy": f"{percent(subject.accuracy)} ({between(subject.accuracy_interval)})",
    }


def subgroup_tables(cases: Cases, subject: Subject) -> dict[str, Any]:
    """Sensitivity and false alarms by the values of each column, every unit once; or the reason why there are none."""
    if subject.point is None or not cases.positive.any():
        why = "no operating point" if subject.point is None else "no positives"
        return {"absent": f"There is {why}, so there is no sensitivity to compare.", "columns": []}
    missed = cases.had(Outcome.CLEAR) & cases.positive
    whole = cases.units_kept(missed, cases.positive)
    columns = [
        {"name": name, "rows": rows} for name in _columns(cases) if (rows := _subgroup_rows(cases, name, whole.value))
    ]
    return {
        "absent": "" if columns else "labels.csv has no further column whose values are subgroups.",
        "columns": columns,
        "whole": {"share": counted(whole), "strip": forest_row(whole, whole.value)},
        "unit": plural(cases.unit_name, 2),
    }


def study_view(study: AgreementStudy) -> dict[str, Any]:
    """Agreement studies as text, each limit with its result."""
    return {
        "twice": study.twice,
        "looks": [_looks_view(looks) for looks in study.looks],
        "least_parts": LEAST_PARTS,
    }


def sheet_view(sheet: Sheet) -> dict[str, Any]:
    """Heading, words and pictures as JPEG."""
    return {"heading": sheet.heading, "says": sheet.says, "cards": [_card_view(card) for card in sheet.cards]}


def _columns(cases: Cases) -> list[str]:
    """Columns with a few values; a running number or a list of boxes makes no subgroup."""
    values: dict[str, set[str]] = {}
    for row in cases.columns:
        for name, value in row:
            values.setdefault(name, set()).add(value)
    return [name for name, found in values.items() if FEWEST_VALUES <= len(found - {""}) <= MOST_VALUES]


def _subgroup_rows(cases: Cases, column: str, whole: float) -> list[dict[str, Any]]:
    has = [dict(row).get(column, "") for row in cases.columns]
    rows = []
    for value in in_order(set(has)):
        inside = np.array([v == value for v in has], bool)
        positive = inside & cases.positive
        if not positive.any():
            continue
        kept = cases.units_kept(cases.had(Outcome.CLEAR) & positive, positive)
        flagged = cases.pictures(cases.had(Outcome.FLAG), inside & ~cases.positive)
        rows.append(
            {
                "value": value or "(empty)",
                "pictures": int(positive.sum()),
                "kept": f"{kept.k} of {kept.n}",
                "strip": forest_row(kept, whole),
                "interval": f"{percent(kept.value)}, {between(kept.interval)}",
                "alarms": f"{flagged.k} of {flagged.n}" if flagged.n else "no negatives",
            }
        )
    return rows if len(rows) > 1 else []


def _looks_view(looks: Looks) -> dict[str, Any]:
    together, met = looks.together, looks.together.limits_met
    return {
        "change": looks.change,
        "explained": looks.explained,
        "parts": together.parts,
        "looks": together.looks,
        "small": together.parts < LEAST_PARTS,
        "rows": [
            *(_limit_row(*row) for row in _limits(together)),
            _kappa_row(together.kappa, met["kappa"]),
        ],
        "repeatability": counted(together.repeatability),
        "between": _kappa(together.between),
        "undecided": f"{together.undecided.k} of {together.undecided.n}",
        "times": None if looks.spread_odds is None else f"{math.exp(looks.spread_odds):.3g}",
        "alone": [_alone(name, alone) for name, alone in looks.alone],
    }


def _limits(found: Agreement) -> list[tuple[str, Share, Share, str, bool | None]]:
    """Figures that AIAG limits: name, share of looks or parts, the same by part, the limit, whether it is met."""
    met = found.limits_met
    most, least = "at most {:g} %", "at least {:g} %"
    return [
        (
            "Effectiveness: parts judged right in every look",
            found.effectiveness,
            found.effectiveness,
            least.format(100 * LEAST_EFFECTIVENESS),
            met["effectiveness"],
        ),
        (
            "Miss rate: looks at bad parts that cleared them",
            found.missed,
            found.missed_parts,
            most.format(100 * MOST_MISSED),
            met["missed"],
        ),
        (
            "False-alarm rate: looks at good parts that flagged them",
            found.false_alarms,
            found.false_alarm_parts,
            most.format(100 * MOST_FALSE_ALARMS),
            met["false_alarms"],
        ),
    ]


def _limit_row(name: str, share: Share, parts: Share, limit: str, met: bool | None) -> dict[str, Any]:
    value = f"{percent(share.value)} ({share.k} of {share.n})" if share.n else "–"
    return {"name": name, "value": value, "parts": counted(parts), "limit": limit, "met": met}


def _kappa_row(kappa: Kappa, met: bool | None) -> dict[str, Any]:
    name, limit = "Cohen's kappa against the reference", f"at least {LEAST_KAPPA:g}"
    return {"name": name, "value": _kappa(kappa), "parts": "", "limit": limit, "met": met}


def _kappa(kappa: Kappa) -> str:
    if kappa.value is None:
        return "not defined: only one side"
    return f"{kappa.value:.3f}" + (f" ({kappa.interval[0]:.3f} to {kappa.interval[1]:.3f})" if kappa.interval else "")


def _alone(name: str, alone: Agreement) -> dict[str, str]:
    return {
        "name": name,
        "looks": str(alone.looks),
        "right": percent(alone.effectiveness.value),
        "missed": f"{alone.missed.k} of {alone.missed.n}",
        "alarms": f"{alone.false_alarms.k} of {alone.false_alarms.n}",
        "undecided": str(alone.undecided.k),
        "kappa": "–" if alone.kappa.value is None else f"{alone.kappa.value:.3f}",
    }


def _card_view(card: Card) -> dict[str, Any]:
    return {
        "file": card.file,
        "group": card.group,
        "label": card.label,
        "score": f"{card.score:.5f}",
        "outcome": card.outcome.value if card.outcome else "",
        "words": OUTCOME_WORDS[card.outcome] if card.outcome else "",
        "reason": card.reason,
        "more": card.more,
        "picture": embedded(card.picture_png),
        "heat": embedded(card.heat_png),
    }
