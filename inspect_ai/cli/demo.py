"""`inspect-ai demo`: a scan of made studies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inspect_ai.cli import common

if TYPE_CHECKING:
    from inspect_ai.domain import Decision
    from inspect_ai.journeys.demo import Comparison
    from inspect_ai.journeys.scan import FileRejected, StudyDecided

app = common.app()


@app.command()
def demo(
    folder: Annotated[Path, typer.Option("--dir", help="Where studies, log and report go.")] = Path("demo"),
    as_json: common.Json = False,
) -> None:
    """Make a small folder of studies and decide them, offline.

    Example: inspect-ai demo --dir ./demo
    """
    from inspect_ai.cli.scan import following
    from inspect_ai.cli.shown import output
    from inspect_ai.journeys import demo as journey
    from inspect_ai.journeys.scan import FileRejected, StudyDecided, Summary

    settings = common.settings()
    if not as_json:
        print(
            "The studies of this demo are made by a program: chest CT phantoms, drawn\n"
            "photographs of eyes and metal surfaces, and some rubbish as every real folder\n"
            "has it. No person and no part is on them, and the thresholds are set on other\n"
            "made studies: they say nothing about real ones."
        )
        for learnt in journey.trained_on(settings):
            names = ", ".join(learnt.data) or "its manifest names none"
            print(f"The weights of {learnt.task} were trained on real data:\n  {names}.")
    results: list[StudyDecided | FileRejected] = []
    summary = None
    for event in following(journey.demo(folder, settings)):
        if as_json:
            common.emit(output.as_json(event))
        elif isinstance(event, StudyDecided | FileRejected):
            results.append(event)
        elif isinstance(event, Summary):
            summary = event
    if summary is None:
        return
    _table(results)
    output.summary_text(summary)
    _comparison(journey.compare(journey.make_studies(folder), _decisions(results)))
    made = journey.demo_settings(folder, settings)
    print(f"Audit log:  {made.db}\nReport:     {summary.report}")
    print(f"Next:       inspect-ai audit verify --db {made.db}")
    print(f"Desk:       inspect-ai desk --db {made.db} \\")
    print(f"              --out {made.out} --root {folder / journey.STUDIES}")
    print("Then:       inspect-ai scan PATH    on your own folder")


def _decisions(results: list[StudyDecided | FileRejected]) -> list[Decision]:
    from inspect_ai.journeys.scan import StudyDecided

    return [event.decision for event in results if isinstance(event, StudyDecided)]


def _comparison(found: list[Comparison]) -> None:
    """Print how many studies were decided as they were made, and the names of the others."""
    made = {"clear": "sound", "flag": "others", "abstain": "blurred"}
    parts = [
        f"{one.outcome.value} {one.count - len(one.otherwise)} of {one.count} {made[one.outcome.value]}"
        for one in found
        if one.count
    ]
    others = [key for one in found for key in one.otherwise]
    print(f"\nAs made:    {', '.join(parts)}." + (f" Otherwise: {', '.join(others)}." if others else ""))


def _table(results: list[StudyDecided | FileRejected]) -> None:
    """Print the results of a small scan by name, rejected files last."""
    from inspect_ai.cli.tables.decisions import DecisionTable
    from inspect_ai.journeys.scan import StudyDecided

    table = DecisionTable()
    decided = [event for event in results if isinstance(event, StudyDecided)]
    for event in sorted(decided, key=lambda event: event.decision.study.key):
        table.decided(event.decision, event.entry, known=event.known, lapsed=event.lapsed)
    for refused in results:
        if not isinstance(refused, StudyDecided):
            table.rejected(refused.rejection, refused.entry)
    table.notes.show()
