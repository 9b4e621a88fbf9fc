"""Worklist: every received study with its state, flagged ones first."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum

from inspect_ai.audit import Delivery, Entry, Kind, Log
from inspect_ai.domain import Outcome
from inspect_ai.pacs.deliveries import Deliveries, Pending
from inspect_ai.pacs.received import Received, ReceivedStudy, StudyNote

_TURN = (Outcome.FLAG, Outcome.ABSTAIN, None, Outcome.CLEAR)


class StudyState(StrEnum):
    """State of a received study."""

    RECEIVING = "receiving"  # its last file came a short time ago
    WAITING = "waiting"  # complete, and not decided as it lies there
    DECIDED = "decided"  # its results are not sent yet, or there is nobody to send them to
    SENT = "sent"  # its results are at their destination
    FAILED = "failed"  # it could not be decided, or its results not sent; both are tried again


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Row of the worklist. outcome: the worst of its decisions, None where there is none."""

    key: str
    state: StudyState
    outcome: Outcome | None
    score: float | None
    instances: int
    newest: float
    entries: tuple[int, ...]
    problem: str


def worklist(store: Received, log: Log | None, quiet_s: float) -> list[Listed]:
    """Every study of the store: flagged, left open, not decided, clear; of each the newest first."""
    steps = {} if log is None else _of_decisions(log)
    rows = []
    for study in store.studies():
        note = store.note(study.key)
        entries = [] if log is None else [log.entry(number) for number in note.entries]
        rows.append(_row(study, note, entries, steps, quiet_s))
    return sorted(rows, key=lambda row: (_TURN.index(row.outcome), -(row.score or 0.0), -row.newest))


def _of_decisions(log: Log) -> dict[int, list[Pending | Delivery]]:
    """Deliveries of each decision, those of answers to it among them."""
    answers = {entry.id: entry.refers for entry in log.entries(kind=Kind.REVIEW)}
    steps: dict[int, list[Pending | Delivery]] = {}
    for (entry, _), step in Deliveries().refresh(log).steps.items():
        steps.setdefault(answers.get(entry) or entry, []).append(step)
    return steps


def _row(
    study: ReceivedStudy,
    note: StudyNote,
    entries: list[Entry],
    steps: dict[int, list[Pending | Delivery]],
    quiet_s: float,
) -> Listed:
    mine = [step for entry in note.entries for step in steps.get(entry, ())]
    problems = [step.problem for step in mine if isinstance(step, Pending) and step.problem]
    if study.version != note.version:
        quiet = time.time() - study.newest
        state = StudyState.FAILED if note.problem else StudyState.RECEIVING if quiet < quiet_s else StudyState.WAITING
    elif problems:
        state = StudyState.FAILED
    else:
        sent = bool(mine) and all(isinstance(step, Delivery) for step in mine)
        state = StudyState.SENT if sent else StudyState.DECIDED
    worst = min(
        entries, key=lambda entry: (_TURN.index(Outcome(entry.outcome or "")), -(entry.score or 0.0)), default=None
    )
    return Listed(
        key=study.key,
        state=state,
        outcome=None if worst is None else Outcome(worst.outcome or ""),
        score=None if worst is None else worst.score,
        instances=study.instances,
        newest=study.newest,
        entries=note.entries,
        problem=note.problem or next(iter(problems), ""),
    )
