"""`inspect-ai review`: the queue of flagged and abstained cases, and a person's answer to each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inspect_ai.cli import common
from inspect_ai.cli.shown import names as names_shown

if TYPE_CHECKING:
    from inspect_ai.audit import Entry
    from inspect_ai.domain import Decision
    from inspect_ai.review import Case

app = common.app()

Task = Annotated[str | None, typer.Option("--task", help="Cases of this task.")]
AuditRate = Annotated[
    float | None,
    typer.Option(
        "--audit-rate", help="Share of clear cases, drawn by chance, that a person sees too.", show_default="0"
    ),
]
EntryId = Annotated[int, typer.Argument(metavar="ID", help="Number of the decision's entry (see `review list`).")]
# Text of --help, written here to save an import; a test compares it with the table of answers.
VERDICTS = "positive (or defect), negative (or good), retake, second_reader, reopen"


@app.callback(invoke_without_command=True)
def review(
    context: typer.Context,
    db: common.Db = None,
    task: Task = None,
    audit_rate: AuditRate = None,
    as_json: common.Json = False,
) -> None:
    """Answer what the machine flagged or left open; without a command, list what waits, worst first.

    Example: inspect-ai review decide 12 --verdict negative --reason "vessel crossing, no nodule"
    """
    context.obj = (db, as_json)
    if context.invoked_subcommand is None:
        _list(db, task, audit_rate, as_json)


@app.command("list")
def list_cases(
    context: typer.Context,
    db: common.Db = None,
    task: Task = None,
    audit_rate: AuditRate = None,
    as_json: common.Json = False,
) -> None:
    """List the cases that wait: flags by falling score, then abstentions, then clear ones drawn for audit.

    Which clear cases are drawn follows from the hashes of their entries: nobody chooses them, anybody can draw again.

    Example: inspect-ai review list --task lung_nodule --audit-rate 0.02
    """
    db, as_json = _given(context, db, as_json)
    _list(db, task, audit_rate, as_json)


@app.command("show")
def show(
    context: typer.Context,
    entry_id: EntryId,
    db: common.Db = None,
    out: common.Out = None,
    reveal: names_shown.Reveal = False,
    as_json: common.Json = False,
) -> None:
    """Show one case: the decision, its findings, its pictures, and what was said so far.

    Example: inspect-ai review show 12 --reveal
    """
    from inspect_ai import review as journey
    from inspect_ai.audit import open_log
    from inspect_ai.cli.tables.entries import standing_json
    from inspect_ai.inspection.pictures.image_store import ImageStore

    db, as_json = _given(context, db, as_json)
    settings = common.settings(db=db, out=out)
    with open_log(settings.db, create=False) as log:
        case = journey.case(log, entry_id)
        history = list(journey.history(log, entry_id))
        pictures = ImageStore(settings.out).find(entry_id, log)
        now = standing_json(case.decision, log)
        if reveal:
            now |= names_shown.revealed_study(case.decision, log)
    (_show_json if as_json else _show_text)(case, now, history, pictures)


@app.command("decide")
def decide(
    context: typer.Context,
    entry_id: EntryId,
    verdict: Annotated[str, typer.Option("--verdict", help=f"One of: {VERDICTS}.")],
    reason: Annotated[str, typer.Option("--reason", help="What you saw.")],
    db: common.Db = None,
    operator: common.Operator = None,
    as_json: common.Json = False,
) -> None:
    """Write your verdict on one case into the log. It changes nothing that stands there; it adds a row.

    positive: the finding is there, the part is defective. negative: nothing is there, the part is good.
    retake: it cannot be judged. second_reader: somebody else must look too. reopen: an answer has come into doubt.

    Example: inspect-ai review decide 12 --verdict positive --reason "spiculated nodule, right upper lobe"
    """
    from inspect_ai import review as journey
    from inspect_ai.audit import open_log

    db, as_json = _given(context, db, as_json)
    settings = common.settings(db=db, operator=operator)
    with open_log(settings.db, operator=settings.operator, create=False) as log:
        case = journey.decide(log, entry_id, verdict, reason)
        waiting = journey.queue(log)
    if as_json:
        common.emit({**_plain(case), "waiting": len(waiting)})
        return
    print(f"Entry {entry_id} is {case.state} now (entry {case.last.id if case.last else ''}).")
    _say_next(waiting)


@app.command("export")
def export(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", help="New folder for labels.csv, images and masks.")],
    task: Annotated[str, typer.Option("--task", help="Task whose answered cases are exported.")],
    root: Annotated[
        list[Path] | None, typer.Option("--root", help="Folder that was scanned; repeatable.", show_default=".")
    ] = None,
    db: common.Db = None,
    audit_rate: AuditRate = None,
    as_json: common.Json = False,
) -> None:
    """Write answered cases as a labelled folder: pictures, classes, drawn marks as masks, and the entries behind them.

    Cases that chance drew (--audit-rate) are marked for calibration, all others for training: what people answer first
    is what was flagged, and a line calibrated on that would promise too much. Of a CT series the places that the answer
    speaks of are written, as the task looks at them.

    Example: inspect-ai review export --task metal_surface --root ./parts --audit-rate 0.05 --out answered
    """
    from dataclasses import asdict

    from inspect_ai.audit import open_log
    from inspect_ai.journeys.export_reviews import export_reviews

    db, as_json = _given(context, db, as_json)
    settings = common.settings(db=db, audit_rate=audit_rate)
    with open_log(settings.db, create=False) as log, common.time_left("cases") as progress:
        found = export_reviews(log, task, out, roots=root or [Path.cwd()], settings=settings, progress=progress)
    if as_json:
        common.emit(asdict(found) | {"splits": dict(found.splits), "left_out": dict(found.left_out)})
        return
    counts = ", ".join(f"{count} for {split}" for split, count in found.splits) or "no case"
    print(f"{found.folder / 'labels.csv'}: {counts}.")
    for reason, count in found.left_out:
        print(f"Left out: {count} ({reason}).")
    if found.drawn_waiting:
        print(f"{found.drawn_waiting} drawn cases are not answered yet: answer them before you calibrate on this part.")


def _given(context: typer.Context, db: Path | None, as_json: bool) -> tuple[Path | None, bool]:
    """Options given before the command's name count too: `inspect-ai review --db FILE list`."""
    before_db, before_json = context.obj
    return db or before_db, as_json or before_json


