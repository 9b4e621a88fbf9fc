"""Reported answers: which reviews of a case are told to others, and which of them holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from inspect_ai.audit import Entry, Log
from inspect_ai.review.queue import case
from inspect_ai.review.review_states import Answer

SETTLED = (Answer.POSITIVE, Answer.NEGATIVE)


def reported_of(reviews: Iterable[Entry]) -> Iterator[Entry]:
    """Yield those reviews of one case, first to last, that have a report.

    They are positive and negative answers, and what takes such an answer back.
    """
    settled = False
    for entry in reviews:
        takes_back = settled and entry.outcome == Answer.REOPEN
        settled = entry.outcome in SETTLED
        if settled or takes_back:
            yield entry


def standing_answer(decision_id: int, log: Log) -> Entry | None:
    """Positive or negative answer that a case has now; None without one."""
    last = case(log, decision_id).last
    return last if last is not None and last.outcome in SETTLED else None
