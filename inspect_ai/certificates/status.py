"""What the audit log says of a certificate: in force, suspended, or revoked. Looked up again whenever the log has more.

A suspension belongs to the operating point as well as to the certificate, so that nobody lifts it by taking the
certificate away; a revocation belongs to the certificate alone and is for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from inspect_ai.audit import Action, Entry, Kind, Log


class CertificateState(StrEnum):
    """Where a certificate, or an operating point without one, stands."""

    IN_FORCE = "in force"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    UNKNOWN = "unknown"  # this log has never heard of it, which is no fault of its


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateStatus:
    """`entry` is the row that decided it, `reason` what stands there."""

    state: CertificateState
    entry: int | None = None
    reason: str = ""


def certificate_status(
    log: Log, task: str, certificate_sha256: str, operating_point_sha256: str = ""
) -> CertificateStatus:
    """How the log's rows about this certificate end."""
    last: tuple[Entry, Action] | None = None  # the newest word on suspension
    known: Entry | None = None
    for entry in log.entries(kind=Kind.CERTIFICATE, task=task, newest_first=True):
        note = entry.certificate()
        named = bool(certificate_sha256) and note.certificate_sha256 == certificate_sha256
        if named and note.action is Action.REVOKED:
            return CertificateStatus(state=CertificateState.REVOKED, entry=entry.id, reason=note.statement)
        if named and note.action is Action.ISSUED:
            known = entry
        if named or (operating_point_sha256 and note.operating_point_sha256 == operating_point_sha256):
            last = last or ((entry, note.action) if note.action in (Action.SUSPENDED, Action.ENABLED) else None)
    told, action = last or (known, Action.ISSUED)
    if told is None:
        return CertificateStatus(state=CertificateState.UNKNOWN)
    state = CertificateState.SUSPENDED if action is Action.SUSPENDED else CertificateState.IN_FORCE
    return CertificateStatus(state=state, entry=told.id, reason=told.reason)
