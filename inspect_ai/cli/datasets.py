"""`inspect-ai datasets`: look at a labelled folder before it is used."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inspect_ai.cli import common
from inspect_ai.text import printable

if TYPE_CHECKING:
    from inspect_ai.journeys.check_datasets import Checked

app = common.app()


@app.callback()
def datasets() -> None:
    """Look at labelled folders before they train, calibrate or measure a task.

    Example: inspect-ai datasets check ./magnetic_tile
    """


@app.command("check")
def check(
    data: Annotated[Path, typer.Argument(help="Labelled folder.")],
    task: Annotated[
        str | None,
        typer.Option("--task", help="Whose labels these are.", show_default="the first task that knows them"),
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Page of the copies.", show_default="inspect_ai_out/copies.html")
    ] = None,
    model: Annotated[
        list[Path] | None,
        typer.Option("--model", help="Model folder that doubts labels it did not train on; give it again for a fold."),
    ] = None,
    suspects: Annotated[
        Path | None,
        typer.Option(
            "--suspects",
            help="Page of suspected labels, its table beside it.",
            show_default="inspect_ai_out/suspects.html",
        ),
    ] = None,
    as_json: common.Json = False,
) -> None:
    """Count a labelled folder by split, label and group, say what is skipped, and show pictures that are copies.

    With --model, labels that the models doubt are shown on a page and listed in a table. Nothing is changed.

    Example: inspect-ai datasets check ./magnetic_tile --task metal_surface --report copies.html
    """
    from inspect_ai.journeys.check_datasets import check_dataset

    with common.counting("pictures read, then scored" if model else "pictures read") as progress:
        found = check_dataset(
            data,
            settings=common.settings(),
            task_name=task,
            page=report,
            models=model or (),
            suspects_page=suspects,
            progress=progress,
        )
    if as_json:
        common.emit(_plain(found))
        return
    _tell(data, found)


def _tell(data: Path, found: Checked) -> None:
    from inspect_ai.journeys.check_datasets import by_reason

    rows = [
        (c.split or "(none)", c.label, c.pictures, c.groups, c.units, *((c.units_if_joined,) if found.vouched else ()))
        for c in found.counted
    ]
    if_joined = ("units if joined",) if found.vouched else ()
    print(f"{printable(str(data))}: label set {found.labels} of task {found.task}.")
    common.table("", "split", "label", "pictures", "groups", "units", *if_joined, rows=rows)
    skipped = [(reason, n, printable(first, 80)) for reason, n, first in by_reason(found.skipped)]
    if skipped:
        common.table("Skipped", "reason", "files", "the first", rows=skipped)
    for sentence in found.said:
        print(common.as_sentence(sentence))
    print(common.as_sentence(found.account.sentence))
    if found.page is not None:
        print(f"Copies: {found.page}.")
    if found.suspects is not None:
        for sentence in found.suspects.sentences:
            print(common.as_sentence(sentence))
        print(
            f"{len(found.suspects.suspects)} labels are suspected: {found.suspects_page}. Look at each one, mark what "
            f"training should leave out in {found.suspects_table}, and train with --exclude."
        )


def _plain(found: Checked) -> dict[str, Any]:
    return {
        "task": found.task,
        "labels": found.labels,
        "counted": [{k: v for k, v in asdict(one).items() if v is not None} for one in found.counted],
        "files": found.account.plain(),
        "said": list(found.said),
        "copies": found.copies,
        "vouched": found.vouched,
        "across_splits": found.across_splits,
        "page": found.page and str(found.page),
    } | _suspects(found)


def _suspects(found: Checked) -> dict[str, Any]:
    if found.suspects is None:
        return {}
    return {
        "suspects": [
            {"file": one.row.file, "label": one.row.label, "likely": one.likely, "score": one.score}
            for one in found.suspects.suspects
        ],
        "judged": {str(standing): count for standing, count in found.suspects.judged.items()},
        "unjudged": found.suspects.unjudged,
        "suspects_page": str(found.suspects_page),
        "suspects_table": str(found.suspects_table),
    }
