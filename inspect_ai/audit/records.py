"""Records of the log: the items that may be written, their documents, and the columns that follow from a document.

A document is canonical JSON: {"format", "seq", "time", "kind", "operator", "software", KIND: {...}}, where the clock
went back "clock_back_us", and where names are kept "sealed" (pseudonyms.py). Every column except the hashes follows
from it, at writing and again at verifying.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeAlias, TypeVar

from inspect_ai.canonical import Plain, canonical, from_plain, text_from_plain, to_plain
from inspect_ai.domain import Decision, Provenance, Rejection
from inspect_ai.errors import AuditError, UsageError
from inspect_ai.version import __version__

FORMAT = 1
T = TypeVar("T")


class Kind(StrEnum):
    """Kind of entry."""

    DECISION = "decision"
    REJECTION = "rejection"
    REVIEW = "review"
    CERTIFICATE = "certificate"
    ALARM = "alarm"
    ACCESS = "access"
    DELIVERY = "delivery"


class MarkKind(StrEnum):
    """Shape of a mark that a reader draws."""

    POINT = "point"
    BOX = "box"
    CIRCLE = "circle"
    FREEHAND = "freehand"


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnMark:
    """Mark of a reader in source pixels, (row, column) each, pixel centres at integers; `slice` in a volume.

    points: one of a point; two opposite corners of a box; centre and a place on the rim of a circle; the outline of a
    freehand area in order.
    """

    kind: MarkKind
    points: tuple[tuple[float, float], ...]
    slice: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A person's answer to a decision. `after` is the review that the person had read, None for the first.

    The log takes one review after each, so that of two people who answer a case at once, the second is refused.
    label: class in the task's own words, where one was named. blinded: it was given before the machine's answer was
    shown.
    """

    entry_id: int
    verdict: str
    reason: str
    operator: str = ""  # the log's operator if empty
    after: int | None = None
    label: str = ""
    marks: tuple[DrawnMark, ...] = ()
    blinded: bool = False


class Action(StrEnum):
    """Change of a certificate's status."""

    ISSUED = "issued"
    SUSPENDED = "suspended"  # by an alarm or a person: nothing is cleared without a person until it is enabled
    ENABLED = "enabled"  # by a person, after a suspension
    REVOKED = "revoked"  # for ever: decisions are uncertified
    TRUSTED = "trusted"  # a signer's key, by a person: certificates that it signed count here
    UNTRUSTED = "untrusted"  # a signer's key, by a person: they count no longer


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateNote:
    """Change of status of a certificate or, where there is none, of an operating point; `statement` says why.

    A change of trust in a key names no task, operating point or certificate, only the `signer`.
    """

    task: str
    operating_point_sha256: str
    certified: bool
    statement: str
    action: Action = Action.ISSUED
    certificate_sha256: str = ""  # empty for an operating point without a certificate
    alarm: int | None = None  # the entry of the alarm that suspended it
    signer: str = ""  # public key of the certificate's signer, or the key that trust was given to or taken from
    trust: str = ""  # origin of the trust in that key, at the time of this entry
    date: str = ""  # of the certificate itself, where one comes into force


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Alarm on drift or misses: the value watched, its evidence, the limit that it crossed, and the entries covered."""

    task: str
    certificate_sha256: str
    watched: str  # "score", the name of a quality measure, "miss rate" ...
    evidence: float
    limit: float
    n: int  # decisions or reviews that it had seen
    first_entry: int
    last_entry: int
    statement: str


class AccessAction(StrEnum):
    """Step of a person in the reader's desk."""

    SIGNED_IN = "signed_in"
    SIGNED_OUT = "signed_out"
    SIGN_IN_REFUSED = "sign_in_refused"
    LOOKED = "looked"  # at a case
    MOVE_REFUSED = "move_refused"  # one that the account's roles do not have
    EXPORTED = "exported"
    ACCOUNT_CHANGED = "account_changed"
    ASSIGNED = "assigned"  # a case to somebody, or to nobody
    LINE_PROPOSED = "line_proposed"  # a proposal alone: the line in force stays


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Step of an account in the reader's desk; `statement` says in words what it was, `entry_id` at which case."""

    account: str
    action: AccessAction
    statement: str
    entry_id: int | None = None


