"""Monitoring journey: an alarm when decisions no longer come from the conditions that the certificate was made for.

For each certificate, since it came into force: a conformal test martingale on the score and on each quality measure
(alarm at 1 / η for all of them together), what moved and which way, the miss rate that reviewed labels prove at every
moment, and what the audit of clear cases proves. An alarm becomes a row, and a row that suspends the certificate: then
nothing is cleared without a person until one enables it again, and watching starts afresh at that row. The martingale
needs no calibration set: it compares production with its own beginning. So it sees a change of prevalence as well as
one of the device, sees nothing that was wrong from the first part on, and does not see missed positives.
"""

from __future__ import annotations

from dataclasses import dataclass

from inspect_ai.audit import Entry, Log
from inspect_ai.calibration import point_sha256, read_point
from inspect_ai.certificates.deployment import POINT_FILE
from inspect_ai.errors import UsageError
from inspect_ai.monitoring.alarms import (
    MISS_RATE,
    MonitorState,
    drift_alarm,
    is_raised,
    is_revoked,
    miss_alarm,
    state_of,
    suspended,
)
from inspect_ai.monitoring.evidence import Evidence, Misses, escapes, first_to_cross, missed, movements, played
from inspect_ai.monitoring.martingale import ETA
from inspect_ai.monitoring.monitoring_window import MonitoringWindow, Statement, monitoring_windows
from inspect_ai.monitoring.movement import Movement
from inspect_ai.monitoring.sampling import AuditBound
from inspect_ai.plugins import task_folder
from inspect_ai.settings import Settings

__all__ = ["MISS_RATE", "MonitorState", "Watched", "monitor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """Current period of one certificate. `since`: the entry at which a value moved, by the best estimate."""

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
    """Check every certificate with decisions in the log; write alarms and suspensions that are due, once.

    sensitivity: the promised one, where the operating point no longer lies with its task. Raises UsageError for rates
    that are no shares.
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
    """Watch one certificate: evidence, explanation, rows, state."""
    streams = played(window.streams(), eta)
    worst = first_to_cross(streams)
    since, moved = movements(streams, worst)
    audited = audit_rate > 0.0
    misses = missed(window, promised, audit_rate=audit_rate, eta=eta) if audited else None
    due = [
        alarm
        for alarm in (drift_alarm(window, worst, since, moved, eta), miss_alarm(window, misses, eta))
        if alarm is not None and not is_raised(window, alarm)
    ]
    alarms, notes = window.alarms, window.notes
    if not dry_run and not is_revoked(window):
        alarms += tuple(log.append([alarm])[0] for alarm in due)
        notes += tuple(suspended(log, window, alarms))
    state, reason = state_of(notes, alarms, due)
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
    """Promised sensitivity of the task's operating point, if it is the one that decided."""
    try:
        point = read_point(task_folder(statement.task, settings.tasks) / POINT_FILE)
    except UsageError:
        return None
    return point.proof.sensitivity if point_sha256(point) == statement.operating_point_sha256 else None