def _list(db: Path | None, task: str | None, audit_rate: float | None, as_json: bool) -> None:
    from inspect_ai import review as journey
    from inspect_ai.audit import open_log
    from inspect_ai.cli.tables.entries import queue_table, standing_json

    settings = common.settings(db=db, audit_rate=audit_rate)
    with open_log(settings.db, create=False) as log:
        cases = journey.queue(log, task=task, audit_rate=settings.audit_rate)
        if as_json:
            for case in cases:
                common.emit(_plain(case) | standing_json(case.decision, log))
            return
        queue_table(cases, log)
    _say_next(cases)
    common.say(common.CAUTION)


def _say_next(waiting: list[Case]) -> None:
    if waiting:
        named = (("flag", "flagged"), ("abstain", "left open"), ("clear", "cleared and drawn for audit"))
        counts = [(sum(case.decision.outcome == outcome for case in waiting), words) for outcome, words in named]
        how = ", ".join(f"{count} {words}" for count, words in counts if count)
        print(f"{how}: {len(waiting)} waiting. Next: inspect-ai review show {waiting[0].decision.id}")
    else:
        print("None is waiting.")


def _show_json(
    case: Case, now: dict[str, Any], history: list[Entry], pictures: tuple[Path | None, Path | None]
) -> None:
    decision = case.decision.decision()
    picture, heat = (None if path is None else str(path) for path in pictures)
    findings = [
        {
            "name": finding.name,
            "score": finding.score,
            "position_mm": finding.position_mm,
            "series_uid": finding.series_uid,
            "sop_instance_uid": finding.sop_instance_uid,
            "row": finding.row,
            "col": finding.col,
            "diameter_mm": finding.diameter_mm,
            "laterality": finding.laterality,
        }
        for finding in decision.findings
    ]
    reviews = [
        {"entry": e.id, "time": e.time, "verdict": e.outcome, "reason": e.reason, "operator": e.operator}
        for e in history
    ]
    shown = {"answers": list(case.answers), "threshold": decision.threshold}
    reading = {"findings": findings, "picture": picture, "heat": heat, "reviews": reviews}
    common.emit({**_plain(case), **now, **shown, **reading})


def _show_text(
    case: Case, now: dict[str, Any], history: list[Entry], pictures: tuple[Path | None, Path | None]
) -> None:
    from inspect_ai.text import printable

    decision = case.decision.decision()
    p = decision.provenance
    facts = [
        ("study", printable(now.get("study", decision.study.key), 200)),
        ("source", printable(now.get("source", decision.study.source), 400)),
        ("task", f"{p.task} {p.task_version}".strip()),
        ("decision", decision.verdict.outcome.value),
        ("score", "" if decision.score is None else f"{decision.score:.4f}"),
        ("flag from", "" if decision.threshold is None else f"{decision.threshold:.4f}"),
        ("certified", "yes" if decision.verdict.certified else "no"),
        ("certified now", f"no: {printable(now['standing'], 400)}" if now["standing"] else ""),
        ("reason", printable(decision.verdict.reason, 1000)),
        *(("remark", printable(remark, 1000)) for remark in now["remarks"]),
        ("picture", printable(str(pictures[0] or ""), 400)),
        ("heat map", printable(str(pictures[1] or ""), 400)),
        ("state", case.state.value),
        ("takes", ", ".join(case.answers)),
    ]
    common.table(f"Case {case.decision.id}", "field", "value", rows=[fact for fact in facts if fact[1]])
    if decision.findings:
        _findings(decision)
    if history:
        rows = [
            (e.time[:19].replace("T", " "), printable(e.operator, 60), e.outcome, printable(e.reason, 500))
            for e in history
        ]
        common.table("Said so far", "time (UTC)", "by", "verdict", "reason", rows=rows)
    common.say(common.CAUTION)


def _moment(entry: Entry) -> str:
    return entry.time[:19].replace("T", " ")


def _findings(decision: Decision) -> None:
    from inspect_ai.text import printable

    rows = [
        (
            printable(f.name, 60),
            f"{f.score:.4f}",
            "" if f.row is None else f"{f.row}, {f.col}",
            "" if f.position_mm is None else ", ".join(f"{v:.1f}" for v in f.position_mm),
            "" if f.diameter_mm is None else f"{f.diameter_mm:.1f}",
        )
        for f in decision.findings
    ]
    common.table("Findings", "name", "score", "row, column", "x, y, z (mm)", "diameter (mm)", rows=rows)


def _plain(case: Case) -> dict[str, Any]:
    """A case as plain values."""
    entry, study = case.decision, case.decision.decision().study
    return {
        "type": "case",
        "entry": entry.id,
        "study": study.key,
        "source": study.source,
        "task": entry.task or None,
        "outcome": entry.outcome,
        "score": entry.score,
        "certified": entry.certified,
        "reason": entry.reason,
        "state": case.state.value,
        "review": case.last.id if case.last else None,
    }
