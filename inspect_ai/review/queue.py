"""Review queue: cases that were flagged or left open wait for a person, worst first.

The answers are about the study, not about the machine, so that they fit a reader and a line operator alike, and a flag
and an abstention. A review never changes a row; the state of a case follows from the last review that points to it.
Flags come first, highest score first, then abstentions with a score, then those without one, each oldest first on ties:
only a flag asserts a finding. Last come the clear cases that chance drew for audit, or that a person asked about. A
study decided again by another model is another case; one decided again on demand replaces the case before it, unless
it is clear now: no flag vanishes without a person.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from inspect_ai.audit import Entry, Kind, Log
from inspect_ai.domain import Outcome
from inspect_ai.errors import UsageError
from inspect_ai.review.random_audit import drawn
from inspect_ai.review.review_states import MOVES, WAITING, Answer, ReviewState, state_after

TURN = (Outcome.FLAG, Outcome.ABSTAIN, Outcome.CLEAR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A decision that a person may answer, its state, and the entry of the last review (None before the first)."""

    decision: Entry
    state: ReviewState
    last: Entry | None = None

    @property
    def answers(self) -> tuple[Answer, ...]:
        """Answers that the case allows now."""
        return tuple(MOVES[self.state])


def queue(log: Log, *, task: str | None = None, audit_rate: float = 0.0) -> list[Case]:
    """The cases that wait for a person, worst first, and last the clear ones that chance drew for audit.

    Raises UsageError for a rate that is no share.
    """
    if not 0.0 <= audit_rate <= 1.0:
        raise UsageError(f"The audit rate is {audit_rate:g}; it is a share of the clear cases, from 0 to 1.")
    last = {entry.refers: entry for entry in log.entries(kind=Kind.REVIEW)}  # later entries overwrite earlier ones
    decisions = [
        decision
        for outcome in (Outcome.FLAG, Outcome.ABSTAIN)
        for decision in log.entries(kind=Kind.DECISION, outcome=outcome, task=task)
    ]
    replaced = {decision.refers for decision in decisions}
    asked = {entry_id for entry_id, review in last.items() if state_after(review) in WAITING}
    if audit_rate > 0.0 or asked:
        cleared = log.entries(kind=Kind.DECISION, outcome=Outcome.CLEAR, task=task)
        # Decided again, a study is not drawn again: else whoever decides often enough would choose what is audited.
        decisions += [
            decision
            for decision in cleared
            if decision.id in asked or (decision.refers is None and drawn(decision, audit_rate))
        ]
    cases = [case_of(decision, last.get(decision.id)) for decision in decisions if decision.id not in replaced]
    return sorted((case for case in cases if case.state in WAITING), key=_worst_first)


def case(log: Log, entry_id: int) -> Case:
    """The case of one decision, waiting or not. Raises UsageError if the entry is no decision."""
    decision = log.entry(entry_id)
    if decision.kind != Kind.DECISION:
        raise UsageError(
            f"Entry {entry_id} is a {decision.kind}; only decisions are reviewed (`inspect-ai review list`)."
        )
    reviews = list(history(log, entry_id))
    return case_of(decision, reviews[-1] if reviews else None)


def history(log: Log, entry_id: int) -> Iterator[Entry]:
    """The reviews of one decision, first to last."""
    return log.entries(kind=Kind.REVIEW, refers=entry_id)


def case_of(decision: Entry, last: Entry | None) -> Case:
    """The case of a decision after its last review."""
    return Case(decision=decision, state=state_after(last), last=last)


def _worst_first(case: Case) -> tuple[int, bool, float, int]:
    decision = case.decision
    score = decision.score
    return TURN.index(Outcome(decision.outcome or "")), score is None, -(score or 0.0), decision.id
