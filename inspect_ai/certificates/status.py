"""Status of a certificate in the audit log: in force, suspended, or revoked.

A suspension belongs to the operating point as well as to the certificate, so that removing the certificate does not
lift it; a revocation belongs to the certificate alone and is final.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from inspect_ai.audit import Action, Entry, Kind, Log


class CertificateState(StrEnum):
    """State of a certificate, or of an operating point without one."""

    IN_FORCE = "in force"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    UNKNOWN = "unknown"  # this log has no row about it, which is no fault


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateStatus:
    """State of a certificate with the row (`entry`) that decided it, and that row's `reason`."""

    state: CertificateState
    entry: int | None = None
    reason: str = ""


def certificate_status(
    log: Log, task: str, certificate_sha256: str, operating_point_sha256: str = ""
) -> CertificateStatus:
    """Derive the status from the log's rows about this certificate."""
    last: tuple[Entry, Action] | None = None  # the newest row on suspension
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
    newest, action = last or (known, Action.ISSUED)
    if newest is None:
        return CertificateStatus(state=CertificateState.UNKNOWN)
    state = CertificateState.SUSPENDED if action is Action.SUSPENDED else CertificateState.IN_FORCE
    return CertificateStatus(state=state, entry=newest.id, reason=newest.reason)
