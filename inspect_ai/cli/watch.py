"""`inspect-ai watch`: decide each part as the camera puts it into a folder."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inspect_ai.cli import common
from inspect_ai.cli.shown import heads as heads_shown
from inspect_ai.cli.shown import names as names_shown

if TYPE_CHECKING:
    from inspect_ai.cli.tables.decisions import DecisionTable
    from inspect_ai.journeys.watch import FileRejected, PartDecided, PartWaiting, WatchEvent, WatchSummary

app = common.app()


@app.command()
def watch(
    folder: Annotated[Path, typer.Argument(help="The folder that the camera writes to.")],
    task: Annotated[str | None, typer.Option("--task", help="Name of the task that inspects these parts.")] = None,
    takt_ms: Annotated[
        float | None, typer.Option("--takt-ms", help="Time a part may take.", show_default="200")
    ] = None,
    tasks: common.Tasks = None,
    db: common.Db = None,
    out: common.Out = None,
    workers: common.Workers = None,
    engine: common.Engine = None,
    operator: common.Operator = None,
    once: Annotated[bool, typer.Option("--once", help="Decide what is there and leave.")] = False,
    patience_s: Annotated[
        float, typer.Option("--patience-s", min=0.0, help="How long a file that ends in the middle is waited for.")
    ] = 600.0,
    settle_ms: Annotated[
        float | None,
        typer.Option(
            "--settle-ms", help="A file counts when nothing was written to it for so long.", show_default="50"
        ),
    ] = None,
    names: names_shown.Names = None,
    as_json: common.Json = False,
) -> None:
    """Decide every part that a camera puts into FOLDER, once.

    Each decision stands in the audit log before it is shown. Killed and started again, it goes on. A file counts when
    it is whole and nothing was written to it for the settling time. What cannot be read ends as abstain; what went or
    was replaced before it was read, and links, are told of, each in a row. A part that takes longer than the takt is
    marked late; its decision stands. While log or folder are away, parts wait. Stop with Ctrl-C.

    Example: inspect-ai watch ./line1 --task metal_surface --takt-ms 200
    """
    from inspect_ai.cli.scan import tell_tasks
    from inspect_ai.cli.tables.decisions import DecisionTable
    from inspect_ai.journeys.watch import watch as watch_folder

    settings = common.settings(
        task=task,
        tasks=tasks,
        takt_ms=takt_ms,
        db=db,
        out=out,
        workers=workers,
        engine=engine,
        operator=operator,
        settle_ms=settle_ms,
    )
    signal.signal(
        signal.SIGTERM, signal.default_int_handler
    )  # services are stopped by it; it is an interrupt like any other
    if not as_json:
        common.progress().print(common.CAUTION, soft_wrap=True)
    table = None if as_json else DecisionTable(timed=True)
    tell_tasks(settings, as_json=False)
    events = watch_folder(folder, settings, once=once, patience_s=patience_s)
    for event in names_shown.as_shown(events, settings, names, as_json):
        _show(event, table)


def _show(event: WatchEvent, table: DecisionTable | None) -> None:
    """Print one event: as a row of the table, or as JSON without one."""
    from inspect_ai.cli.shown import output
    from inspect_ai.journeys.watch import FileRejected, Notice, PartDecided, PartWaiting

    if isinstance(event, PartWaiting):
        _waiting(event)
    elif isinstance(event, Notice):
        output.notice(event)
    elif isinstance(event, FileRejected):
        _rejected(event, table)
    elif isinstance(event, PartDecided):
        _decided(event, table)
    else:
        _summary(event, table is None)


def _waiting(event: PartWaiting) -> None:
    from inspect_ai.text import printable

    common.progress().print(f"waiting  {printable(event.path, 120)}  {event.reason}", soft_wrap=True)


def _rejected(event: FileRejected, table: DecisionTable | None) -> None:
    from inspect_ai.cli.shown import output

    if table is None:
        common.emit(output.as_json(event))
    else:
        table.rejected(event.rejection, event.entry)


def _decided(event: PartDecided, table: DecisionTable | None) -> None:
    from inspect_ai.cli.shown import output
    from inspect_ai.cli.tables.footnotes import remark_lines
    from inspect_ai.text import printable

    if table is None:
        times = {
            "sha256": event.sha256,
            "cycle_ms": round(event.cycle_ms, 1),
            "takt_ms": event.takt_ms,
            "late": event.late,
        }
        common.emit(output.study_json(event.decision, event.entry) | times)
        return
    # A watch may run for months, so what stands below the table of a scan is said at once, on stderr.
    time = f"{event.cycle_ms:.0f}{' LATE' if event.late else ''}"
    promise = table.decided(event.decision, event.entry, time=time)
    said = remark_lines(event.entry, event.decision.remarks)
    if promise:
        said.append(f"{event.decision.provenance.task}: {printable(promise, 600)}")
    for line in said:
        common.progress().print(line, soft_wrap=True)


def _summary(event: WatchSummary, as_json: bool) -> None:
    if as_json:
        names = (
            "found",
            "parts",
            "known",
            "rejected",
            "waiting",
            "left",
            "clear",
            "flag",
            "abstain",
            "late",
            "sidecars",
        )
        counts = {name: getattr(event, name) for name in (*names, "pictures_lost")}
        head = heads_shown.plain(event.head)
        common.emit({"type": "summary", **counts, "seconds": round(event.seconds, 3), "head": head})
        return
    lost = f" {event.pictures_lost} of their pictures could not be stored." if event.pictures_lost else ""
    left = f" + {event.left} left" if event.left else ""
    common.say(
        f"\n{event.parts} parts decided: {event.flag} flag, {event.abstain} abstain, {event.clear} clear, "
        f"{event.late} late ({event.seconds:.1f} s).{lost}\n"
        f"Files: {event.parts} decided + {event.known} in the log before + {event.rejected} told with a reason "
        f"+ {event.waiting} being written{left} = {event.found} found; {event.sidecars} sidecars."
    )
    heads_shown.tell(event.head)
