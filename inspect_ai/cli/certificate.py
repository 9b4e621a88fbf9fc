"""`inspect-ai certificate`: show, verify, suspend, enable, revoke and sign a task's certificate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inspect_ai.cli import common

if TYPE_CHECKING:
    from inspect_ai.audit import Action
    from inspect_ai.certificates.status import CertificateStatus
    from inspect_ai.journeys.certify import Verified

DOES_NOT_HOLD = 1

app = common.app()

Which = Annotated[str, typer.Argument(metavar="TASK|FILE", help="Name of a task, or a certificate or its folder.")]
TaskName = Annotated[str, typer.Argument(metavar="TASK", help="Name of an installed task.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for whoever reads the log later.")]


@app.callback(no_args_is_help=True)
def certificate() -> None:
    """Show, verify, suspend, enable or revoke what stands behind certified decisions.

    Example: inspect-ai certificate verify lung_nodule
    """


@app.command("show")
def show(which: Which, db: common.Db = None, engine: common.Engine = None, as_json: common.Json = False) -> None:
    """Show what a certificate proves, about what, by whom, and how it stands.

    Example: inspect-ai certificate show lung_nodule
    """
    from inspect_ai.certificates.certificate import plain_of
    from inspect_ai.journeys.certify import verify as ask

    found = ask(which, common.settings(db=db, engine=engine))
    if as_json:
        told = {"certificate": plain_of(found.made.certificate), "public_key": found.made.public_key}
        common.emit({**_plain(found), **told})
        return
    common.table("", "", "", rows=_rows(found))
    _say_faults(found)


@app.command("verify")
def verify(which: Which, db: common.Db = None, engine: common.Engine = None, as_json: common.Json = False) -> None:
    """Check a certificate: its signature, its proof, every file at work, and the audit log.

    Exit codes: 0 it holds, 1 something of it does not hold here (named), 2 there is no such certificate, 3 the file is
    no sound certificate (altered, not signed, its counts do not prove what it claims), 4 the audit log is damaged.

    Example: inspect-ai certificate verify tasks/lung_nodule/certificate.json
    """
    from inspect_ai.journeys.certify import verify as ask

    found = ask(which, common.settings(db=db, engine=engine))
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
            what = "these are the files that were certified" if found.of_scores else "decisions made now are certified"
            print(f"It holds: {what}.")
    if not found.holds:
        raise typer.Exit(DOES_NOT_HOLD)


@app.command("suspend")
def suspend(
    task: TaskName,
    reason: Reason,
    operator: common.Operator = None,
    db: common.Db = None,
    as_json: common.Json = False,
) -> None:
    """Turn auto-clear off: what would be clear is left to a person, from the next decision on, also in a running watch.

    Example: inspect-ai certificate suspend metal_surface --reason "new lamp on line 2" --operator "A. Weber"
    """
    from inspect_ai.audit import Action

    _change(Action.SUSPENDED, task, reason, operator, db, as_json)


@app.command("enable")
def enable(
    task: TaskName,
    reason: Reason,
    operator: common.Operator = None,
    db: common.Db = None,
    as_json: common.Json = False,
) -> None:
    """Turn auto-clear on again after a suspension, once somebody has looked into its cause.

    Example: inspect-ai certificate enable metal_surface --reason "lamp replaced, 50 parts checked by hand"
    """
    from inspect_ai.audit import Action

    _change(Action.ENABLED, task, reason, operator, db, as_json)


@app.command("revoke")
def revoke(
    task: TaskName,
    reason: Reason,
    operator: common.Operator = None,
    db: common.Db = None,
    as_json: common.Json = False,
) -> None:
    """Withdraw a certificate for ever: decisions are uncertified from now on. Earlier ones stay as they were logged.

    Example: inspect-ai certificate revoke fundus --reason "two calibration patients were labelled wrongly"
    """
    from inspect_ai.audit import Action

    _change(Action.REVOKED, task, reason, operator, db, as_json)


@app.command("key")
def key(
    new: Annotated[
        Path | None, typer.Option("--new", help="Make a private key in this file instead of the site's own.")
    ] = None,
    db: common.Db = None,
    as_json: common.Json = False,
) -> None:
    """Print the public key that belongs to what is calibrated here; make the private one if there is none yet.

    The line goes into a file NAME.pub wherever these certificates are to count (setting trusted_keys). The private key
    lies beside the audit log, readable by its owner alone.

    Example: inspect-ai certificate key > trusted/hospital_north.pub
    """
    from inspect_ai.certificates import signing
    from inspect_ai.errors import UsageError

    if new is not None and new.exists():
        raise UsageError(f"{new} exists already; no key is overwritten. Name another file.")
    path = new or signing.site_key_path(common.settings(db=db).db)
    if not path.exists():
        signing.make_key(path)
    public = signing.public_hex(signing.read_key(path))
    if as_json:
        common.emit({"type": "key", "public_key": public, "private_key_file": str(path)})
        return
    print(public)
    common.progress().print(f"The private key is in {path}: keep a copy, and show it to nobody.", soft_wrap=True)


@app.command("sign")
def sign(
    folder: Annotated[Path, typer.Argument(help="Folder of a model with its certificate.")],
    key: Annotated[Path, typer.Option("--key", help="Private key (certificate key --new FILE).")],
    db: common.Db = None,
    as_json: common.Json = False,
) -> None:
    """Put another signature under a certificate that holds here, in place of the one it has.

    Its words and its digest stay as calibration made them: nothing is certified anew, somebody else stands behind it.

    Example: inspect-ai certificate sign tasks/lung_nodule --key maker.pem
    """
    from inspect_ai.journeys.certify import sign as sign_again

    made = sign_again(folder, key, common.settings(db=db))
    if as_json:
        common.emit({"type": "signed", "certificate_sha256": made.sha256, "public_key": made.public_key})
        return
    print(f"Certificate {made.sha256[:12]} is signed by {made.public_key}.")


def _change(action: Action, task: str, reason: str, operator: str | None, db: Path | None, as_json: bool) -> None:
    from inspect_ai.journeys.certify import change

    entry = change(action, task, reason, common.settings(db=db, operator=operator))
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
        ("counts", f"{proof.n_positive} positives, {proof.n_missed} missed, {proof.n_abstained} left to a person"),
        ("covers", printable(point.covers, 500)),
        *groups,
        ("engine", printable(certificate.at_work.engine, 100)),
        ("issued", f"{certificate.date} by {printable(certificate.operator, 60)}"),
        ("certificate", found.made.sha256),
        ("supersedes", certificate.supersedes),
        ("public key", found.made.public_key),
        ("standing", _standing(found.certificate_status)),
    ]


def _say_faults(found: Verified) -> None:
    for check in found.checks:
        if check.fault is not None:
            common.results().print(f"It does not hold: {check.fault}.", soft_wrap=True)


def _standing(status: CertificateStatus) -> str:
    since = f" since entry {status.entry}" if status.entry else ""
    return f"{status.state}{since}"
