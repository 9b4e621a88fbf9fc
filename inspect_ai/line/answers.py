"""What people may say of a case, and the state that follows; shared by the queue and by what counts their answers."""

from __future__ import annotations

from enum import StrEnum

from inspect_ai.audit import Entry
from inspect_ai.errors import UsageError


class State(StrEnum):
    """Where a case stands."""

    OPEN = "open"
    SECOND_READER = "second_reader"  # waits for somebody else than the one who asked
    POSITIVE = "positive"
    NEGATIVE = "negative"
    RETAKE = "retake"


class Answer(StrEnum):
    """What a person may say."""

    POSITIVE = "positive"  # the finding is there; the part is defective
    NEGATIVE = "negative"  # nothing is there; the part is good
    RETAKE = "retake"  # the picture cannot be judged: take another, or look at the thing itself
    SECOND_READER = "second_reader"  # somebody else must look too
    REOPEN = "reopen"  # the answer was wrong or has come into doubt


CLOSING = {
    Answer.POSITIVE: State.POSITIVE,
    Answer.NEGATIVE: State.NEGATIVE,
    Answer.RETAKE: State.RETAKE,
}
WAITING = frozenset({State.OPEN, State.SECOND_READER})
_AFTER = {**CLOSING, Answer.SECOND_READER: State.SECOND_READER, Answer.REOPEN: State.OPEN}


def state_after(review: Entry | None) -> State:
    """Where a case stands after its last review. No answer leads to two states, so the last one tells it."""
    if review is None:
        return State.OPEN
    try:
        return _AFTER[Answer(review.outcome or "")]
    except ValueError as e:
        raise UsageError(
            f"Entry {review.id} holds the review {review.outcome!r}, which this program does not know. Update it."
        ) from e
