"""Answered cases for the performance page: readers against the machine, readers against each other, time per case.

People answer what was flagged first, so these cases are no sample of all: shares of them estimate nothing about the
others. Only the random audit of clear cases does (monitoring/sampling.py).
"""

from __future__ import annotations

import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from inspect_ai.calibration.frontier import Frontier
from inspect_ai.domain import Outcome
from inspect_ai.evaluation.agreement import AppraisedPart, Kappa, cohens_kappa, with_interval
from inspect_ai.web.store import ANSWERS, CASES, Store

SIDES = ("positive", "negative")
STEPS_MOST = 400  # positions of the slider


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredCase:
    """Case with its last closing answer. first: verdict of each account, its first one of two sides."""

    entry: int
    outcome: Outcome
    score: float | None
    positive: bool
    subject: str
    first: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderFigures:
    """Figures of one reader. seconds: median from opening a case to answering it; None where no look is known."""

    account: str
    answers: int
    seconds: float | None
    blinded: int
    against_machine: Kappa


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """One position of the slider: how answered cases would end if `at` were the line below which cases are cleared.

    proved: highest sensitivity of the calibrated frontier whose threshold is not below this position; None for none.
    """

    at: float
    positives_cleared: int
    negatives_left: int
    proved: float | None


def answered_cases(store: Store, task: str) -> list[AnsweredCase]:
    """Cases of a task that are answered positive or negative now, in the order of the log."""
    query = (
        select(CASES, ANSWERS.c.account, ANSWERS.c.verdict)
        .join(ANSWERS, ANSWERS.c.entry == CASES.c.entry)
        .where(CASES.c.task == task, CASES.c.state.in_(SIDES))
        .order_by(CASES.c.entry, ANSWERS.c.review)
    )
    first: dict[int, dict[str, str]] = defaultdict(dict)
    seen: dict[int, AnsweredCase] = {}
    with store.reading() as connection:
        for row in connection.execute(query).mappings():
            if row["verdict"] in SIDES:
                first[row["entry"]].setdefault(row["account"], row["verdict"])
            seen[row["entry"]] = AnsweredCase(
                entry=row["entry"],
                outcome=Outcome(row["outcome"]),
                score=None if row["unscored"] else -row["below"],
                positive=row["state"] == "positive",
                subject=row["subject"] or str(row["entry"]),
                first=(),
            )
    return [
        AnsweredCase(
            entry=case.entry, outcome=case.outcome, score=case.score, positive=case.positive, subject=case.subject,
            first=tuple(first[case.entry].items()),
        )
        for case in seen.values()
    ]  # fmt: skip


def confusion(cases: Sequence[AnsweredCase]) -> list[tuple[str, int, int]]:
    """Machine's outcome, answered positive, answered negative."""
    counts = Counter((case.outcome, case.positive) for case in cases)
    return [(outcome.value, counts[outcome, True], counts[outcome, False]) for outcome in Outcome]


def against_machine(cases: Sequence[AnsweredCase]) -> Kappa:
    """Kappa of the machine's flag or clear against the answers; what it left open is left out (J. Cohen 1960)."""
    parts = [AppraisedPart(bad=c.positive, calls=(c.outcome,), group=c.subject) for c in cases]
    return _two_sided(parts)


def between_readers(cases: Sequence[AnsweredCase]) -> list[tuple[str, str, int, int, Kappa]]:
    """Pairs of readers: cases that both answered, how many alike, and kappa of their first answers."""
    pairs: dict[tuple[str, str], list[AppraisedPart]] = defaultdict(list)
    for case in cases:
        for i, (one, said) in enumerate(case.first):
            for other, answer in case.first[i + 1 :]:
                pair, (a, b) = ((one, other), (said, answer)) if one < other else ((other, one), (answer, said))
                call = Outcome.FLAG if b == "positive" else Outcome.CLEAR
                pairs[pair].append(AppraisedPart(bad=a == "positive", calls=(call,), group=case.subject))
    return [
        (one, other, len(parts), sum(part.right for part in parts), _two_sided(parts))
        for (one, other), parts in sorted(pairs.items())
    ]


def reader_figures(store: Store, cases: Sequence[AnsweredCase], task: str) -> list[ReaderFigures]:
    """Figures of every reader who answered cases of the task."""
    query = (
        select(ANSWERS.c.account, ANSWERS.c.seconds, ANSWERS.c.blinded)
        .join(CASES, ANSWERS.c.entry == CASES.c.entry)
        .where(CASES.c.task == task, ANSWERS.c.verdict != "reopen")
    )
    times: dict[str, list[float]] = defaultdict(list)
    counts: Counter[str] = Counter()
    blinded: Counter[str] = Counter()
    with store.reading() as connection:
        for account, seconds, was_blinded in connection.execute(query):
            counts[account] += 1
            blinded[account] += was_blinded
            if seconds is not None:
                times[account].append(seconds)
    return [
        ReaderFigures(
            account=account,
            answers=count,
            seconds=statistics.median(times[account]) if times[account] else None,
            blinded=blinded[account],
            against_machine=_reader_against_machine(cases, account),
        )
        for account, count in sorted(counts.items())
    ]


def _reader_against_machine(cases: Sequence[AnsweredCase], account: str) -> Kappa:
    parts = [
        AppraisedPart(bad=said == "positive", calls=(case.outcome,), group=case.subject)
        for case in cases
        for name, said in case.first
        if name == account
    ]
    return _two_sided(parts)


def _two_sided(parts: Sequence[AppraisedPart]) -> Kappa:
    """Kappa with its interval; none where one of the two named one side alone, which tells of no agreement."""
    calls = {call for part in parts for call in part.calls} - {Outcome.ABSTAIN}
    if len(calls) < 2 or len({part.bad for part in parts}) < 2:
        return Kappa(value=None, interval=None)
    return with_interval(parts, cohens_kappa)


def positions(cases: Sequence[AnsweredCase], frontier: Frontier | None) -> list[Position]:
    """Positions of the slider, ascending: each score of an answered case, thinned where there are very many."""
    at = sorted({0.0, *(case.score for case in cases if case.score is not None), 1.0})
    if len(at) > STEPS_MOST:
        at = [at[round(i * (len(at) - 1) / (STEPS_MOST - 1))] for i in range(STEPS_MOST)]
    return [position_at(cases, frontier, line) for line in at]


def position_at(cases: Sequence[AnsweredCase], frontier: Frontier | None, line: float) -> Position:
    """Cost of one position among answered cases, and the sensitivity that is proved there."""
    scored = [(case.score, case.positive) for case in cases if case.score is not None]
    return Position(
        at=line,
        positives_cleared=sum(positive and score < line for score, positive in scored),
        negatives_left=sum(not positive and score >= line for score, positive in scored),
        proved=_proved(frontier, line),
    )


def _proved(frontier: Frontier | None, line: float) -> float | None:
    rows = () if frontier is None else frontier.rows
    reached = [row.sensitivity for row in rows if row.clear_below is not None and row.clear_below >= line]
    return max(reached, default=None)


def positions_json(found: Sequence[Position]) -> str:
    """Positions for the page's script."""
    return json.dumps([[p.at, p.positives_cleared, p.negatives_left, p.proved] for p in found])
