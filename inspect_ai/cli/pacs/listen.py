"""`inspect-ai pacs listen`: receive, decide and answer until somebody stops it."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer

from inspect_ai.cli import common
from inspect_ai.cli.pacs.answering import answering
from inspect_ai.cli.pacs.events import say, show
from inspect_ai.cli.pacs.options import Aet, Deciding, Into, Quiet, Reply, Tls, seconds


def listen(
    *,
    into: Into,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: a free one, which is told.")] = 11112,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    aet: Aet = "INSPECT_AI",
    allow: Annotated[list[str] | None, typer.Option("--allow", help="AE title that may call; several.")] = None,
    tls: Tls,
    quiet: Quiet = "60s",
    instances: Annotated[
        int, typer.Option("--instances", min=0, help="A study is complete with so many instances.")
    ] = 0,
    reply: Reply = "",
    associations: Annotated[int, typer.Option("--associations", min=1, max=100, help="Most at once.")] = 8,
    object_mib: Annotated[int, typer.Option("--object-mib", min=1, help="Largest object that is taken.")] = 512,
    timeout_s: Annotated[float, typer.Option("--timeout-s", min=1.0, help="Longest silence of a caller.")] = 30.0,
    deciding: Deciding,
    as_json: common.Json = False,
) -> None:
    """Take studies by C-STORE, decide each when it is complete, and send its results back. Stop with Ctrl-C.

    A caller is let in that --allow names and that calls us by our AE title. Killed and started again, it goes on.

    Example: inspect-ai pacs listen --into ./received --allow ORTHANC --reply archive
    """
    from inspect_ai.journeys.listen import listen as receive
    from inspect_ai.pacs.arrivals import Completeness
    from inspect_ai.pacs.destinations import checked_title
    from inspect_ai.pacs.receiver import Listening

    settings = deciding.settings()
    allowed = tuple(checked_title(title, "--allow") for title in allow or ())
    listening = Listening(
        host=host,
        port=port,
        aet=checked_title(aet, "--aet"),
        allow=allowed,
        tls=tls.files(),
        associations=associations,
        object_mib=object_mib,
        timeout_s=timeout_s,
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # services are stopped by it, as by an interrupt
    threading.excepthook = _thread_failed
    if not as_json:
        say(common.CAUTION)
    if not allowed:
        say("No AE title may call: every association is refused. --allow AET lets one in, and may be given again.")
    answers = answering(settings, reply, listening.aet)
    rule = Completeness(quiet_s=seconds(quiet), instances=instances)
    show(receive(into, settings, listening, rule, answers), as_json)


def _thread_failed(failure: threading.ExceptHookArgs) -> None:
    """Say that the thread of a connection failed; its traceback would quote what a peer sent."""
    say(f"A connection ended with a fault ({failure.exc_type.__name__}). What was answered with success is stored.")
