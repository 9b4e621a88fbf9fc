"""Answers of readers as they stand in the log: which of them has a report, and the reports that it follows.

Everything here follows from entries up to the answer's own, so that its report made again is the same object.
"""

from __future__ import annotations

from dataclasses import dataclass

from inspect_ai.audit import Entry, Kind, Log, Review
from inspect_ai.certificates.status import CertificateRows, Standing
from inspect_ai.dicom_out.identity import REPORT, instance_uid, series_uid
from inspect_ai.errors import UsageError
from inspect_ai.review import Answer, history, reported_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportNamed:
    """UIDs of a report."""

    series_uid: str
    instance_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """Answer of a reader. decision: the entry that it answers. said: REOPEN takes the answer before it back.

    follows: the reports that this one goes on from.
    """

    review: Review
    reader: str
    decision: Entry
    said: Answer
    follows: tuple[ReportNamed, ...]


def answered(entry: Entry, log: Log) -> Answered:
    """Read an answer that has a report: a positive or negative one, or one that takes such an answer back.

    Raises UsageError for another entry.
    """
    review = entry.review()
    reported = list(reported_of(one for one in history(log, review.entry_id) if one.id <= entry.id))
    if not reported or reported[-1].id != entry.id:
        raise UsageError(
            f"Entry {entry.id} of the audit log is the review {entry.outcome!r}: only positive and negative answers, "
            "and those that take one back, have a report."
        )
    said, decision = Answer(entry.outcome or ""), log.entry(review.entry_id)
    follows = [_named(earlier) for earlier in reported[-2:-1]]
    if said is not Answer.REOPEN:
        then = CertificateRows(log.entries(kind=Kind.CERTIFICATE, up_to=decision.id)).standing(decision)
        follows.insert(0, _named(decision, sentence_on(then)))
    return Answered(review=review, reader=entry.operator, decision=decision, said=said, follows=tuple(follows))


def sentence_on(now: Standing) -> str:
    """Sentence on the standing of a decision."""
    return "Certified now." if now.certified_now else f"Not certified now: {now.reason}."


def _named(entry: Entry, *changing: str) -> ReportNamed:
    return ReportNamed(
        series_uid=series_uid(REPORT, entry.hash), instance_uid=instance_uid(REPORT, entry.hash, *changing)
    )
