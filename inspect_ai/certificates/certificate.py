"""Certificate: a signed statement about an operating point, with the digest of every file that it holds for.

certificate.json = {"certificate": {...}, "public_key": hex, "signature": hex}. The signature (Ed25519) is over the
canonical JSON of "certificate" (RFC 8785, floats as hex text); the SHA-256 of that names the certificate in the log.
Reading checks everything that needs the file alone: its layout byte for byte, its fields, the signature, and that the
counts prove the claim. deployment.py checks the rest: that the key is trusted and the files at work are those named.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from inspect_ai.calibration.point_record import PointRecord, plain_record, point_of
from inspect_ai.calibration.point_validation import faults
from inspect_ai.canonical import canonical, from_plain, to_plain
from inspect_ai.certificates.signing import public_hex, sign, signed_by
from inspect_ai.errors import InputError, UsageError
from inspect_ai.operating_point import Guarantee, OperatingPoint
from inspect_ai.text import printable
from inspect_ai.whole_file import whole_file

SCHEMA = 2
BINDS_NO_CODE = 1  # schema of earlier versions: it is read, and is in force nowhere
SCORES_FROM = "scores from "  # prefix of a record's engine where another program made the scores
LARGEST_BYTES = 50_000_000  # half a million units
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDigest:
    """A file by its name in the task's or the model's folder, and the SHA-256 of its bytes."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryVersion:
    """A library (or Python itself) and its exact version."""

    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentRecord:
    """Record of a decision's origin: task, engine, every file byte for byte, the program's code, and its libraries.

    The files are the weights, the engine's graph, the manifest, the operating point, the out-of-distribution reference
    (where there is one), the configuration, and the task's own code, which prepares the pictures. The program is every
    module between a file and its verdict (verdict_path.py).
    """

    task: str
    task_version: str
    engine: str  # name, version and precision
    config_sha256: str  # of the configuration's content, as in each decision
    files: tuple[FileDigest, ...]  # by name
    program: tuple[FileDigest, ...] = ()  # modules by their path below the package; none in schema 1
    libraries: tuple[LibraryVersion, ...] = ()  # by name

    @property
    def of_scores(self) -> bool:
        """True where another program made the scores: then the files are scores, operating point and named model."""
        return self.engine.startswith(SCORES_FROM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Proved operating point, the files that it is about, the units that it was proved from, and its author.

    unit_sha256: one digest for each independent positive unit counted, of its id in UTF-8: a known id can be looked up,
    but no id can be read (one that is easily guessed can be guessed).
    """

    schema: int
    at_work: DeploymentRecord
    point: OperatingPoint
    operating_point_sha256: str  # as in each decision
    method: str
    unit_sha256: tuple[str, ...]  # sorted
    date: str  # UTC, such as 2026-01-31T23:59:59Z
    operator: str
    software: str
    supersedes: str  # the certificate that it replaces; empty for the first


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A certificate with its signer's key; `sha256` names it."""

    certificate: Certificate
    public_key: str
    signature: str
    sha256: str


def signed(certificate: Certificate, key: Ed25519PrivateKey) -> Signed:
    """Sign the certificate with a key. Raises UsageError for one that could not be read back."""
    if certificate.schema != SCHEMA:
        raise UsageError(f"A certificate of schema {certificate.schema} is not signed: calibrate again.")
    if fault := next(_faults(certificate), None):
        raise UsageError(f"No certificate can be made: {fault}.")
    text = canonical(plain_of(certificate)).encode()
    return Signed(
        certificate=certificate,
        public_key=public_hex(key),
        signature=sign(key, text),
        sha256=hashlib.sha256(text).hexdigest(),
    )


def write_certificate(made: Signed, path: Path) -> None:
    """Write the file whole or not at all. Raises UsageError if the place cannot be written."""
    plain = {
        "certificate": plain_of(made.certificate),
        "public_key": made.public_key,
        "signature": made.signature,
    }
    try:
        with whole_file(path) as partial:
            partial.write_bytes(_laid_out(plain))
    except OSError as e:
        raise UsageError(f"{path} cannot be written ({e.strerror}).") from e


def read_certificate(path: Path) -> Signed:
    """Read and check a certificate. Raises InputError that says what is wrong with the file."""
    try:
        data = path.read_bytes() if path.stat().st_size <= LARGEST_BYTES else b""
        plain = json.loads(data)
    except OSError as e:
        raise InputError(f"{path} cannot be read ({e.strerror}).") from e
    except (ValueError, RecursionError) as e:
        raise InputError(f"{path} is no certificate: it is no JSON. Copy it again, or calibrate again.") from e
    if not isinstance(plain, dict) or set(plain) != {"certificate", "public_key", "signature"}:
        raise InputError(f"{path} is no certificate: it must hold certificate, public_key and signature, and no more.")
    if fault := _unreadable(plain, data):
        raise InputError(f"{path}: {fault}.")
    text = canonical(plain["certificate"]).encode()
    if not signed_by(plain["public_key"], plain["signature"], text):
        raise InputError(f"{path}: it was altered after it was signed (the signature does not fit).")
    made = _made(path, plain["certificate"])
    if fault := next(_faults(made), None):
        raise InputError(f"{path}: {fault}.")
    digest = hashlib.sha256(text).hexdigest()
    return Signed(certificate=made, public_key=plain["public_key"], signature=plain["signature"], sha256=digest)


def plain_of(certificate: Certificate) -> dict[str, Any]:
    """Convert the certificate to plain JSON values, its operating point to one flat record."""
    return {**to_plain(certificate), "point": plain_record(certificate.point)}


def unit_digests(units: Iterable[str]) -> tuple[str, ...]:
    """Digests for `unit_sha256`: of each id once, sorted, so that their order reveals nothing."""
    return tuple(sorted({hashlib.sha256(unit.encode("utf-8", "surrogatepass")).hexdigest() for unit in units}))


def method_of(point: OperatingPoint) -> str:
    """Method of the proof, in words."""
    proof = point.proof
    if proof.guarantee is Guarantee.AVERAGE:
        how = "conformal risk control on one score for each independent positive unit: an average over calibrations"
    else:
        how = "order statistic of one score for each independent positive unit, exact binomial bound (Clopper-Pearson)"
    if point.negatives_line is not None:
        how = "line set by negatives alone; exact binomial bound (Clopper-Pearson) of the positive units that reach it"
    several = f"; of several pictures of a unit the {proof.group_score} score counts" if proof.group_score else ""
    if proof.looks > 1:
        several += f"; chosen among {proof.looks} models on the same positives, the doubt split over them"
    if not proof.groups:
        return how + several
    split = "" if proof.guarantee is Guarantee.AVERAGE else f", the doubt split over {len(proof.groups)} groups"
    return f"{how}{several}; each {proof.group_by} by itself{split}"


def _laid_out(plain: Any) -> bytes:
    return (json.dumps(plain, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _unreadable(plain: dict[str, Any], data: bytes) -> str | None:
    """Fault that prevents further checks: another schema, other fields, a byte that is not as it was written."""
    body, names = plain["certificate"], {field.name for field in dataclasses.fields(Certificate)}
    if not isinstance(body, dict) or body.get("schema") not in (BINDS_NO_CODE, SCHEMA):
        return f"it is no certificate of schema {SCHEMA}. Another version of the program may read it"
    if missing := sorted(names - set(body)):
        return f"it lacks {', '.join(missing)}"
    if unknown := sorted(set(body) - names):
        return f"it has fields that are not known: {printable(', '.join(unknown))}"
    for name, digits in (("public_key", 64), ("signature", 128)):  # canonical text: lower case, no spaces
        if not isinstance(plain[name], str) or not re.fullmatch(f"[0-9a-f]{{{digits}}}", plain[name]):
            return f"its {name} is not {digits} hex digits in small letters"
    try:
        if _laid_out(plain) != data:
            return "it is not laid out as it was written, so somebody edited it"
        canonical(body)
    except ValueError as e:
        return f"it holds what a certificate cannot ({e})"
    return None


def _made(path: Path, plain: Any) -> Certificate:
    try:
        point = point_of(from_plain(PointRecord, plain["point"]))
        return from_plain(Certificate, {**plain, "point": to_plain(point)})
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise InputError(f"{path}: it cannot be read as a certificate ({printable(str(e))}).") from e


def _faults(certificate: Certificate) -> Iterator[str]:
    """Yield a phrase for each fault that no sound certificate has."""
    point, work = certificate.point, certificate.at_work
    files = (*work.files, *work.program)
    digests = [certificate.operating_point_sha256, *certificate.unit_sha256, *(file.sha256 for file in files)]
    if not all(_DIGEST.fullmatch(digest) for digest in [*digests, *filter(None, [certificate.supersedes])]):
        yield "one of its digests is no SHA-256 in hex"
    if point.task != work.task:
        yield f"its point is of task {printable(point.task, 60)}, not of {printable(work.task, 60)}"
    for of_files in (work.files, work.program, work.libraries):
        names = [file.name for file in of_files]
        if names != sorted(set(names)):
            yield "its files are not sorted by name, each once"
    if list(certificate.unit_sha256) != sorted(set(certificate.unit_sha256)):
        yield "its units are not sorted, each once"
    if len(certificate.unit_sha256) != point.proof.n_positive:
        yield f"it counts {point.proof.n_positive} positive units, but names {len(certificate.unit_sha256)}"
    if not _is_moment(certificate.date):
        yield f"its date {printable(certificate.date, 40)!r} is no UTC time such as 2026-01-31T23:59:59Z"
    yield from (f"its operating point cannot be true: {fault}" for fault in faults(point))
    if not point.certified_somewhere:
        yield "its operating point proves nothing"


def _is_moment(text: str) -> bool:
    try:
        datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")  # noqa: DTZ007 - the Z is in the pattern
    except ValueError:
        return False
    return True
