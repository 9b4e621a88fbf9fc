"""Forms of results: one JSON object per line for programs, one line of text for people."""

from __future__ import annotations

from typing import Any

from inspect_ai.cli import common
from inspect_ai.cli.shown import heads as heads_shown
from inspect_ai.domain import Decision, Finding, Rejection
from inspect_ai.inspection.outages import Notice
from inspect_ai.journeys.plan_scan import Planned, PlanSummary
from inspect_ai.journeys.scan import FileRejected, Progress, StudyDecided, Summary
from inspect_ai.text import printable


def as_json(event: StudyDecided | FileRejected | Summary | Progress) -> dict[str, Any]:
    """One event of a scan as a plain object; fields that do not apply are null."""
    if isinstance(event, StudyDecided):
        return study_json(event.decision, event.entry, event.lapsed)
    if isinstance(event, FileRejected):
        return rejection_json(event.rejection)
    if isinstance(event, Progress):
        return {"type": "progress", "found": event.found, "finished": event.finished}
    keys = ("files", "consumed", "set_aside", "rejected", "studies", "clear", "flag", "abstain")
    counts = {key: getattr(event, key) for key in keys}
    return {"type": "summary", **counts, "seconds": round(event.seconds, 3), "head": heads_shown.plain(event.head)}


def study_json(decision: Decision, entry: int, lapsed: str = "") -> dict[str, Any]:
    """A decision as a plain object. `lapsed`: why its certificate does not stand any more, else ""."""
    return {
        "type": "study",
        "study": decision.study.key,
        "source": decision.study.source,
        "task": decision.provenance.task or None,
        "outcome": decision.verdict.outcome.value,
        "certified": decision.verdict.certified,
        "certified_now": decision.verdict.certified and not lapsed,
        "standing": lapsed or None,
        "score": decision.score,
        "threshold": decision.threshold,
        "reason": decision.verdict.reason,
        "remarks": list(decision.remarks),
        "findings": [finding_json(finding) for finding in decision.findings],
        "entry": entry,
    }


def finding_json(finding: Finding) -> dict[str, Any]:
    """A finding as a plain object; the position is in patient coordinates (LPS)."""
    return {
        "name": finding.name,
        "score": finding.score,
        "position_mm": None if finding.position_mm is None else [round(v, 2) for v in finding.position_mm],
        "series_uid": finding.series_uid,
        "sop_instance_uid": finding.sop_instance_uid,
        "row": finding.row,
        "col": finding.col,
        "laterality": finding.laterality,
        "diameter_mm": None if finding.diameter_mm is None else round(finding.diameter_mm, 2),
        "axes_mm": None if finding.axes_mm is None else [round(v, 2) for v in finding.axes_mm],
    }


def rejection_json(rejection: Rejection) -> dict[str, Any]:
    """A file that is not decided as a plain object; `expected`: it is set aside, sound and no picture to inspect."""
    named = {"type": "rejection", "file": rejection.file, "reason": rejection.reason}
    return {**named, "expected": rejection.expected}


def plan_json(item: Planned | Rejection | PlanSummary) -> dict[str, Any]:
    """One line of a dry run as a plain object."""
    if isinstance(item, Rejection):
        return rejection_json(item)
    if isinstance(item, PlanSummary):
        keys = ("files", "series", "volumes", "set_aside", "rejected")
        counts = {key: getattr(item, key) for key in keys}
        return {"type": "plan_summary", **counts, "seconds": round(item.seconds, 3)}
    return {
        "type": "plan",
        "study": item.study.key,
        "source": item.study.source,
        "files": len(item.study.files),
        "tasks": list(item.route.candidates),
        "refusal": item.route.refusal,
        "known": item.known,
    }


def notice(event: Notice) -> None:
    """Print on stderr what a person should know of while a run goes on; results alone are on stdout."""
    common.progress().print(f"{'ok' if event.over else 'warning'}  {printable(event.message, 600)}", soft_wrap=True)


def summary_text(summary: Summary) -> None:
    """Print the counts and their sum."""
    common.say(
        f"\n{summary.studies} studies: {summary.flag} flag, {summary.abstain} abstain, {summary.clear} clear"
        f"{f' ({summary.known} of them already in the log)' if summary.known else ''}, in {summary.seconds:.1f} s.\n"
        f"Files: {summary.consumed} consumed{f' + {summary.set_aside} set aside' if summary.set_aside else ''}"
        f" + {summary.rejected} rejected = {summary.files} found.\n{common.CAUTION}"
    )


def _rejected(rejection: Rejection) -> None:
    from rich.text import Text

    word, style = ("set aside", "dim") if rejection.expected else ("rejected", "magenta")
    line = Text(word, style=style).append(f" {printable(rejection.file, 120)}  ", style="default")
    common.results().print(line.append(printable(rejection.reason, 400), style="dim"), soft_wrap=True)


def plan_text(item: Planned | Rejection | PlanSummary) -> None:
    """Print one line of a dry run."""
    if isinstance(item, Rejection):
        _rejected(item)
        return
    if isinstance(item, PlanSummary):
        common.results().print(
            f"\n{item.files:,} files: {item.series:,} DICOM series, {item.volumes:,} volumes or pictures to decide, "
            f"{item.set_aside:,} files set aside, {item.rejected:,} rejected, in {item.seconds:.1f} s.",
            soft_wrap=True,
        )
        return
    if item.known is not None:
        verdict = f"already in the log, #{item.known}"
    elif item.route.candidates:
        verdict = "would be decided by " + " or ".join(item.route.candidates)
    else:
        verdict = f"would abstain: {item.route.refusal}"
    common.results().print(
        f"{printable(item.study.key, 80)}  {len(item.study.files)} file(s)  {verdict}", soft_wrap=True
    )
