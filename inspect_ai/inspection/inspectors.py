"""The inspectors of a run, kept as the audit log wants them: suspended, enabled or revoked as soon as it says so."""

from __future__ import annotations

from dataclasses import replace

from inspect_ai.audit import CertificateNote, Kind, Log
from inspect_ai.certificates.status import CertificateState, CertificateStatus, certificate_status
from inspect_ai.inspection.inspector import Inspector


class Inspectors:
    """Keeps the stations of a scan or a watch as the log wants them. `look` costs one small query."""

    def __init__(self, inspectors: dict[str, Inspector], log: Log) -> None:
        self.inspectors, self._log = inspectors, log
        self._seen = 0  # the newest row about any certificate
        self._take_up()
        self.look()

    def look(self) -> None:
        """Suspend, enable or revoke what the log has news of; the next study is decided so."""
        newest = next(self._log.entries(kind=Kind.CERTIFICATE, newest_first=True, limit=1), None)
        if newest is None or newest.id == self._seen:
            return
        self._seen = newest.id
        for name, inspector in self.inspectors.items():
            self.inspectors[name] = _under(inspector, self._standing(inspector))

    def remarks(self) -> list[str]:
        """What a reader of results must know of the stations as they are now."""
        return [
            f"Task {name}: {inspector.suspended}" for name, inspector in self.inspectors.items() if inspector.suspended
        ]

    def _standing(self, inspector: Inspector) -> CertificateStatus:
        made = inspector.provenance
        return certificate_status(self._log, made.task, made.certificate_sha256, made.operating_point_sha256)

    def _take_up(self) -> None:
        """Certificates that this log has not heard of: from here on, it has."""
        notes = [
            CertificateNote(
                task=name,
                operating_point_sha256=inspector.provenance.operating_point_sha256,
                certified=True,
                statement=f"came into force here: {inspector.point.promise}",
                certificate_sha256=inspector.provenance.certificate_sha256,
            )
            for name, inspector in self.inspectors.items()
            if inspector.provenance.certificate_sha256
            and not inspector.mismatches
            and self._standing(inspector).state is CertificateState.UNKNOWN
        ]
        if notes:
            self._log.append(notes)


def _under(inspector: Inspector, found: CertificateStatus) -> Inspector:
    """The station as the log wants it; a revocation stays, whatever comes after."""
    if found.state is CertificateState.REVOKED:
        why = f"the certificate was revoked in entry {found.entry}: {found.reason}"
        return replace(inspector, suspended=None, mismatches=tuple(dict.fromkeys([*inspector.mismatches, why])))
    suspended = None
    if found.state is CertificateState.SUSPENDED:
        suspended = f"auto-clear is suspended since entry {found.entry}: {found.reason}"
    return replace(inspector, suspended=suspended)
