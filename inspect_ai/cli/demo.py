"""`inspect-ai demo`: a scan of made studies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inspect_ai.cli import common

app = common.app()


@app.command()
def demo(
    folder: Annotated[Path, typer.Option("--dir", help="Where studies, log and report go.")] = Path("demo"),
    as_json: common.Json = False,
) -> None:
    """Make a small folder of studies and decide them, offline.

    Example: inspect-ai demo --dir ./demo
    """
    from inspect_ai.cli import output
    from inspect_ai.cli.scan import following
    from inspect_ai.journeys import demo as journey
    from inspect_ai.journeys.scan import FileRejected, StudyDecided, Summary

    settings = common.settings()
    if not as_json:
        print(
            "The studies of this demo are made by a program: a CT phantom, drawn fundus photographs and metal\n"
            "surfaces, and some rubbish as every real folder has it. No person and no part is on them."
        )
        for learnt in journey.trained_on(settings):
            names = ", ".join(learnt.data) or "its manifest names none"
            print(f"The weights of {learnt.task} were trained on real data: {names}.")
    decided, rejected, summary = [], [], None
    for event in following(journey.demo(folder, settings)):
        if as_json:
            common.emit(output.as_json(event))
        if isinstance(event, StudyDecided):
            decided.append(event)
        elif isinstance(event, FileRejected):
            rejected.append(event)
        elif isinstance(event, Summary):
            summary = event
    if as_json or summary is None:
        return
    output.decisions_table(decided, rejected)
    output.summary_text(summary)
    db = journey.demo_settings(folder, settings).db
    print(f"\nAudit log:  {db}\nReport:     {summary.report}")
    print(f"Next:       inspect-ai audit verify --db {db}    then, on your own folder: inspect-ai scan PATH")
