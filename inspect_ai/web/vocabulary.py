"""Vocabulary of a task: the words by which its own labels call a positive and a negative."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from inspect_ai.errors import InspectError
from inspect_ai.plugins import task_named


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Title of a task, and its classes on each side; no classes where the task is not installed here."""

    title: str
    positive: tuple[str, ...]
    negative: tuple[str, ...]

    def side(self, verdict: str) -> tuple[str, ...]:
        """Classes that an answer may name."""
        return {"positive": self.positive, "negative": self.negative}.get(verdict, ())


@lru_cache
def vocabulary(task: str, folders: str) -> Vocabulary:
    """Words of a task, of all its label sets, each once. `folders`: of further tasks, as the setting has them."""
    try:
        found = task_named(task, folders)
        config = found.config
    except InspectError:
        return Vocabulary(title=task, positive=(), negative=())
    positive = dict.fromkeys(name for labels in config.labels for name in labels.positive)
    negative = dict.fromkeys(name for labels in config.labels for name in labels.classes if name not in labels.positive)
    return Vocabulary(title=config.title or found.title, positive=tuple(positive), negative=tuple(negative))
