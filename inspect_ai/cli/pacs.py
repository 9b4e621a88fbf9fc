"""`inspect-ai pacs`: receive studies from a PACS, decide them, and send results back; by DIMSE and by DICOMweb."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inspect_ai.cli import common, exit_codes

if TYPE_CHECKING:
    from inspect_ai.pacs.deciding import Answering, PacsEvent
    from inspect_ai.pacs.destinations import Destination, TlsFiles, Web
    from inspect_ai.pacs.worklist import Listed
    from inspect_ai.settings import Settings

app = common.app()

SHOWN = 12  # characters of a study's key
UID = re.compile(r"[0-9]+(\.[0-9]+)+")
Into = Annotated[Path, typer.Option("--into", help="Folder of received studies.")]
Quiet = Annotated[str, typer.Option("--quiet", help="A study is complete after so long without a new object: 60s, 2m.")]
Reply = Annotated[
    str,
    typer.Option("--reply", help="Destination of results.", show_default="where a study came from"),
]
Task = Annotated[str | None, typer.Option("--task", help="Name of a task, or auto.", show_default="auto")]
TlsCert = Annotated[Path | None, typer.Option("--tls-cert", help="Our certificate, PEM.")]
TlsKey = Annotated[Path | None, typer.Option("--tls-key", help="Its key, PEM.")]
TlsCa = Annotated[Path | None, typer.Option("--tls-ca", help="Certificates that are believed, PEM.")]
Aet = Annotated[str, typer.Option("--aet", help="Our AE title.")]


@app.callback()
def pacs() -> None:
    """Exchange studies and results with a PACS. Needs the extra `pacs`.

    Example: inspect-ai pacs listen --into ./received --allow ORTHANC
    """


@app.command("listen")
def listen(
    into: Into,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: a free one, which is told.")] = 11112,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    aet: Aet = "INSPECT_AI",
    allow: Annotated[list[str] | None, typer.Option("--allow", help="AE title that may call; several.")] = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    tls_ca: TlsCa = None,
    quiet: Quiet = "60s",
    instances: Annotated[
        int, typer.Option("--instances", min=0, help="A study is complete with so many instances.")
    ] = 0,
    reply: Reply = "",
    associations: Annotated[int, typer.Option("--associations", min=1, max=100, help="Most at once.")] = 8,
    object_mib: Annotated[int, typer.Option("--object-mib", min=1, help="Largest object that is taken.")] = 512,
    timeout_s: Annotated[float, typer.Option("--timeout-s", min=1.0, help="Longest silence of a caller.")] = 30.0,
    task: Task = None,
    tasks: common.Tasks = None,
    db: common.Db = None,
    out: common.Out = None,
    workers: common.Workers = None,
    engine: common.Engine = None,
    operator: common.Operator = None,
    as_json: common.Json = False,
) -> None:
    """Take studies by C-STORE, decide each when it is complete, and send its results back. Stop with Ctrl-C.

    A caller is let in that --allow names and that calls us by our AE title. Killed and started again, it goes on.

    Example: inspect-ai pacs listen --into ./received --allow ORTHANC --reply archive
    """
    from inspect_ai.journeys.listen import listen as receive
    from inspect_ai.pacs.arrivals import Completeness
    from inspect_ai.pacs.destinations import TlsFiles, checked_title
    from inspect_ai.pacs.receiver import Listening

    settings = common.settings(
        task=task, tasks=tasks, db=db, out=out, workers=workers, engine=engine, operator=operator
    )
    tls = TlsFiles(ca=tls_ca, cert=tls_cert, key=tls_key) if tls_cert or tls_key or tls_ca else None
    allowed = tuple(checked_title(title, "--allow") for title in allow or ())
    listening = Listening(
        host=host,
        port=port,
        aet=checked_title(aet, "--aet"),
        allow=allowed,
        tls=tls,
        associations=associations,
        object_mib=object_mib,
        timeout_s=timeout_s,
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # services are stopped by it, as by an interrupt
    threading.excepthook = _thread_failed
    if not as_json:
        common.progress().print(common.CAUTION, soft_wrap=True)
    if not allowed:
        _say("No AE title may call: every association is refused. --allow AET lets one in, and may be given again.")
    answering = _answering(settings, reply, listening.aet)
    rule = Completeness(quiet_s=seconds(quiet), instances=instances)
    _show(receive(into, settings, listening, rule, answering), as_json)


@app.command("decide")
def decide(
    into: Into,
    reply: Reply = "",
    aet: Aet = "INSPECT_AI",
    task: Task = None,
    tasks: common.Tasks = None,
    db: common.Db = None,
    out: common.Out = None,
    workers: common.Workers = None,
    engine: common.Engine = None,
    operator: common.Operator = None,
    as_json: common.Json = False,
) -> None:
    """Decide the studies that were received or fetched and are not decided, send what is queued, and end.

    Exit code 5 if a study could not be decided or a result not be sent; the next call tries again.

    Example: inspect-ai pacs decide --into ./received
    """
    from inspect_ai.journeys.listen import decide_received

    settings = common.settings(
        task=task, tasks=tasks, db=db, out=out, workers=workers, engine=engine, operator=operator
    )
    if _show(decide_received(_there(into), settings, _answering(settings, reply, aet)), as_json):
        raise typer.Exit(exit_codes.ENVIRONMENT)


@app.command("send")
def send(
    files: Annotated[list[Path], typer.Argument(help="DICOM files.")],
    to: Annotated[str, typer.Option("--to", help="AET@HOST:PORT, or a destination of the settings.")],
    aet: Aet = "INSPECT_AI",
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    tls_ca: TlsCa = None,
    as_json: common.Json = False,
) -> None:
    """Send DICOM files by C-STORE or STOW-RS, and print the answer to each. Exit code 5 if one was not stored.

    Example: inspect-ai pacs send report.dcm --to ORTHANC@127.0.0.1:4242
    """
    from inspect_ai.errors import SetupError
    from inspect_ai.pacs.destinations import TlsFiles
    from inspect_ai.pacs.senders import sender_for
    from inspect_ai.text import printable

    tls = TlsFiles(ca=tls_ca, cert=tls_cert, key=tls_key) if tls_cert or tls_key or tls_ca else None
    answers = sender_for(_destination(to, tls), aet).send(files)
    rows = [
        ("" if answer.status is None else f"{answer.status:04X}", answer.meaning, printable(str(answer.path), 200))
        for answer in answers
    ]
    if as_json:
        for answer in answers:
            status = None if answer.status is None else f"{answer.status:04X}"
            plain = {"file": str(answer.path), "stored": answer.stored, "status": status, "meaning": answer.meaning}
            common.emit({"type": "sent", **plain})
    else:
        common.table("", "status", "meaning", "file", rows=rows)
    missing = sum(not answer.stored for answer in answers)
    if missing:
        raise SetupError(f"{missing} of {len(answers)} objects were not stored.")


@app.command("fetch")
def fetch(
    source: Annotated[str, typer.Option("--from", help="DICOMweb destination of the settings.")],
    study: Annotated[str, typer.Option("--study", help="Its UID, or the key that `pacs list --from` shows.")],
    into: Into,
    as_json: common.Json = False,
) -> None:
    """Fetch one study by WADO-RS; a listener on the folder, or `pacs decide`, decides it and answers to its origin.

    Example: inspect-ai pacs fetch --from web --study 3fa94c0d11b2 --into ./received
    """
    from inspect_ai.errors import InputError
    from inspect_ai.pacs import web
    from inspect_ai.pacs.received import Received
    from inspect_ai.text import printable

    there = _web(source)
    named = [study] if UID.fullmatch(study) else [f.uid for f in web.offered(there) if f.key.startswith(study.lower())]
    if len(named) != 1:
        many = f"{len(named)} studies" if named else "no study"
        raise InputError(f"Destination {there.name} has {many} {printable(study, 40)}. See `inspect-ai pacs list`.")
    (uid,) = named
    store = Received(into)
    store.prepare(tidy=False)  # a listener may be writing there
    key, objects, new = web.fetch(there, uid, store)
    if as_json:
        common.emit({"type": "fetched", "study": key, "objects": objects, "new": new})
    else:
        print(f"{key[:SHOWN]}  {objects} objects, {new} of them new")


@app.command("list")
def list_studies(
    into: Into,
    source: Annotated[str, typer.Option("--from", help="List what this DICOMweb destination has.")] = "",
    quiet: Quiet = "60s",
    db: common.Db = None,
    as_json: common.Json = False,
) -> None:
    """List received studies with their state, flagged ones first; with --from, also those that can be fetched.

    Example: inspect-ai pacs list --into ./received
    """
    from contextlib import nullcontext

    from inspect_ai.audit import open_log
    from inspect_ai.pacs.received import Received
    from inspect_ai.pacs.worklist import worklist

    settings = common.settings(db=db)
    log_or_none = open_log(settings.db, create=False) if settings.db.exists() else nullcontext(None)
    with log_or_none as log:
        rows = [_plain(row) for row in worklist(Received(into if source else _there(into)), log, seconds(quiet))]
    if source:
        rows = _with_offered(rows, _web(source))
    if as_json:
        for row in rows:
            common.emit(row)
        return
    columns = ("study", "state", "outcome", "score", "instances", "date", "entries", "problem")
    cells = [tuple(_cell(row, column) for column in columns) for row in rows]
    common.table("", *columns, rows=cells)
    if not rows:
        print(f"No study in {into}.")


def seconds(text: str) -> float:
    """Seconds of 60, 60s, 2m or 1h. Raises UsageError."""
    from inspect_ai.errors import UsageError

    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    if match is None:
        raise UsageError(f"--quiet is a time such as 60s, 2m or 1h, not {text[:20]!r}.")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def _destination(to: str, tls: TlsFiles | None) -> Destination:
    from inspect_ai.pacs.destinations import destination_named, written

    settings = common.settings()
    if any(name == to for name, _ in settings.destinations) or "@" not in to:
        return destination_named(to, settings)
    return written(to, tls)


def _web(name: str) -> Web:
    from inspect_ai.errors import UsageError
    from inspect_ai.pacs.destinations import Web, destination_named

    there = destination_named(name, common.settings())
    if not isinstance(there, Web):
        raise UsageError(f"Destination {name} speaks DIMSE; studies are fetched from DICOMweb (http:// or https://).")
    return there


def _there(into: Path) -> Path:
    """The folder of received studies. Raises UsageError where there is none: a wrong path is no empty folder."""
    from inspect_ai.errors import UsageError

    if not into.is_dir():
        raise UsageError(f"There is no folder {into}. Give --into the folder that `pacs listen` or `pacs fetch` fills.")
    return into


def _answering(settings: Settings, reply: str, aet: str) -> Answering | None:
    """Results go back where somebody can be answered and something can make them; sentences say where not."""
    from inspect_ai.cli import result_objects
    from inspect_ai.errors import SetupError
    from inspect_ai.pacs.deciding import Answering

    if not settings.destinations:
        _say("Results stay here: no destination is in the settings ([destinations] of ./inspect_ai.toml).")
        return None
    try:
        make = result_objects.maker(settings)
    except SetupError as e:
        _say(f"Results stay here: {e}")
        return None
    return Answering(make_objects=make, reply=reply, aet=aet)


def _thread_failed(failure: threading.ExceptHookArgs) -> None:
    """Say that the thread of a connection failed; its traceback would quote what a peer sent."""
    _say(f"A connection ended with a fault ({failure.exc_type.__name__}). What was answered with success is stored.")


def _say(sentence: str) -> None:
    common.progress().print(sentence, soft_wrap=True)


def _show(events: Iterator[PacsEvent], as_json: bool) -> int:
    """Print events as they come; returns the number of failures."""
    from inspect_ai.inspection.outages import Notice
    from inspect_ai.pacs.deciding import NotDecided, ReceivedDecided, Started
    from inspect_ai.pacs.outbox import NotDelivered
    from inspect_ai.pacs.receiver import Told

    failures = 0
    for event in events:
        failures += isinstance(event, NotDecided | NotDelivered)
        if as_json:
            common.emit(_event_json(event))
        elif isinstance(event, Started):
            _say(f"Listening on port {event.port}.")
        elif isinstance(event, Told | Notice):
            _say(event.message)
        elif isinstance(event, ReceivedDecided):
            _decided(event)
        elif isinstance(event, NotDecided):
            _say(f"not decided  {event.key[:SHOWN]}  {event.reason} Next attempt in {event.pause_s:.0f} s.")
        elif isinstance(event, NotDelivered):
            _say(f"not sent  #{event.entry} to {event.destination}  {event.reason} Again in {event.pause_s:.0f} s.")
        else:
            held = f", {event.held} there before" if event.held else ""
            common.line(f"sent  #{event.entry} to {event.destination}  {event.objects} objects{held}")
    return failures


def _decided(event: Any) -> None:
    from inspect_ai.text import printable

    for study in event.decided:
        decision = study.decision
        score = "" if decision.score is None else f"{decision.score:.4f}"
        known = " (in the log before)" if study.known else ""
        reason = printable(decision.verdict.reason, 200)
        outcome = decision.verdict.outcome.value
        common.line(f"{outcome:8} {event.key[:SHOWN]}  #{study.entry}  {score:6}  {reason}{known}")
    if not event.decided:
        common.line(f"nothing to inspect  {event.key[:SHOWN]}  {len(event.rejected)} objects set aside or refused")


def _event_json(event: Any) -> dict[str, Any]:
    from dataclasses import asdict

    from inspect_ai.cli.shown import output
    from inspect_ai.pacs.deciding import ReceivedDecided

    names = {
        "Started": "start",
        "Told": "notice",
        "Notice": "notice",
        "NotDecided": "not_decided",
        "Delivered": "sent",
        "NotDelivered": "not_sent",
    }
    if isinstance(event, ReceivedDecided):
        studies = [output.study_json(study.decision, study.entry) | {"known": study.known} for study in event.decided]
        return {"type": "received", "study": event.key, "instances": event.instances, "decisions": studies}
    return {"type": names[type(event).__name__], **asdict(event)}


def _plain(row: Listed) -> dict[str, Any]:
    from datetime import UTC, datetime

    return {
        "type": "received",
        "study": row.key,
        "state": row.state.value,
        "outcome": None if row.outcome is None else row.outcome.value,
        "score": row.score,
        "instances": row.instances,
        "date": datetime.fromtimestamp(row.newest, UTC).isoformat(timespec="seconds"),
        "entries": list(row.entries),
        "problem": row.problem or None,
    }


def _with_offered(rows: list[dict[str, Any]], there: Web) -> list[dict[str, Any]]:
    """Rows of received studies, flagged first, then what the destination has besides, newest first."""
    from inspect_ai.pacs.web import offered

    known = {row["study"] for row in rows}
    others = [found for found in offered(there) if found.key not in known]
    others.sort(key=lambda found: found.date, reverse=True)
    return [
        *rows,
        *(
            {
                "type": "offered",
                "study": found.key,
                "state": "not fetched",
                "outcome": None,
                "score": None,
                "instances": found.instances,
                "date": found.date or None,
                "entries": [],
                "problem": None,
            }
            for found in others
        ),
    ]


def _cell(row: dict[str, Any], column: str) -> object:
    value = row[column]
    if column == "study":
        return value[:SHOWN]
    if column == "score":
        return None if value is None else f"{value:.4f}"
    if column == "entries":
        return " ".join(f"#{number}" for number in value)
    return value
