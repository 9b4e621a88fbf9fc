"""`inspect-ai watch`: decide each part as the camera puts it into a folder."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inspect_ai.cli import common

if TYPE_CHECKING:
    from inspect_ai.journeys.watch import PartDecided, PartWaiting, WatchEvent, WatchSummary

app = common.app()


@app.command()
def watch(
    folder: Annotated[Path, typer.Argument(help="The folder that the camera writes to.")],
    task: Annotated[str | None, typer.Option("--task", help="Name of the task that inspects these parts.")] = None,
    takt_ms: Annotated[
        float | None, typer.Option("--takt-ms", help="Time a part may take.", show_default="200")
    ] = None,
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
    as_json: common.Json = False,
) -> None:
    """Decide every part that a camera puts into FOLDER, once.

    Each decision stands in the audit log before it is shown. Killed and started again, it goes on. A file counts when
    it is whole and nothing was written to it for the settling time. What cannot be read ends as abstain; what went or
    was replaced before it was read, and links, are told of, each in a row. A part that takes longer than the takt is
    marked late; its decision stands. While log or folder are away, parts wait. Stop with Ctrl-C.

    Example: inspect-ai watch ./line1 --task metal_surface --takt-ms 200
    """
    from inspect_ai.journeys.watch import watch as watch_folder

    settings = common.settings(
        task=task,
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
    for event in watch_folder(folder, settings, once=once, patience_s=patience_s):
        _show(event, as_json)


def _show(event: WatchEvent, as_json: bool) -> None:
    from inspect_ai.cli import output
    from inspect_ai.journeys.watch import FileRejected, Notice, PartDecided, PartWaiting

    if isinstance(event, PartWaiting):
        _waiting(event)
    elif isinstance(event, Notice):
        output.notice(event)
    elif isinstance(event, FileRejected):
        common.emit(output.as_json(event)) if as_json else output.as_text(event)
    elif isinstance(event, PartDecided):
        _decided(event, as_json)
    else:
        _summary(event, as_json)


def _waiting(event: PartWaiting) -> None:
    from inspect_ai.text import printable

    common.progress().print(f"waiting  {printable(event.path, 120)}  {event.reason}", soft_wrap=True)


def _decided(event: PartDecided, as_json: bool) -> None:
    from inspect_ai.cli import output

    if as_json:
        times = {
            "sha256": event.sha256,
            "cycle_ms": round(event.cycle_ms, 1),
            "takt_ms": event.takt_ms,
            "late": event.late,
        }
        common.emit(output.study_json(event.decision, event.entry) | times)
        return
    late = " LATE" if event.late else ""
    output.study_text(event.decision, event.entry, f"{event.cycle_ms:.0f} ms of {event.takt_ms:.0f}{late}")


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
        common.emit({"type": "summary", **counts, "seconds": round(event.seconds, 3)})
        return
    lost = f" {event.pictures_lost} of their pictures could not be stored." if event.pictures_lost else ""
    left = f" + {event.left} left" if event.left else ""
    common.results().print(
        f"\n{event.parts} parts decided: {event.flag} flag, {event.abstain} abstain, {event.clear} clear, "
        f"{event.late} late ({event.seconds:.1f} s).{lost}\n"
        f"Files: {event.parts} decided + {event.known} in the log before + {event.rejected} told with a reason "
        f"+ {event.waiting} being written{left} = {event.found} found; {event.sidecars} sidecars.",
        soft_wrap=True,
    )
