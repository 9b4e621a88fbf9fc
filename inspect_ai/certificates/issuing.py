"""Issuing of a signed certificate beside a proved operating point, and of a row in the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from inspect_ai.audit import CertificateNote, login_name, open_log
from inspect_ai.calibration import point_sha256
from inspect_ai.certificates.certificate import (
    SCHEMA,
    Certificate,
    DeploymentRecord,
    Signed,
    method_of,
    read_certificate,
    signed,
    unit_digests,
    write_certificate,
)
from inspect_ai.certificates.deployment import CERTIFICATE_FILE, SOFTWARE, certificate_path
from inspect_ai.certificates.signing import site_key
from inspect_ai.certificates.status import certificate_rows
from inspect_ai.certificates.trust import trust_own, trusted_by
from inspect_ai.errors import InputError
from inspect_ai.operating_point import OperatingPoint
from inspect_ai.settings import Settings


def issue(
    point: OperatingPoint,
    path: Path,
    *,
    record: DeploymentRecord,
    units: Iterable[str],
    settings: Settings,
    key: Ed25519PrivateKey | None = None,
) -> Path | None:
    """Certify the operating point that was just written to `path`, and record it in the log of `settings`.

    record: every file that the point holds for. units: id of each independent positive unit that was counted. key: the
    site's own if None, which the log then trusts from its first certificate on. A point that proves nothing is recorded
    and gets no certificate (None); an older one beside it remains, since it is still valid for the files that it names,
    and for no others.
    Raises UsageError where the certificate cannot be written, SetupError for a damaged key, AuditError for the log.
    """
    digest = point_sha256(point)
    statement = point.promise if point.proof.refusal is None else point.proof.refusal
    if not point.certified_somewhere:
        with open_log(settings.db, operator=settings.operator) as log:
            log.append([
                CertificateNote(task=point.task, operating_point_sha256=digest, certified=False, statement=statement)
            ])  # fmt: skip
        return None
    place = certificate_path(path)
    certificate = Certificate(
        schema=SCHEMA,
        at_work=record,
        point=point,
        operating_point_sha256=digest,
        method=method_of(point),
        unit_sha256=unit_digests(units),
        date=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        operator=settings.operator or login_name(),
        software=SOFTWARE,
        supersedes=_former(place),
    )
    made = signed(certificate, key or site_key(settings.db))
    write_certificate(made, place)
    with open_log(settings.db, operator=settings.operator) as log:
        if key is None:
            trust_own(log, made.public_key, f"the calibration of {point.task}")
        log.append([issued_note(made, statement, trusted_by(certificate_rows(log), settings))])
    return place


def issued_note(made: Signed, statement: str, trusted: Mapping[str, str]) -> CertificateNote:
    """Row on a certificate that comes into force, with its signer and the origin of the trust in that key, if any."""
    return CertificateNote(
        task=made.certificate.at_work.task,
        operating_point_sha256=made.certificate.operating_point_sha256,
        certified=True,
        statement=statement,
        certificate_sha256=made.sha256,
        signer=made.public_key,
        trust=trusted.get(made.public_key, ""),
        date=made.certificate.date,
    )


def sign_again(folder: Path, key: Ed25519PrivateKey) -> Signed:
    """Sign the certificate in `folder` with another key; its content stays as calibration made it.

    Nothing is certified anew: the certificate keeps its digest. Raises InputError where there is no sound certificate.
    """
    place = folder / CERTIFICATE_FILE
    made = signed(read_certificate(place).certificate, key)
    write_certificate(made, place)
    return made


def _former(place: Path) -> str:
    with suppress(InputError):
        return read_certificate(place).sha256
    return ""
