"""Review: states and moves of a case, the queue, the row that a person's answer writes, and which answers are told."""

from inspect_ai.review.answering import REASON_LIMIT, decide
from inspect_ai.review.queue import Case, case, history, queue
from inspect_ai.review.reported import reported_of, standing_answer
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
    "reported_of",
    "standing_answer",
]
