"""Content of a case's page: what was decided and proved, what was said, and what the reader may answer now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from inspect_ai import review
from inspect_ai.audit import Entry
from inspect_ai.calibration import point_sha256, read_point
from inspect_ai.certificates.deployment import POINT_FILE
from inspect_ai.certificates.lapsed import lapsed
from inspect_ai.domain import Decision
from inspect_ai.errors import InputError, InspectError, UsageError
from inspect_ai.operating_point import OperatingPoint
from inspect_ai.plugins import task_folder
from inspect_ai.report.view import card_view, place
from inspect_ai.review import Answer, Case, ReviewState, history
from inspect_ai.web.desk import Desk
from inspect_ai.web.people.roles import Right
from inspect_ai.web.visit import Refused, Visit
from inspect_ai.web.vocabulary import Vocabulary, vocabulary

PRESETS = (
    {"name": "lung", "centre": -600, "width": 1500},
    {"name": "soft tissue", "centre": 40, "width": 400},
    {"name": "bone", "centre": 400, "width": 1800},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Case as one reader may see it now. hidden: the machine's answer is not shown yet."""

    case: Case
    decision: Decision
    words: Vocabulary
    hidden: bool
    said: tuple[Entry, ...]


def reading(visit: Visit, case: Case) -> Reading:
    """Read a case for a visit."""
    said = tuple(history(visit.desk.log, case.decision.id))
    mine = any(entry.operator == visit.account.name for entry in said)
    return Reading(
        case=case,
        decision=case.decision.decision(),
        words=vocabulary(case.decision.task, visit.desk.settings.tasks),
        hidden=visit.blinded and not mine,
        said=said,
    )


def case_of(visit: Visit, entry: int) -> Reading:
    """Case of an entry. Raises Refused where the entry is none."""
    try:
        return reading(visit, review.case(visit.desk.log, entry))
    except UsageError as e:
        raise Refused(404, str(e)) from e


def opened_case(visit: Visit, entry: int) -> Reading:
    """Case whose page this account has opened: no picture is seen without a look in the log."""
    shown = case_of(visit, entry)
    if not visit.desk.index.has_looked(entry, visit.account.name):
        raise Refused(403, "Open the case first: every look at a picture is an entry of the log.")
    return shown


def machine_view(desk: Desk, shown: Reading) -> dict[str, Any]:
    """The machine's answer: score on its line with the zones, findings, reason, proof and its standing now."""
    entry = shown.case.decision
    card = card_view(entry.id, shown.decision, lapsed(desk.log, entry))
    point = point_of(desk, shown.decision)
    lines = None if point is None else point.thresholds
    return card | {
        "clear_at": None if lines is None else place(lines.clear_below),
        "flag_at": None if lines is None else place(lines.flag_from),
        "clear_below": None if lines is None else lines.written(lines.clear_below),
        "flag_from": None if lines is None else lines.written(lines.flag_from),
        "promise": "" if point is None else point.promise,
        "failed": [measure for measure in shown.decision.measures if not measure.passed],
        "measures": len(shown.decision.measures),
        "software": shown.decision.provenance.software,
        "task_version": shown.decision.provenance.task_version,
    }


def point_of(desk: Desk, decision: Decision) -> OperatingPoint | None:
    """Operating point that decided, where it still lies with its task: also one of a label set or of phantoms."""
    try:
        folder = task_folder(decision.provenance.task, desk.settings.tasks)
    except InspectError:
        return None
    wanted = decision.provenance.operating_point_sha256
    found = ((path, path.stat().st_mtime_ns) for path in sorted(folder.rglob(POINT_FILE)))
    return next((point for path, changed in found if (point := _read(path, changed, wanted))), None)


@lru_cache(maxsize=64)
def _read(path: Path, changed_ns: int, wanted: str) -> OperatingPoint | None:
    """Operating point of a file, if it is the wanted one; read once while the file stays as it is."""
    try:
        point = read_point(path)
    except InspectError:
        return None
    return point if point_sha256(point) == wanted else None


def answers(visit: Visit, shown: Reading) -> tuple[Answer, ...]:
    """Answers that this reader may give now: the table's, less what roles and second reading forbid."""
    case, me = shown.case, visit.account.name
    if not visit.may(Right.ANSWER):
        return ()
    if case.state == ReviewState.SECOND_READER and case.last is not None and case.last.operator == me:
        return ()
    others = case.last is not None and case.last.operator != me
    may_reopen = not others or visit.may(Right.REOPEN_ANY)
    return tuple(answer for answer in case.answers if answer is not Answer.REOPEN or may_reopen)


def said_view(shown: Reading) -> list[dict[str, Any]]:
    """Answers so far, first to last; in blinded reading those of others stay hidden with the machine's."""
    if shown.hidden:
        return []
    return [
        {
            "entry": entry.id,
            "time": entry.time[:16].replace("T", " "),
            "by": entry.operator,
            "verdict": entry.outcome,
            "reason": entry.reason,
            "label": entry.review().label,
            "blinded": entry.review().blinded,
            "marks": len(entry.review().marks),
        }
        for entry in shown.said
    ]


def marks_view(decision: Decision, spacing_mm: Sequence[float] = ()) -> list[dict[str, Any]]:
    """Findings as numbered marks of the viewer, in source pixels. spacing_mm: between rows, for diameters in pixels."""
    return [
        {
            "number": number,
            "image": finding.image_index,
            "row": finding.row,
            "col": finding.col,
            "diameter_mm": finding.diameter_mm,
            "diameter_px": finding.diameter_mm / spacing_mm[0] if finding.diameter_mm and spacing_mm else None,
            "label": finding.name,
        }
        for number, finding in enumerate(decision.findings, 1)
        if finding.row is not None and finding.col is not None
    ]


def warm(visit: Visit, after: int | None) -> None:
    """Begin to decode the case that comes next, so that it is there when the reader comes to it."""
    if after is None:
        return
    try:
        entry = visit.desk.log.entry(after)
        findings = entry.decision().findings
        visit.desk.pixels.start(entry, findings[0].image_index if findings and not visit.blinded else 0)
    except (InputError, UsageError):
        return  # its own page says why
