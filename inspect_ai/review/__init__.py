"""Review: states and moves of a case, the queue, and the row that a person's answer writes."""

from inspect_ai.review.answering import REASON_LIMIT, decide
from inspect_ai.review.queue import Case, case, history, queue
from inspect_ai.review.review_states import MOVES, WAITING, WORDS, Answer, ReviewState

__all__ = [
    "MOVES",
    "REASON_LIMIT",
    "WAITING",
    "WORDS",
    "Answer",
    "Case",
    "ReviewState",
    "case",
    "decide",
    "history",
    "queue",
]