class DeliveryState(StrEnum):
    """State of a delivery."""

    QUEUED = "queued"  # it is to be sent: once for each entry and destination
    SENT = "sent"  # the destination answered that it holds every object: likewise once
    FAILED = "failed"  # an attempt failed, and why; the delivery stays queued


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Step in the delivery of the result objects of one decision, or of one answer to it, to a destination.

    destination: its name in the settings, never an address. objects: SHA-256 of each file, sorted. attempt: 0 when
    queued, else a number that tells the rows apart; attempts that fail for one reason in turn are one row.
    """

    entry_id: int  # of the decision, or of the review
    destination: str
    objects: tuple[str, ...]
    state: DeliveryState
    attempt: int = 0
    statement: str = ""


Item: TypeAlias = Decision | Rejection | Review | CertificateNote | Alarm | Access | Delivery
_KINDS: dict[type, Kind] = {
    Decision: Kind.DECISION,
    Rejection: Kind.REJECTION,
    Review: Kind.REVIEW,
    CertificateNote: Kind.CERTIFICATE,
    Alarm: Kind.ALARM,
    Access: Kind.ACCESS,
    Delivery: Kind.DELIVERY,
}
_TYPES: dict[str, type] = {kind.value: item for item, kind in _KINDS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Columns that entries are filtered by. Texts hold no lone surrogates, which SQLite cannot store."""

    time: str
    kind: str
    subject: str
    task: str
    outcome: str | None
    score: float | None
    reason: str
    refers: int | None
    key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row of the log. `time` is UTC; `document` is the canonical JSON of the whole; hashes are hex.

    hash = SHA-256(previous as 32 bytes + document in UTF-8).
    """

    id: int
    time: str
    kind: str
    subject: str
    task: str
    outcome: str | None
    score: float | None
    reason: str
    refers: int | None
    document: str
    previous: str
    hash: str

    @property
    def operator(self) -> str:
        """Name of the operator in charge."""
        return text_from_plain(json.loads(self.document)["operator"])

    @property
    def certified(self) -> bool | None:
        """True when this decision was certified; None if this entry is no decision."""
        decision = json.loads(self.document).get(Kind.DECISION.value)
        return None if decision is None else bool(decision["verdict"]["certified"])

    @property
    def remarks(self) -> tuple[str, ...]:
        """Remarks on this decision; none if this entry is no decision."""
        return self.decision().remarks if self.kind == Kind.DECISION else ()

    @property
    def sealed(self) -> str:
        """Names of the entry's files, encrypted (pseudonyms.py); empty where none are kept."""
        return str(json.loads(self.document).get("sealed", ""))

    @property
    def source(self) -> str:
        """Path of the decided study, read without the whole decision. Raises KeyError if this is none."""
        return text_from_plain(json.loads(self.document)["decision"]["study"]["source"])

    def decision(self) -> Decision:
        """The decision, equal to the one that was appended. Raises UsageError if this entry is none."""
        return self._body(Decision)

    def rejection(self) -> Rejection:
        """The rejection. Raises UsageError if this entry is none."""
        return self._body(Rejection)

    def review(self) -> Review:
        """The review. Raises UsageError if this entry is none."""
        return self._body(Review)

    def certificate(self) -> CertificateNote:
        """The note. Raises UsageError if this entry is none."""
        return self._body(CertificateNote)

    def alarm(self) -> Alarm:
        """The alarm. Raises UsageError if this entry is none."""
        return self._body(Alarm)

    def access(self) -> Access:
        """The step. Raises UsageError if this entry is none."""
        return self._body(Access)

    def delivery(self) -> Delivery:
        """The step of a delivery. Raises UsageError if this entry is none."""
        return self._body(Delivery)

    def _body(self, kind: type[T]) -> T:
        wanted = _KINDS[kind].value
        if self.kind != wanted:
            raise UsageError(f"Entry {self.id} of the audit log is a {self.kind}, not a {wanted}.")
        try:
            return from_plain(kind, json.loads(self.document)[wanted])
        except (KeyError, TypeError, ValueError) as e:
            raise AuditError(
                f"Entry {self.id} of the audit log cannot be read back ({e}). Run `inspect-ai audit verify`."
            ) from e


