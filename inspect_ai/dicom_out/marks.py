"""Marks of a decision: the findings that its objects show, each with its picture and an identity over versions.

The same place found again by another version of a task is the same mark: its tracking UID is that of the first
decision of the log on this content and task that has a finding there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from inspect_ai.audit import Entry, Log
from inspect_ai.dicom_out.identity import derived_uid
from inspect_ai.dicom_out.sources import Place, Sources
from inspect_ai.domain import Decision, Finding, Outcome

SAME_MM = 5.0  # two findings nearer than this, or than half the larger one's diameter, are one thing
SAME_PX = 32  # likewise in a picture without millimetres


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One finding that is shown. number: from 1, as reports and pictures count; above: it reaches the flag line."""

    number: int
    finding: Finding
    place: Place
    tracking_uid: str
    above: bool

    @property
    def tracking_id(self) -> str:
        """Name of the mark for people."""
        return f"inspect_ai {self.finding.name} {self.number}"

    @property
    def diameter_mm(self) -> float | None:
        """Diameter of its circle: measured, else its long axis."""
        if self.finding.diameter_mm is not None:
            return self.finding.diameter_mm
        return None if self.finding.axes_mm is None else self.finding.axes_mm[0]

    @property
    def radii_px(self) -> tuple[float, float] | None:
        """Radii of its circle in rows and in columns; None where size or spacing is not known."""
        if self.diameter_mm is None or self.place.spacing_mm is None or self.diameter_mm <= 0:
            return None
        rows, columns = self.place.spacing_mm
        return self.diameter_mm / 2 / rows, self.diameter_mm / 2 / columns


def marks_of(entry: Entry, decision: Decision, log: Log, sources: Sources) -> tuple[tuple[Mark, ...], tuple[str, ...]]:
    """Marks of a decision, and remarks on findings that cannot be shown. A study that is clear has none."""
    if decision.verdict.outcome is Outcome.CLEAR:  # its highest place is kept in the log, and is no finding
        return (), ()
    line = decision.threshold
    tracking = tracking_uids(entry, decision, log)
    marks, remarks = [], []
    for number, finding in enumerate(decision.findings, 1):
        above = line is not None and finding.score >= line
        if not above and decision.verdict.outcome is Outcome.FLAG:
            continue
        place = sources.place_of(finding)
        if place is None:
            remarks.append(f"finding {number} has no picture that could be referred to; the report's text counts it")
            continue
        uid = tracking[number - 1]
        marks.append(Mark(number=number, finding=finding, place=place, tracking_uid=uid, above=above))
    return tuple(marks), tuple(remarks)


def tracking_uids(entry: Entry, decision: Decision, log: Log) -> tuple[str, ...]:
    """Tracking UID of each finding of a decision, in their order.

    Decisions of the log on this content and task are gone through in order up to this one: a finding near one that was
    there before takes its UID, the nearest pair first; a new one gets a UID from content, task and place.
    """
    known: list[tuple[Finding, str]] = []
    for earlier in log.entries(kind="decision", task=entry.task, subject=entry.subject):
        if earlier.id < entry.id:
            findings = earlier.decision().findings
            known = _together(known, findings, _matched(known, findings, entry))
    return _matched(known, decision.findings, entry)


def _matched(known: Sequence[tuple[Finding, str]], findings: Sequence[Finding], entry: Entry) -> tuple[str, ...]:
    pairs = sorted(
        (distance, i, uid)
        for i, finding in enumerate(findings)
        for before, uid in known
        if (distance := apart(before, finding)) < 1.0
    )
    taken: dict[int, str] = {}
    for _, i, uid in pairs:
        if i not in taken and uid not in taken.values():
            taken[i] = uid
    new = (derived_uid("tracking", entry.subject, entry.task, *_written(finding)) for finding in findings)
    return tuple(taken.get(i, uid) for i, uid in enumerate(new))


def _together(
    known: Sequence[tuple[Finding, str]], findings: Sequence[Finding], uids: Sequence[str]
) -> list[tuple[Finding, str]]:
    """Last finding of each UID."""
    last = {uid: finding for finding, uid in known}
    last |= dict(zip(uids, findings, strict=True))
    return [(finding, uid) for uid, finding in last.items()]


def apart(a: Finding, b: Finding) -> float:
    """Distance of two findings in units of the largest that one thing may have; infinite in different pictures."""
    if a.name != b.name:
        return math.inf
    if a.position_mm is not None and b.position_mm is not None:
        most = max(SAME_MM, (a.diameter_mm or 0.0) / 2, (b.diameter_mm or 0.0) / 2)
        return math.dist(a.position_mm, b.position_mm) / most
    if (a.sop_instance_uid, a.image_index) != (b.sop_instance_uid, b.image_index):
        return math.inf
    if a.row is None or a.col is None or b.row is None or b.col is None:
        return 0.0 if (a.row, a.col) == (b.row, b.col) else math.inf
    return math.hypot(a.row - b.row, a.col - b.col) / SAME_PX


def _written(finding: Finding) -> tuple[str, ...]:
    """Place of a finding as text, in the steps in which it is kept."""
    place = "" if finding.position_mm is None else ",".join(float(v).hex() for v in finding.position_mm)
    return (
        finding.name,
        finding.sop_instance_uid or "",
        str(finding.image_index),
        str(finding.row),
        str(finding.col),
        place,
    )
