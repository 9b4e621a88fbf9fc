"""`inspect-ai pacs decide`: decide and send once what lies in the folder, then end."""

from __future__ import annotations

import typer

from inspect_ai.cli import common, exit_codes
from inspect_ai.cli.pacs.answering import answering
from inspect_ai.cli.pacs.events import show
from inspect_ai.cli.pacs.options import Aet, Deciding, Into, Reply, existing


def decide(
    *,
    into: Into,
    reply: Reply = "",
    aet: Aet = "INSPECT_AI",
    deciding: Deciding,
    as_json: common.Json = False,
) -> None:
    """Decide the studies that were received or fetched and are not decided, send what is queued, and end.

    Results of studies that were decided before and never queued go out too, and the reports of readers' answers since.

    Exit code 5 if a study could not be decided or a result not be sent; the next call tries again.

    Example: inspect-ai pacs decide --into ./received
    """
    from inspect_ai.journeys.listen import decide_received

    settings = deciding.settings()
    if show(decide_received(existing(into), settings, answering(settings, reply, aet)), as_json):
        raise typer.Exit(exit_codes.ENVIRONMENT)
