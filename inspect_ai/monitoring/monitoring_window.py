"""Decisions of one certificate since it came into force or a person enabled it again, as `monitor` watches them.

A study counts once, with its first decision: deciding it again must not rewrite what was already counted. Of a patient
who is known by a hash one study counts as evidence of drift, the first: two pictures of one person resemble each other,
and a random order would not put them side by side. All of it follows from the log alone, and so can be recomputed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from inspect_ai.audit import Action, Entry, Kind, Log
from inspect_ai.certificates.status import issued_after
from inspect_ai.domain import Decision, Outcome
from inspect_ai.review.random_audit import drawn
from inspect_ai.review.review_states import WAITING, ReviewState, state_after

SCORE = "score"


@dataclass(frozen=True, slots=True, order=True)
class Statement:
    """Key of decisions that belong together: one task at one operating point under one certificate ("" without one)."""

    task: str
    operating_point_sha256: str
    certificate_sha256: str

    @property
    def subject(self) -> str:
        """Subject of the log's rows about it: the certificate, or the operating point where there is none."""
        return self.certificate_sha256 or self.operating_point_sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoredCase:
    """A study at its first decision, and its review state by now."""

    entry: int
    hash: str
    outcome: str
    values: tuple[tuple[str, float], ...]  # score and quality measures; a measure that failed to be taken is -inf
    fresh_patient: bool  # no study of this patient came before
    drawn: bool
    state: ReviewState

    @property
    def waits(self) -> bool:
        """True when an answer that the figures need is still missing."""
        return self.state in WAITING and (self.drawn or self.outcome != Outcome.CLEAR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One kind of value in the order of the entries."""

    name: str
    entries: tuple[int, ...]
    hashes: tuple[str, ...] = field(repr=False)
    values: tuple[float, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringWindow:
    """One statement's cases after entry `start`. `notes`: the rows on its suspension, enabling and end, in order."""

    statement: Statement
    start: int
    cases: tuple[MonitoredCase, ...]
    notes: tuple[Entry, ...]
    alarms: tuple[Entry, ...]  # raised in this period

    def streams(self) -> tuple[Stream, ...]:
        """Streams of the score and all measures of the first case that has any; drift may not change their number."""
        named = next((names for case in self.cases if (names := [n for n, _ in case.values if n != SCORE])), [])
        return tuple(self._stream(name) for name in dict.fromkeys([SCORE, *named]))

    def _stream(self, name: str) -> Stream:
        found = [
            (case.entry, case.hash, value)
            for case in self.cases
            if case.fresh_patient
            for value in [v for n, v in case.values if n == name][:1]
        ]
        entries, hashes, values = zip(*found, strict=True) if found else ((), (), ())
        return Stream(name=name, entries=entries, hashes=hashes, values=values)

    def answered(self) -> tuple[MonitoredCase, ...]:
        """Cases before the first one that waits. Later answers do not count yet: positives may be answered sooner than
        negatives, or later.
        """
        first = next((i for i, case in enumerate(self.cases) if case.waits), len(self.cases))
        return self.cases[:first]


def monitoring_windows(log: Log, *, task: str | None, audit_rate: float) -> list[MonitoringWindow]:
    """Collect every statement's current period, in order of task and digests."""
    notes = list(log.entries(kind=Kind.CERTIFICATE, task=task))
    alarms = list(log.entries(kind=Kind.ALARM, task=task))
    reviews: dict[int | None, Entry] = {entry.refers: entry for entry in log.entries(kind=Kind.REVIEW)}
    groups: dict[Statement, _Gathering] = {}
    for entry in log.entries(kind=Kind.DECISION, task=task):
        decision = entry.decision()
        statement = statement_of(decision)
        if not decision.provenance.model_sha256:  # no task took it, so it belongs to no statement
            continue
        if statement not in groups:
            groups[statement] = _Gathering(statement, list(_about(notes, statement)))
        groups[statement].add(entry, decision, reviews.get(entry.id), audit_rate)
    return [groups[s].window([alarm for alarm in alarms if alarm.subject == s.subject]) for s in sorted(groups)]


def _about(notes: Iterable[Entry], statement: Statement) -> Iterator[Entry]:
    """Yield the rows that bear on a statement: suspensions and enablings of its task, the end of its certificate.

    A suspension that its certificate was issued after is over for it.
    """
    found: list[Entry] = []
    for entry in notes:
        note = entry.certificate()
        named = bool(note.certificate_sha256) and note.certificate_sha256 == statement.certificate_sha256
        if note.task != statement.task or (note.action is Action.REVOKED and not named):
            continue
        if named and note.action is Action.ISSUED:
            found = [one for one in found if not issued_after(entry, note, one)]
        elif note.action is not Action.ISSUED:
            found.append(entry)
    yield from found


def statement_of(decision: Decision) -> Statement:
    """Statement under which a decision was made."""
    p = decision.provenance
    return Statement(p.task, p.operating_point_sha256, p.certificate_sha256)


def values_of(decision: Decision) -> Iterator[tuple[str, float]]:
    """Values watched of one decision. Names of measures that several pictures share mean the first picture's."""
    if decision.score is not None:
        yield SCORE, decision.score
    for measure in decision.measures:
        yield measure.name, -math.inf if math.isnan(measure.value) else measure.value


class _Gathering:
    """Collector of one statement's cases from its decisions, in the order of the log."""

    def __init__(self, statement: Statement, notes: Sequence[Entry]) -> None:
        self.statement, self.notes = statement, tuple(notes)
        enabled = [note.id for note in notes if note.certificate().action is Action.ENABLED]
        self.start = max(enabled, default=0)
        self.cases: dict[str, MonitoredCase] = {}  # by digest of the study
        self.patients: set[str] = set()

    def add(self, entry: Entry, decision: Decision, review: Entry | None, audit_rate: float) -> None:
        if entry.id <= self.start:
            return
        digest, patient = decision.study.digest, decision.study.patient_hash
        if digest not in self.cases:
            clear = entry.outcome == Outcome.CLEAR
            self.cases[digest] = MonitoredCase(
                entry=entry.id,
                hash=entry.hash,
                outcome=entry.outcome or "",
                values=tuple(values_of(decision)),
                fresh_patient=patient is None or patient not in self.patients,
                drawn=clear and entry.refers is None and drawn(entry, audit_rate),
                state=state_after(review),
            )
        elif review is not None:  # a person answered the study where it was decided again
            self.cases[digest] = replace(self.cases[digest], state=state_after(review))
        if patient is not None:
            self.patients.add(patient)

    def window(self, alarms: Iterable[Entry]) -> MonitoringWindow:
        return MonitoringWindow(
            statement=self.statement,
            start=self.start,
            cases=tuple(self.cases.values()),
            notes=self.notes,
            alarms=tuple(alarm for alarm in alarms if alarm.id > self.start),
        )
