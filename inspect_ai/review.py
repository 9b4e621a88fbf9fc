"""Review: what the machine flagged or left open waits for a person, worst first; the person's word becomes a row.

The answers are about the study, not about the machine, so that they fit a reader and a line operator alike, and a flag
and an abstention. A review never changes a row; the state of a case follows from the last review that points to it.
Flags come first, highest score first, then abstentions with a score, then those without one, each oldest first on ties:
a flag is the only thing that the machine is sure of. Last come the clear cases that chance drew for audit. A study
decided again by another model is another case; one decided again on demand replaces the case before it, unless it is
clear now: no flag vanishes without a person.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from inspect_ai.audit import Entry, Kind, Log, Review, login_name
from inspect_ai.domain import Outcome
from inspect_ai.errors import UsageError
from inspect_ai.line.answers import CLOSING, WAITING, Answer, State, state_after
from inspect_ai.line.auditing import drawn

__all__ = [
    "MOVES",
    "WAITING",
    "WORDS",
    "Answer",
    "Case",
    "State",
    "case",
    "decide",
    "history",
    "pictures",
    "queue",
]

REASON_LIMIT = 2000  # characters: a remark, not a report
PICTURES = "pictures"  # where a scan leaves them, below its folder
ORIGIN = "log.txt"  # beside them: the hash of the first entry of the log whose entries they are named after


WORDS = {
    **{answer.value: answer for answer in Answer},
    "defect": Answer.POSITIVE,
    "good": Answer.NEGATIVE,
    "second-reader": Answer.SECOND_READER,
}

_TURN = (Outcome.FLAG, Outcome.ABSTAIN, Outcome.CLEAR)
# The one table of moves; what is not in it is refused.
MOVES: dict[State, dict[Answer, State]] = {
    State.OPEN: {**CLOSING, Answer.SECOND_READER: State.SECOND_READER},
    State.SECOND_READER: dict(CLOSING),
    State.POSITIVE: {Answer.REOPEN: State.OPEN},
    State.NEGATIVE: {Answer.REOPEN: State.OPEN},
    State.RETAKE: {Answer.REOPEN: State.OPEN},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A decision that a person may answer, its state, and the entry of the last review (None before the first)."""

    decision: Entry
    state: State
    last: Entry | None = None

    @property
    def answers(self) -> tuple[Answer, ...]:
        """What may be said now."""
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
    if audit_rate > 0.0:
        cleared = log.entries(kind=Kind.DECISION, outcome=Outcome.CLEAR, task=task)
        # Decided again, a study is not drawn again: else whoever decides often enough would choose what is audited.
        decisions += [decision for decision in cleared if decision.refers is None and drawn(decision, audit_rate)]
    cases = [_case(decision, last.get(decision.id)) for decision in decisions if decision.id not in replaced]
    return sorted((case for case in cases if case.state in WAITING), key=_worst_first)


def case(log: Log, entry_id: int) -> Case:
    """The case of one decision, waiting or not. Raises UsageError if the entry is no decision."""
    decision = log.entry(entry_id)
    if decision.kind != Kind.DECISION:
        raise UsageError(
            f"Entry {entry_id} is a {decision.kind}; only decisions are reviewed (`inspect-ai review list`)."
        )
    reviews = list(history(log, entry_id))
    return _case(decision, reviews[-1] if reviews else None)


def history(log: Log, entry_id: int) -> Iterator[Entry]:
    """The reviews of one decision, first to last."""
    return log.entries(kind=Kind.REVIEW, refers=entry_id)


def decide(log: Log, entry_id: int, verdict: str, reason: str, *, operator: str = "") -> Case:
    """Write a person's answer and return the case as it stands then.

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
    if before.state == State.SECOND_READER and before.last is not None and before.last.operator == operator:
        raise UsageError(
            f"{operator} asked for a second reader of entry {entry_id}, so somebody else has to answer. "
            "Name them with --operator."
        )
    after = before.last.id if before.last else None
    review = Review(entry_id=entry_id, verdict=answer.value, reason=reason, operator=operator, after=after)
    return _case(before.decision, log.append([review])[0])


def pictures(out: Path, log: Log, entry_id: int) -> tuple[Path | None, Path | None]:
    """Picture and heat map that a scan left for an entry below `out`, None where there is none of this log."""
    folder = out / PICTURES
    first = next(log.entries(limit=1), None)
    try:
        ours = first is not None and (folder / ORIGIN).read_text("utf-8").strip() == first.hash
    except (OSError, UnicodeDecodeError):
        ours = False
    names = (f"{entry_id}.png", f"{entry_id}_heat.png") if ours else ()
    found = [folder / name if (folder / name).is_file() else None for name in names]
    return (found[0], found[1]) if found else (None, None)


def _case(decision: Entry, last: Entry | None) -> Case:
    return Case(decision=decision, state=state_after(last), last=last)


def _worst_first(case: Case) -> tuple[int, bool, float, int]:
    decision = case.decision
    score = decision.score
    return _TURN.index(Outcome(decision.outcome or "")), score is None, -(score or 0.0), decision.id


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
