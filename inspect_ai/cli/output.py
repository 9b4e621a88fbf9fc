"""Forms of results: one JSON object per line for programs, one line of text for people."""

from __future__ import annotations

from typing import Any

from inspect_ai.cli import common
from inspect_ai.domain import Decision, Finding, Rejection
from inspect_ai.journeys.scan import FileRejected, Planned, PlanSummary, Progress, StudyDecided, Summary
from inspect_ai.text import printable

STYLES = {"clear": "green", "flag": "bold red", "abstain": "yellow"}


def as_json(event: StudyDecided | FileRejected | Summary | Progress) -> dict[str, Any]:
    """One event of a scan as a plain object; fields that do not apply are null."""
    if isinstance(event, StudyDecided):
        return study_json(event.decision, event.entry)
    if isinstance(event, FileRejected):
        return rejection_json(event.rejection)
    if isinstance(event, Progress):
        return {"type": "progress", "found": event.found, "finished": event.finished}
    keys = ("files", "consumed", "set_aside", "rejected", "studies", "clear", "flag", "abstain")
    return {"type": "summary", **{key: getattr(event, key) for key in keys}, "seconds": round(event.seconds, 3)}


def study_json(decision: Decision, entry: int) -> dict[str, Any]:
    """A decision as a plain object."""
    return {
        "type": "study",
        "study": decision.study.key,
        "source": decision.study.source,
        "task": decision.provenance.task or None,
        "outcome": decision.verdict.outcome.value,
        "certified": decision.verdict.certified,
        "score": decision.score,
        "threshold": decision.threshold,
        "reason": decision.verdict.reason,
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


def as_text(event: StudyDecided | FileRejected | Summary | Progress) -> None:
    """Print one event of a scan as a line."""
    if isinstance(event, StudyDecided):
        study_text(event.decision, event.entry, "already in the log" if event.known else "")
    elif isinstance(event, FileRejected):
        _rejected(event.rejection)
    elif isinstance(event, Summary):
        summary_text(event)


def study_text(decision: Decision, entry: int, remark: str = "") -> None:
    """Print a decision as a line: outcome, study, task, score against threshold, reason, number of its entry."""
    from rich.text import Text

    outcome = decision.verdict.outcome.value
    score = "" if decision.score is None else f" {decision.score:.4f}"
    threshold = "" if decision.threshold is None or decision.score is None else f" (flag from {decision.threshold:.4f})"
    line = Text(f"{outcome:<8}", style=STYLES[outcome])
    line.append(
        f"{printable(decision.study.key, 80)}  {decision.provenance.task or '-'}{score}{threshold}", style="default"
    )
    if not decision.verdict.certified:
        line.append("  uncertified", style="yellow")
    line.append(f"  {printable(decision.verdict.reason, 400)}", style="dim")
    line.append(f"  #{entry}{' ' + remark if remark else ''}", style="dim")
    common.results().print(line, soft_wrap=True)


def _rejected(rejection: Rejection) -> None:
    from rich.text import Text

    word, style = ("set aside", "dim") if rejection.expected else ("rejected", "magenta")
    line = Text(word, style=style).append(f" {printable(rejection.file, 120)}  ", style="default")
    common.results().print(line.append(printable(rejection.reason, 400), style="dim"), soft_wrap=True)


def summary_text(summary: Summary) -> None:
    """Print the counts and their sum."""
    common.results().print(
        f"\n{summary.studies} studies: {summary.flag} flag, {summary.abstain} abstain, {summary.clear} clear"
        f"{f' ({summary.known} of them already in the log)' if summary.known else ''}, in {summary.seconds:.1f} s.\n"
        f"Files: {summary.consumed} consumed{f' + {summary.set_aside} set aside' if summary.set_aside else ''}"
        f" + {summary.rejected} rejected = {summary.files} found."
    )


def decisions_table(decided: list[StudyDecided], rejected: list[FileRejected]) -> None:
    """Print the results of a small scan in a table by name; what all decisions of a task share comes once below."""
    rows: list[tuple[Any, ...]] = []
    promises: dict[str, str] = {}
    for event in decided:
        d = event.decision
        reason, _, promise = d.verdict.reason.partition("; ") if d.score is not None else (d.verdict.reason, "", "")
        score = "" if d.score is None else f"{d.score:.4f}"
        rows.append(
            (
                printable(d.study.key, 60),
                d.provenance.task,
                score,
                d.verdict.outcome.value,
                "yes" if d.verdict.certified else "no",
                reason,
                event.entry,
            )
        )
        if promise:
            promises[d.provenance.task] = promise
    rows += [(printable(e.rejection.file, 60), "", "", "rejected", "", e.rejection.reason, e.entry) for e in rejected]
    shown = sorted(((*row[:5], printable(row[5], 120), row[6]) for row in rows), key=lambda row: str(row[0]))
    common.table("", "study", "task", "score", "decision", "certified", "reason", "entry", rows=shown)
    for task, promise in sorted(promises.items()):
        common.results().print(f"{task}: {printable(promise, 500)}", soft_wrap=True)


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
