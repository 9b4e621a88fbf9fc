"""Answering of a case: a person's answer is checked against the table of moves and becomes one new row in the log."""

from __future__ import annotations

from collections.abc import Sequence

from inspect_ai.audit import DrawnMark, Log, Review, login_name
from inspect_ai.errors import UsageError
from inspect_ai.review.queue import Case, case, case_of
from inspect_ai.review.review_states import MOVES, WORDS, Answer, ReviewState

REASON_LIMIT = 2000  # characters: a remark, not a report


def decide(
    log: Log,
    entry_id: int,
    verdict: str,
    reason: str,
    *,
    operator: str = "",
    label: str = "",
    marks: Sequence[DrawnMark] = (),
    blinded: bool = False,
) -> Case:
    """Write a person's answer and return the case as it stands then.

    label: class in the task's own words. marks: those that the person drew. blinded: the machine's answer was hidden.
    Raises UsageError for an unknown word, an empty reason, a move that the table does not have, a second reader who is
    the first, or a case that somebody else answered meanwhile.
    """
    answer = _answer(verdict)
    reason = _reason(reason)
    operator = operator or log.operator or login_name()
    before = case(log, entry_id)
    if answer not in MOVES[before.state]:
        raise UsageError(
            f"Entry {entry_id} is {before.state}; now it takes {' or '.join(before.answers)}, not {answer}. "
            f"See `inspect-ai review show {entry_id}`."
        )
    if before.state == ReviewState.SECOND_READER and before.last is not None and before.last.operator == operator:
        raise UsageError(
            f"{operator} asked for a second reader of entry {entry_id}, so somebody else has to answer. "
            "Name them with --operator."
        )
    after = before.last.id if before.last else None
    review = Review(
        entry_id=entry_id,
        verdict=answer.value,
        reason=reason,
        operator=operator,
        after=after,
        label=label,
        marks=tuple(marks),
        blinded=blinded,
    )
    return case_of(before.decision, log.append([review])[0])


def _answer(verdict: str) -> Answer:
    answer = WORDS.get(verdict.strip().lower())
    if answer is None:
        raise UsageError(f"{verdict!r} is no verdict. Say one of: {', '.join(WORDS)}.")
    return answer


def _reason(reason: str) -> str:
    text = " ".join(reason.split())
    if not text:
        raise UsageError("A verdict needs its reason: name what you saw with --reason.")
    if len(text) > REASON_LIMIT:
        raise UsageError(f"The reason has {len(text)} characters; at most {REASON_LIMIT} are kept. Say it shorter.")
    return text
