"""`inspect-ai certificate`: show, verify, suspend, enable, revoke and sign a task's certificate."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inspect_ai.cli import common
from inspect_ai.cli.certificate_keys import Reason, add_to
from inspect_ai.cli.shown import frontier as frontier_shown

if TYPE_CHECKING:
    from inspect_ai.audit import Action
    from inspect_ai.certificates.certificate import DeploymentRecord
    from inspect_ai.certificates.status import CertificateStatus
    from inspect_ai.journeys.certify import Verified
    from inspect_ai.operating_point import OperatingPoint
    from inspect_ai.settings import Settings

DOES_NOT_HOLD = 1

app = common.app()

Which = Annotated[str, typer.Argument(metavar="TASK|FILE", help="Name of a task, or a certificate or its folder.")]
TaskName = Annotated[
    str, typer.Argument(metavar="TASK|FILE", help="Name of an installed task, or a certificate or its folder.")
]


@app.callback(no_args_is_help=True)
def certificate() -> None:
    """Show, verify, suspend, enable or revoke what stands behind certified decisions.

    Example: inspect-ai certificate verify lung_nodule
    """


@app.command("show")
def show(
    which: Which,
    tasks: common.Tasks = None,
    db: common.Db = None,
    engine: common.Engine = None,
    as_json: common.Json = False,
) -> None:
    """Show what a certificate proves, about what, by whom, and how it stands.

    Example: inspect-ai certificate show lung_nodule
    """
    from inspect_ai.certificates.certificate import plain_of
    from inspect_ai.journeys.certify import verify as ask

    found = ask(which, common.settings(tasks=tasks, db=db, engine=engine))
    if as_json:
        told = {"certificate": plain_of(found.made.certificate), "public_key": found.made.public_key}
        common.emit({**_plain(found), **told})
        return
    common.table("", "", "", rows=_rows(found))
    if found.frontier is not None:
        frontier_shown.tell(found.frontier)
    _say_faults(found)


@app.command("verify")
def verify(
    which: Which,
    tasks: common.Tasks = None,
    db: common.Db = None,
    engine: common.Engine = None,
    as_json: common.Json = False,
) -> None:
    """Check a certificate: its signature, its proof, every file at work, and the audit log.

    Exit codes: 0 it holds, 1 something of it does not hold here (named), 2 there is no such certificate, 3 the file is
    no sound certificate (altered, not signed, its counts do not prove what it claims), 4 the audit log is damaged.

    Example: inspect-ai certificate verify tasks/lung_nodule/certificate.json
    """
    from inspect_ai.journeys.certify import verify as ask

    found = ask(which, common.settings(tasks=tasks, db=db, engine=engine))
    if as_json:
        common.emit(_plain(found))
    else:
        rows = [
            ("its own signature and proof", "ok"),
            *((c.what, "ok" if c.fault is None else "no") for c in found.checks),
        ]
        common.table(f"Certificate {found.made.sha256[:12]}", "check", "result", rows=rows)
        _say_faults(found)
        if found.holds:
            print(f"It holds: {_what_holds(found)}.")
    if not found.holds:
        raise typer.Exit(DOES_NOT_HOLD)


@app.command("frontier")
def frontier(
    which: Annotated[
        str, typer.Argument(metavar="TASK|FILE", help="Name of a task, or an operating point or its folder.")
    ],
    markdown: Annotated[bool, typer.Option("--markdown", help="As a table in Markdown, for a model card.")] = False,
    tasks: common.Tasks = None,
    as_json: common.Json = False,
) -> None:
    """Show which sensitivities the calibration positives prove, and what each costs: certified or not.

    It was computed when the operating point was made, and stands unsigned beside it.

    Example: inspect-ai certificate frontier lung_nodule --markdown
    """
    from inspect_ai.calibration.frontier import plain_row
    from inspect_ai.journeys.show_frontier import stored_frontier
    from inspect_ai.report.frontier import card_text

    found = stored_frontier(which, common.settings(tasks=tasks))
    if as_json:
        rows = [plain_row(row) for row in found.frontier.rows]
        gate = found.frontier.gate
        common.emit({"task": found.point.task, "frontier": rows, "gate": None if gate is None else asdict(gate)})
    elif markdown:
        print(card_text(found.frontier, found.point), end="")
    else:
        frontier_shown.tell(found.frontier)


def _what_holds(found: Verified) -> str:
    if found.made.certificate.point.phantom:
        return "what it proves of phantoms, the made pictures of the demo; it certifies no decision"
    return "these are the files that were certified" if found.of_scores else "decisions made now are certified"


@app.command("suspend")
def suspend(
    task: TaskName,
    reason: Reason,
    tasks: common.Tasks = None,
    operator: common.Operator = None,
    db: common.Db = None,
    as_json: common.Json = False,
) -> None:
    """Turn auto-clear off: what would be clear is left to a person, from the next decision on, also in a running watch.

    Example: inspect-ai certificate suspend metal_surface --reason "new lamp on line 2" --operator "A. Weber"
    """
    from inspect_ai.audit import Action

    _change(Action.SUSPENDED, task, reason, common.settings(tasks=tasks, db=db, operator=operator), as_json)


@app.command("enable")
def enable(
    task: TaskName,
    reason: Reason,
    tasks: common.Tasks = None,
    operator: common.Operator = None,
    db: common.Db = None,
    as_json: common.Json = False,
) -> None:
    """Turn auto-clear on again after a suspension, once somebody has looked into its cause.

    Example: inspect-ai certificate enable metal_surface --reason "lamp replaced, 50 parts checked by hand"
    """
    from inspect_ai.audit import Action

    _change(Action.ENABLED, task, reason, common.settings(tasks=tasks, db=db, operator=operator), as_json)


@app.command("revoke")
def revoke(
    task: TaskName,
    reason: Reason,
    tasks: common.Tasks = None,
    operator: common.Operator = None,
    db: common.Db = None,
    as_json: common.Json = False,
) -> None:
    """Withdraw a certificate for ever: decisions are uncertified from now on. Earlier ones stay as they were logged.

    Example: inspect-ai certificate revoke fundus --reason "two calibration patients were labelled wrongly"
    """
    from inspect_ai.audit import Action

    _change(Action.REVOKED, task, reason, common.settings(tasks=tasks, db=db, operator=operator), as_json)


add_to(app)


def _change(action: Action, task: str, reason: str, settings: Settings, as_json: bool) -> None:
    from inspect_ai.journeys.certify import change

    entry = change(action, task, reason, settings)
    if as_json:
        common.emit({"type": "certificate", "task": task, "action": action.value, "entry": entry})
        return
    print(f"{task} is {action.value} (entry {entry} of the audit log).")


def _plain(found: Verified) -> dict[str, Any]:
    return {
        "type": "verification",
        "file": str(found.path),
        "certificate_sha256": found.made.sha256,
        "holds": found.holds,
        "standing": found.certificate_status.state.value,
        "entry": found.certificate_status.entry,
        "checks": [{"what": check.what, "ok": check.fault is None, "fault": check.fault} for check in found.checks],
    }


def _rows(found: Verified) -> list[tuple[Any, ...]]:
    from inspect_ai.text import printable

    certificate = found.made.certificate
    point, proof = certificate.point, certificate.point.proof
    groups = [
        (f"{proof.group_by} {printable(g.value, 60)}", printable(g.refusal or "proved", 200)) for g in proof.groups
    ]
    return [
        ("task", f"{certificate.at_work.task} {certificate.at_work.task_version}"),
        ("promise", printable(point.promise, 500)),
        ("flags", _flags(point)),
        ("counts", f"{proof.n_positive} positives, {proof.n_missed} missed, {proof.n_abstained} left to a person"),
        ("covers", printable(point.covers, 500)),
        *groups,
        ("engine", printable(certificate.at_work.engine, 100)),
        ("binds", _bound(certificate.at_work)),
        ("issued", f"{certificate.date} by {printable(certificate.operator, 60)}"),
        ("certificate", found.made.sha256),
        ("supersedes", certificate.supersedes),
        ("public key", found.made.public_key),
        ("standing", _standing(found.certificate_status)),
    ]


def _flags(point: OperatingPoint) -> str:
    lines, alarms = point.thresholds, point.false_alarms
    if alarms is None or lines.flag_from == lines.clear_below:
        return f"all that is not cleared, from {lines.written(lines.clear_below)}"
    proved = "not proved" if alarms.overkill_refusal else f"at most {alarms.overkill:g} of negatives"
    return f"from {lines.written(lines.flag_from)} ({proved}); a person decides between the lines"


def _bound(work: DeploymentRecord) -> str:
    """Count of what the certificate binds; all of it stands in its page and in --json."""
    from inspect_ai.text import printable

    libraries = ", ".join(f"{library.name} {library.version}" for library in work.libraries)
    return printable(f"{len(work.files)} files, {len(work.program)} modules of the program; {libraries}", 400)


def _say_faults(found: Verified) -> None:
    for check in found.checks:
        if check.fault is not None:
            common.results().print(f"It does not hold: {check.fault}.", soft_wrap=True)


def _standing(status: CertificateStatus) -> str:
    since = f" since entry {status.entry}" if status.entry else ""
    return f"{status.state}{since}"
