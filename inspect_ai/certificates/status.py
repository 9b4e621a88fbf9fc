"""Status of a certificate in the audit log: in force, suspended, revoked, or signed with a key that lost its trust.

A suspension belongs to the task in this log: no other operating point, no other or missing certificate lifts it. A
person enables the task again, or a certificate that was issued after it comes into force, which frees itself alone. A
revocation belongs to the certificate and is final. Trust in a key may be withdrawn and given again.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from weakref import WeakKeyDictionary

from inspect_ai.audit import Action, CertificateNote, Entry, Kind, Log

MADE_SO = "it was not certified when it was made"


class CertificateState(StrEnum):
    """State of a certificate, or of an operating point without one."""

    IN_FORCE = "in force"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    UNTRUSTED = "untrusted"  # a person took the trust from its signer's key
    UNKNOWN = "unknown"  # this log has no row about it, which is no fault


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateStatus:
    """State of a certificate with the row (`entry`) that decided it, and that row's `reason`."""

    state: CertificateState
    entry: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Standing of a logged decision at the time of looking; `reason` says why it is not certified (any more)."""

    certified_now: bool
    reason: str = ""


class CertificateRows:
    """Rows of a log about certificates and keys, read once; answers for many decisions without further queries."""

    def __init__(self, rows: Iterable[Entry]) -> None:
        self._of_task: defaultdict[str, list[tuple[Entry, CertificateNote]]] = defaultdict(list)
        self._of_key: dict[str, tuple[Entry, CertificateNote]] = {}  # the newest row on trust in each key
        self._known: dict[tuple[str, str], CertificateStatus] = {}
        self.newest = 0
        for entry in rows:
            note = entry.certificate()
            self.newest = max(self.newest, entry.id)
            if note.action in (Action.TRUSTED, Action.UNTRUSTED):
                self._of_key[note.signer] = (entry, note)
            else:
                self._of_task[entry.task].append((entry, note))

    def trust(self) -> dict[str, tuple[Entry, CertificateNote]]:
        """Newest row on trust in each key: it was given, or taken."""
        return dict(self._of_key)

    def status(self, task: str, certificate_sha256: str) -> CertificateStatus:
        """Derive the status of a task's certificate ("" without one)."""
        asked = (task, certificate_sha256)
        if asked not in self._known:
            self._known[asked] = self._derived(task, certificate_sha256)
        return self._known[asked]

    def knows(self, task: str, certificate_sha256: str) -> bool:
        """Tell whether a certificate of a task came into force here before, or was revoked."""
        return any(
            note.certificate_sha256 == certificate_sha256 and note.action in (Action.ISSUED, Action.REVOKED)
            for _, note in self._of_task[task]
        )

    def standing(self, entry: Entry) -> Standing:
        """Derive the standing of a decision of this log. Raises UsageError for an entry that is none."""
        if entry.kind != Kind.DECISION:
            entry.decision()  # says what it is instead
        certificate = json.loads(entry.document)[Kind.DECISION.value]["provenance"].get("certificate_sha256", "")
        found = (
            self.status(entry.task, certificate) if entry.task else CertificateStatus(state=CertificateState.UNKNOWN)
        )
        if found.state in (CertificateState.IN_FORCE, CertificateState.UNKNOWN):
            certified = bool(entry.certified)
            return Standing(certified_now=certified, reason="" if certified else MADE_SO)
        return Standing(certified_now=False, reason=told(found))

    def _derived(self, task: str, certificate: str) -> CertificateStatus:
        suspended: Entry | None = None
        known: tuple[Entry, CertificateNote] | None = None
        enabled: Entry | None = None
        for entry, note in self._of_task[task]:
            named = bool(certificate) and note.certificate_sha256 == certificate
            if named and note.action is Action.REVOKED:
                return CertificateStatus(state=CertificateState.REVOKED, entry=entry.id, reason=note.statement)
            if note.action is Action.SUSPENDED:
                suspended, enabled = entry, None
            elif note.action is Action.ENABLED and suspended is not None:
                suspended, enabled = None, entry
            elif named and note.action is Action.ISSUED:
                known = (entry, note)
                suspended = None if suspended is not None and issued_after(entry, note, suspended) else suspended
        if known is not None and (lost := self._lost_trust(known[1].signer)) is not None:
            return lost
        if suspended is not None:
            return CertificateStatus(state=CertificateState.SUSPENDED, entry=suspended.id, reason=suspended.reason)
        row = enabled or (None if known is None else known[0])
        if row is None:
            return CertificateStatus(state=CertificateState.UNKNOWN)
        return CertificateStatus(state=CertificateState.IN_FORCE, entry=row.id, reason=row.reason)

    def _lost_trust(self, signer: str) -> CertificateStatus | None:
        entry, note = self._of_key.get(signer, (None, None))
        if entry is None or note is None or note.action is Action.TRUSTED:
            return None
        return CertificateStatus(state=CertificateState.UNTRUSTED, entry=entry.id, reason=note.statement)


def issued_after(entry: Entry, note: CertificateNote, suspension: Entry) -> bool:
    """Tell whether a trusted certificate came into force after a suspension, and was issued after it too.

    An older certificate that is only put in the place of the suspended one does not count.
    """
    issued = note.action is Action.ISSUED and bool(note.certificate_sha256) and bool(note.trust)
    return issued and entry.id > suspension.id and note.date[:19] > suspension.time[:19]  # both UTC, to the second


def told(status: CertificateStatus) -> str:
    """Phrase for a status that withdraws what a certificate says."""
    what = {
        CertificateState.REVOKED: "revoked by",
        CertificateState.SUSPENDED: "suspended by",
        CertificateState.UNTRUSTED: "its signer's key is not trusted any more by",
    }.get(status.state, f"{status.state} by")
    return f"{what} entry {status.entry}: {status.reason}"


def certificate_rows(log: Log) -> CertificateRows:
    """Read the rows about certificates and keys, or those read before where no row came since."""
    newest = next(log.entries(kind=Kind.CERTIFICATE, newest_first=True, limit=1), None)
    kept = _READ.get(log)
    if kept is None or kept.newest != (0 if newest is None else newest.id):
        kept = _READ[log] = CertificateRows(log.entries(kind=Kind.CERTIFICATE))
    return kept


_READ: WeakKeyDictionary[Log, CertificateRows] = WeakKeyDictionary()


def certificate_status(log: Log, task: str, certificate_sha256: str) -> CertificateStatus:
    """Derive the status of a task's certificate ("" without one) from the log's rows."""
    return certificate_rows(log).status(task, certificate_sha256)


def standing(log: Log, entry: Entry) -> Standing:
    """Derive the standing of a logged decision at the time of looking: whether it is (still) certified, or why not.

    Costs one small query; for a long list take `certificate_rows(log).standing` of one moment. Raises UsageError for
    an entry that is no decision.
    """
    return certificate_rows(log).standing(entry)
