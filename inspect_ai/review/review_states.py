"""States and moves of a case: what people may say, and the state that follows."""

from __future__ import annotations

from enum import StrEnum

from inspect_ai.audit import Entry
from inspect_ai.errors import UsageError


class ReviewState(StrEnum):
    """State of a case."""

    OPEN = "open"
    SECOND_READER = "second_reader"  # waits for a person other than the one who asked
    POSITIVE = "positive"
    NEGATIVE = "negative"
    RETAKE = "retake"


class Answer(StrEnum):
    """Answer that a person may give."""

    POSITIVE = "positive"  # the finding is there; the part is defective
    NEGATIVE = "negative"  # nothing is there; the part is good
    RETAKE = "retake"  # the picture cannot be judged: take another, or look at the thing itself
    SECOND_READER = "second_reader"  # somebody else must look too
    REOPEN = "reopen"  # the answer was wrong or has come into doubt


CLOSING = {
    Answer.POSITIVE: ReviewState.POSITIVE,
    Answer.NEGATIVE: ReviewState.NEGATIVE,
    Answer.RETAKE: ReviewState.RETAKE,
}
WAITING = frozenset({ReviewState.OPEN, ReviewState.SECOND_READER})
_AFTER = {**CLOSING, Answer.SECOND_READER: ReviewState.SECOND_READER, Answer.REOPEN: ReviewState.OPEN}


WORDS = {
    **{answer.value: answer for answer in Answer},
    "defect": Answer.POSITIVE,
    "good": Answer.NEGATIVE,
    "second-reader": Answer.SECOND_READER,
}
# The one table of moves; what is not in it is refused.
MOVES: dict[ReviewState, dict[Answer, ReviewState]] = {
    ReviewState.OPEN: {**CLOSING, Answer.SECOND_READER: ReviewState.SECOND_READER},
    ReviewState.SECOND_READER: dict(CLOSING),
    ReviewState.POSITIVE: {Answer.REOPEN: ReviewState.OPEN},
    ReviewState.NEGATIVE: {Answer.REOPEN: ReviewState.OPEN},
    ReviewState.RETAKE: {Answer.REOPEN: ReviewState.OPEN},
}


def state_after(review: Entry | None) -> ReviewState:
    """State of a case after its last review. No answer leads to two states, so the last one determines it."""
    if review is None:
        return ReviewState.OPEN
    try:
        return _AFTER[Answer(review.outcome or "")]
    except ValueError as e:
        raise UsageError(
            f"Entry {review.id} holds the review {review.outcome!r}, which this program does not know. Update it."
        ) from e
