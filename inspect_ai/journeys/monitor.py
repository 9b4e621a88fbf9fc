"""Monitor: whether the decisions still come from the world that the certificate was made for; if not, an alarm.

For each certificate, since it came into force: a conformal test martingale on the score and on each quality measure
(alarm at 1 / η for all of them together), what moved and which way, the miss rate that reviewed labels prove at every
moment, and what the audit of clear cases proves. An alarm becomes a row, and a row that suspends the certificate: then
nothing is cleared without a person until one enables it again, and watching starts afresh at that row. The martingale
needs no calibration set: it compares production with its own beginning. So it sees a change of prevalence as well as
one of the device, sees nothing that was wrong from the first part on, and does not see missed positives.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from inspect_ai.audit import Action, Alarm, CertificateNote, Entry, Log
from inspect_ai.calibration import point_sha256, read_point
from inspect_ai.certificates.deployment import POINT_FILE
from inspect_ai.errors import UsageError
from inspect_ai.monitoring.evidence import Evidence, Misses, escapes, first_to_cross, missed, movements, played, told
from inspect_ai.monitoring.martingale import ETA
from inspect_ai.monitoring.monitoring_window import MonitoringWindow, Statement, monitoring_windows
from inspect_ai.monitoring.movement import Movement
from inspect_ai.monitoring.sampling import AuditBound
from inspect_ai.plugins import task_named
from inspect_ai.settings import Settings

MISS_RATE = "miss rate"


class MonitorState(StrEnum):
    """How a certificate stands."""

    QUIET = "quiet"
    ALARM = "alarm"  # something drifted, and nobody has enabled the certificate again
    SUSPENDED = "suspended"  # by a person
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One certificate's period, as it looks now. `since`: the entry at which something moved, by the best guess."""

    statement: Statement
    start: int
    first: int
    last: int
    cases: int
    waiting: int
    streams: tuple[Evidence, ...]
    movements: tuple[Movement, ...]
    since: int | None
    misses: Misses | None
    miss_limit: float
    audit: AuditBound | None
    state: MonitorState
    alarms: tuple[Entry, ...]  # of this period, those just written included
    reason: str  # of the state


def monitor(
    log: Log,
    settings: Settings,
    *,
    task: str | None = None,
    eta: float = ETA,
    audit_rate: float = 0.0,
    sensitivity: float | None = None,
    dry_run: bool = False,
) -> list[Watched]:
    """Look at every certificate whose decisions stand in the log; write alarms and suspensions that are due, once.

    sensitivity: what was promised, where the operating point no longer lies with its task. Raises UsageError for rates
    that are none.
    """
    for name, value, least in (("false-alarm rate", eta, False), ("audit rate", audit_rate, True)):
        if not (0.0 < value < 1.0 or (least and value in (0.0, 1.0))):
            raise UsageError(f"The {name} is {value:g}; it is a share between 0 and 1.")
    found = []
    for window in monitoring_windows(log, task=task, audit_rate=audit_rate):
        if window.cases:
            promised = sensitivity or _promised(window.statement, settings)
            found.append(_watch(log, window, promised, eta=eta, audit_rate=audit_rate, dry_run=dry_run))
    return found


def _watch(
    log: Log, window: MonitoringWindow, promised: float | None, *, eta: float, audit_rate: float, dry_run: bool
) -> Watched:
    """One certificate: evidence, explanation, rows, state."""
    streams = played(window.streams(), eta)
    worst = first_to_cross(streams)
    since, moved = movements(streams, worst)
    audited = audit_rate > 0.0
    misses = missed(window, promised, audit_rate=audit_rate, eta=eta) if audited else None
    due = [
        alarm
        for alarm in (_drift_alarm(window, worst, since, moved, eta), _miss_alarm(window, misses, eta))
        if alarm is not None and not _raised(window, alarm)
    ]
    alarms, notes = window.alarms, window.notes
    if not dry_run and not _revoked(window):
        alarms += tuple(log.append([alarm])[0] for alarm in due)
        notes += tuple(_suspended(log, window, alarms))
    state, reason = _state(notes, alarms, due)
    return Watched(
        statement=window.statement,
        start=window.start,
        first=window.cases[0].entry,
        last=window.cases[-1].entry,
        cases=len(window.cases),
        waiting=sum(case.waits for case in window.cases),
        streams=streams,
        movements=moved,
        since=since,
        misses=misses,
        miss_limit=1.0 / eta,
        audit=escapes(window, eta) if audited else None,
        state=state,
        alarms=alarms,
        reason=reason,
    )


def _promised(statement: Statement, settings: Settings) -> float | None:
    """The sensitivity of the operating point that lies with the task, if it is the one that decided."""
    try:
        point = read_point(task_named(statement.task, settings.tasks).folder / POINT_FILE)
    except UsageError:
        return None
    return point.proof.sensitivity if point_sha256(point) == statement.operating_point_sha256 else None


def _drift_alarm(
    window: MonitoringWindow, worst: Evidence | None, since: int | None, movements: Sequence[Movement], eta: float
) -> Alarm | None:
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


def _miss_alarm(window: MonitoringWindow, misses: Misses | None, eta: float) -> Alarm | None:
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


def _raised(window: MonitoringWindow, due: Alarm) -> bool:
    """Whether this period has its alarm of that kind: drift of whatever value, or misses."""
    return any((row.alarm().watched == MISS_RATE) == (due.watched == MISS_RATE) for row in window.alarms)


def _suspended(log: Log, window: MonitoringWindow, alarms: Sequence[Entry]) -> Iterator[Entry]:
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


def _revoked(window: MonitoringWindow) -> bool:
    return any(note.certificate().action is Action.REVOKED for note in window.notes)


def _state(notes: Sequence[Entry], alarms: Sequence[Entry], due: Sequence[Alarm]) -> tuple[MonitorState, str]:
    """The state and why. `due`: alarms that a dry run does not write."""
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
