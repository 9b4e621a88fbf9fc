"""Results of the routing benchmark."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Pictures of one folder by where they went.

    right, wrong: to its own task and to another. unlike: of these, left to a person by that task's gate, for each of
    the two. several, none: to no task, since several could be theirs, or none.
    """

    data: str
    task: str
    n: int
    right: int
    right_unlike: int
    wrong: int
    wrong_unlike: int
    several: int
    none: int
    wrong_tasks: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingResult:
    """Destinations of the pictures of all folders. tasks: those that were ready to work."""

    split: str
    tasks: tuple[str, ...]
    rows: tuple[Sent, ...]
