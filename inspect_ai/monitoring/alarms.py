"""Alarms from evidence, the suspension that answers them, and the state of a certificate that follows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

from inspect_ai.audit import Action, Alarm, CertificateNote, Entry, Log
from inspect_ai.monitoring.evidence import Evidence, Misses, told
from inspect_ai.monitoring.monitoring_window import MonitoringWindow
from inspect_ai.monitoring.movement import Movement

MISS_RATE = "miss rate"


class MonitorState(StrEnum):
    """State of a certificate."""

    QUIET = "quiet"
    ALARM = "alarm"  # drift or misses were found, and nobody has enabled the certificate again
    SUSPENDED = "suspended"  # by a person
    REVOKED = "revoked"


def drift_alarm(
    window: MonitoringWindow, worst: Evidence | None, since: int | None, movements: Sequence[Movement], eta: float
) -> Alarm | None:
    """Alarm of the stream that crossed its limit first; None where none did."""
    if worst is None or worst.crossed is None:
        return None
    name = worst.stream.name
    how = next((told(m) for m in movements if m.name == name), "")
    when = "" if since is None else f" since about entry {since}"
    return Alarm(
        task=window.statement.task,
        certificate_sha256=window.statement.subject,
        watched=name,
        evidence=worst.highest,
        limit=worst.limit,
        n=worst.crossed + 1,
        first_entry=window.cases[0].entry,
        last_entry=worst.stream.entries[worst.crossed],
        statement=(
            f"{name} no longer comes as it did{when}{': ' if how else ''}{how}; evidence {worst.highest:.3g} reached "
            f"{worst.limit:.4g}, which chance does in at most {100 * eta:.3g} % of certificates"
        ),
    )


def miss_alarm(window: MonitoringWindow, misses: Misses | None, eta: float) -> Alarm | None:
    """Alarm of a proved miss rate above the promised one; None where there is none."""
    if misses is None or misses.promised is None:
        return None
    bound = misses.bound
    if bound.crossed is None or bound.evidence is None:
        return None
    return Alarm(
        task=window.statement.task,
        certificate_sha256=window.statement.subject,
        watched=MISS_RATE,
        evidence=bound.evidence,
        limit=1.0 / eta,
        n=bound.crossed + 1,
        first_entry=window.cases[0].entry,
        last_entry=misses.entries[bound.crossed],
        statement=(
            f"at least {bound.at_least:.2%} of positives are cleared, where at most {misses.promised:.2%} were "
            f"promised: {bound.missed} of the {bound.positives} positives that people saw had been cleared"
        ),
    )


def is_raised(window: MonitoringWindow, due: Alarm) -> bool:
    """Tell whether this period already has an alarm of that kind: drift of any value, or misses."""
    return any((row.alarm().watched == MISS_RATE) == (due.watched == MISS_RATE) for row in window.alarms)


def suspended(log: Log, window: MonitoringWindow, alarms: Sequence[Entry]) -> Iterator[Entry]:
    """Suspend for the first alarm that no row has answered yet, unless it is suspended already."""
    last = window.notes[-1].certificate().action if window.notes else None
    unanswered = [row for row in alarms if row.id not in {note.refers for note in window.notes}]
    if unanswered and last is not Action.SUSPENDED:
        row = unanswered[0]
        note = CertificateNote(
            task=window.statement.task,
            operating_point_sha256=window.statement.operating_point_sha256,
            certified=False,
            statement=f"alarm in entry {row.id}: {row.reason}",
            action=Action.SUSPENDED,
            certificate_sha256=window.statement.certificate_sha256,
            alarm=row.id,
        )
        yield log.append([note])[0]


def is_revoked(window: MonitoringWindow) -> bool:
    """Tell whether the certificate was revoked."""
    return any(note.certificate().action is Action.REVOKED for note in window.notes)


def state_of(notes: Sequence[Entry], alarms: Sequence[Entry], due: Sequence[Alarm]) -> tuple[MonitorState, str]:
    """State and its reason. `due`: alarms that a dry run does not write."""
    for note in notes:
        if note.certificate().action is Action.REVOKED:
            return MonitorState.REVOKED, note.reason
    if alarms:
        return MonitorState.ALARM, alarms[0].reason
    if due:
        return MonitorState.ALARM, due[0].statement
    last = notes[-1] if notes else None
    if last is not None and last.certificate().action is Action.SUSPENDED:
        return (MonitorState.ALARM if last.refers else MonitorState.SUSPENDED), last.reason
    return MonitorState.QUIET, ""