def utc_text(moment: datetime) -> str:
    """UTC with microseconds: 2026-01-31T23:59:59.000001Z. Sorts as the moments do."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def document(item: Item, *, seq: int, time: str, operator: str, clock_back_us: int = 0, sealed: str = "") -> str:
    """The canonical JSON of a new entry. `sealed`: names of its files, encrypted. Raises ValueError for an item that
    cannot be written.
    """
    kind = _KINDS[type(item)].value
    plain: dict[str, Plain] = {
        "format": FORMAT,
        "seq": seq,
        "time": time,
        "kind": kind,
        "operator": to_plain(operator),
        "software": __version__,
        kind: to_plain(item),
    }
    if clock_back_us:
        plain["clock_back_us"] = clock_back_us
    if sealed:
        plain["sealed"] = sealed
    return canonical(plain)


def columns(plain: Plain) -> Columns:
    """The columns that follow from a document. Raises KeyError, TypeError or ValueError if it is none of this log."""
    kind = plain["kind"]
    item: object = from_plain(_TYPES[kind], plain[kind])
    subject, task, outcome, score, reason, refers = _indexed(item)
    return Columns(
        time=plain["time"],
        kind=kind,
        subject=_storable(subject),
        task=_storable(task),
        outcome=None if outcome is None else _storable(outcome),
        score=score,
        reason=_storable(reason),
        refers=refers,
        key=key(item),
    )


def _indexed(item: object) -> tuple[str, str, str | None, float | None, str, int | None]:
    """Subject, task, outcome, score, reason and the entry it refers to."""
    if isinstance(item, Decision):
        verdict = item.verdict
        return (
            item.study.digest,
            item.provenance.task,
            verdict.outcome.value,
            item.score,
            verdict.reason,
            item.supersedes,
        )
    if isinstance(item, Rejection):
        return item.sha256 or "", "", None, None, item.reason, None
    if isinstance(item, Review):
        return "", "", item.verdict, None, item.reason, item.entry_id
    if isinstance(item, CertificateNote) and item.action in (Action.TRUSTED, Action.UNTRUSTED):
        return item.signer, "", item.action.value, None, item.statement, None
    if isinstance(item, CertificateNote):
        outcome = item.action.value if item.certificate_sha256 else "certified" if item.certified else "refused"
        subject = item.certificate_sha256 or item.operating_point_sha256
        return subject, item.task, outcome, None, item.statement, item.alarm
    if isinstance(item, Alarm):
        return item.certificate_sha256, item.task, item.watched, item.evidence, item.statement, item.last_entry
    if isinstance(item, Access):
        return "", "", item.action.value, None, item.statement, item.entry_id
    if isinstance(item, Delivery):
        subject = _digest(*item.objects)
        return subject, "", item.state.value, None, item.statement, item.entry_id
    raise TypeError(f"{type(item).__name__} is no entry")


def key(item: object) -> str | None:
    """Digest of an item that the log may hold only once, or None for one that may be repeated."""
    if isinstance(item, Decision):
        return decision_key(item.study.digest, item.provenance, item.supersedes)
    if isinstance(item, Rejection):
        return _digest("rejection", item.sha256, item.file, item.reason)
    if isinstance(item, Review):
        return _digest("review", item.entry_id, item.after)
    if isinstance(item, Alarm):
        return _digest("alarm", item.task, item.certificate_sha256, item.watched, item.first_entry)
    if isinstance(item, CertificateNote) and item.action is Action.ISSUED and item.certificate_sha256:
        return _digest("issued", item.task, item.certificate_sha256)  # two scans that start at once write it once
    if isinstance(item, CertificateNote) and item.action is Action.SUSPENDED and item.alarm is not None:
        return _digest("suspended", item.task, item.alarm)  # likewise two monitors
    if isinstance(item, Delivery):
        again = [item.attempt] if item.state is DeliveryState.FAILED else []
        return _digest("delivery", item.state.value, item.entry_id, item.destination, *again)
    return None


def decision_key(study_digest: str, provenance: Provenance, supersedes: int | None = None) -> str:
    """Key of the decision on one content by one task, model, configuration and operating point, or of its successor."""
    p = provenance
    again = [] if supersedes is None else [supersedes]
    return _digest("decision", study_digest, p.task, p.model_sha256, p.config_sha256, p.operating_point_sha256, *again)


def _digest(*parts: str | int | None) -> str:
    return hashlib.sha256(canonical([to_plain(part) for part in parts]).encode()).hexdigest()


def _storable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
