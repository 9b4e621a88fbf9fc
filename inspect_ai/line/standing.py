"""What the audit log says of a certificate: in force, suspended, or revoked. Looked up again whenever the log has more.

A suspension belongs to the operating point as well as to the certificate, so that nobody lifts it by taking the
certificate away; a revocation belongs to the certificate alone and is for ever.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from inspect_ai.audit import Action, CertificateNote, Entry, Kind, Log
from inspect_ai.line.station import Station


class State(StrEnum):
    """Where a certificate, or an operating point without one, stands."""

    IN_FORCE = "in force"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    UNKNOWN = "unknown"  # this log has never heard of it, which is no fault of its


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """`entry` is the row that decided it, `reason` what stands there."""

    state: State
    entry: int | None = None
    reason: str = ""


def standing(log: Log, task: str, certificate_sha256: str, operating_point_sha256: str = "") -> Standing:
    """How the log's rows about this certificate end."""
    last: tuple[Entry, Action] | None = None  # the newest word on suspension
    known: Entry | None = None
    for entry in log.entries(kind=Kind.CERTIFICATE, task=task, newest_first=True):
        note = entry.certificate()
        named = bool(certificate_sha256) and note.certificate_sha256 == certificate_sha256
        if named and note.action is Action.REVOKED:
            return Standing(state=State.REVOKED, entry=entry.id, reason=note.statement)
        if named and note.action is Action.ISSUED:
            known = entry
        if named or (operating_point_sha256 and note.operating_point_sha256 == operating_point_sha256):
            last = last or ((entry, note.action) if note.action in (Action.SUSPENDED, Action.ENABLED) else None)
    told, action = last or (known, Action.ISSUED)
    if told is None:
        return Standing(state=State.UNKNOWN)
    state = State.SUSPENDED if action is Action.SUSPENDED else State.IN_FORCE
    return Standing(state=state, entry=told.id, reason=told.reason)


class Standings:
    """Keeps the stations of a scan or a watch as the log wants them. `look` costs one small query."""

    def __init__(self, stations: dict[str, Station], log: Log) -> None:
        self.stations, self._log = stations, log
        self._seen = 0  # the newest row about any certificate
        self._take_up()
        self.look()

    def look(self) -> None:
        """Suspend, enable or revoke what the log has news of; the next study is decided so."""
        newest = next(self._log.entries(kind=Kind.CERTIFICATE, newest_first=True, limit=1), None)
        if newest is None or newest.id == self._seen:
            return
        self._seen = newest.id
        for name, station in self.stations.items():
            self.stations[name] = _under(station, self._standing(station))

    def remarks(self) -> list[str]:
        """What a reader of results must know of the stations as they are now."""
        return [f"Task {name}: {station.suspended}" for name, station in self.stations.items() if station.suspended]

    def _standing(self, station: Station) -> Standing:
        made = station.provenance
        return standing(self._log, made.task, made.certificate_sha256, made.operating_point_sha256)

    def _take_up(self) -> None:
        """Certificates that this log has not heard of: from here on, it has."""
        notes = [
            CertificateNote(
                task=name,
                operating_point_sha256=station.provenance.operating_point_sha256,
                certified=True,
                statement=f"came into force here: {station.point.promise}",
                certificate_sha256=station.provenance.certificate_sha256,
            )
            for name, station in self.stations.items()
            if station.provenance.certificate_sha256
            and not station.mismatches
            and self._standing(station).state is State.UNKNOWN
        ]
        if notes:
            self._log.append(notes)


def _under(station: Station, found: Standing) -> Station:
    """The station as the log wants it; a revocation stays, whatever comes after."""
    if found.state is State.REVOKED:
        why = f"the certificate was revoked in entry {found.entry}: {found.reason}"
        return replace(station, suspended=None, mismatches=tuple(dict.fromkeys([*station.mismatches, why])))
    suspended = None
    if found.state is State.SUSPENDED:
        suspended = f"auto-clear is suspended since entry {found.entry}: {found.reason}"
    return replace(station, suspended=suspended)
