"""`inspect-ai scan`: decide every study below a folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inspect_ai.cli import common, exit_codes
from inspect_ai.cli.shown import heads as heads_shown
from inspect_ai.cli.shown import names as names_shown

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from inspect_ai.inspection.events import FileRejected, Progress, ScanEvent, StudyDecided, Summary
    from inspect_ai.settings import Settings

FILES_A_LINE = 10_000  # of a dry run, on a stderr that is no terminal

app = common.app()


@app.command()
def scan(
    path: Annotated[Path, typer.Argument(help="A folder of studies, or one file.")],
    task: Annotated[str | None, typer.Option("--task", help="Name of a task, or auto.", show_default="auto")] = None,
    tasks: common.Tasks = None,
    db: common.Db = None,
    out: common.Out = None,
    workers: common.Workers = None,
    engine: common.Engine = None,
    operator: common.Operator = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be decided by which task; decide nothing.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Decide again what the log already holds.")] = False,
    fail_on_flag: Annotated[
        bool, typer.Option("--fail-on-flag", help="Leave with exit code 1 if a study is flagged.")
    ] = False,
    names: names_shown.Names = None,
    dicom_out: Annotated[
        Path | None,
        typer.Option("--dicom-out", help="Write each decision on a DICOM study as DICOM objects too, to DIR/ENTRY."),
    ] = None,
    as_json: common.Json = False,
) -> None:
    """Decide every study below PATH. Each decision stands in the audit log before it is shown.

    What the log already holds is not decided again. Exit codes: 1 if a study is flagged (only with --fail-on-flag,
    and then before 3), 3 if a file could not be read or there was none, else 0. Files that hold no picture to inspect,
    such as a report or a localizer beside slices, are set aside and do not count as unread.

    Example: inspect-ai scan ./studies --task auto
    """
    settings = common.settings(
        task=task, tasks=tasks, db=db, out=out, workers=workers, engine=engine, operator=operator
    )
    if dry_run:
        raise typer.Exit(_plan(path, settings, names, as_json))
    from inspect_ai.errors import InputError
    from inspect_ai.journeys.scan import scan as scan_folder
    from inspect_ai.text import printable

    events: Iterator[ScanEvent] = scan_folder(path, settings, force=force)
    if dicom_out is not None:
        from inspect_ai.journeys.dicom_out import with_objects

        events = with_objects(events, dicom_out, path, settings)
    tell_tasks(settings, as_json)
    summary = show(names_shown.as_shown(events, settings, names, as_json), as_json)
    if not as_json:
        report = summary.report or "not written"
        common.results().print(f"\nAudit log: {settings.db}   Report: {report}", soft_wrap=True)
        heads_shown.tell(summary.head)
    if fail_on_flag and summary.flag:
        raise typer.Exit(exit_codes.FINDINGS)
    if not summary.files:
        raise InputError(f"{printable(str(path))} holds no file: there was nothing to inspect. Is it the right folder?")
    if summary.rejected:
        raise typer.Exit(exit_codes.UNREADABLE)


def tell_tasks(settings: Settings, as_json: bool) -> None:
    """Say where the tasks come from whose code will run: as JSON, or on stderr where not all of them are bundled."""
    from inspect_ai.plugins import BUNDLED, tasks_at_work
    from inspect_ai.text import printable

    places = tasks_at_work(settings)
    if as_json:
        told = [{"task": place.name, "origin": place.origin, "folder": str(place.folder)} for place in places]
        common.emit({"type": "start", "tasks": told})
        return
    for place in places:
        if place.origin != BUNDLED:
            where = printable(str(place.folder))
            common.progress().print(f"Task {place.name} comes from {where} ({place.origin}).", soft_wrap=True)


def show(events: Iterator[ScanEvent], as_json: bool) -> Summary:
    """Print events as they come; progress goes to stderr. Returns the summary."""
    from inspect_ai.cli.shown import output
    from inspect_ai.cli.tables.decisions import DecisionTable
    from inspect_ai.journeys.scan import FileRejected, StudyDecided, Summary

    table = DecisionTable()
    for event in following(events):
        if as_json:
            common.emit(output.as_json(event))
        elif isinstance(event, StudyDecided):
            table.decided(event.decision, event.entry, known=event.known, lapsed=event.lapsed)
        elif isinstance(event, FileRejected):
            table.rejected(event.rejection, event.entry)
        if isinstance(event, Summary):
            if not as_json:
                table.notes.show()
                output.summary_text(event)
            for remark in event.remarks:
                common.progress().print(remark, soft_wrap=True)
            return event
    raise AssertionError("a scan ends with its summary")


def following(events: Iterator[ScanEvent]) -> Iterator[StudyDecided | FileRejected | Summary]:
    """Pass on all events but progress, which moves a bar on stderr, and notices, which are lines there."""
    from inspect_ai.cli.shown import output
    from inspect_ai.journeys.scan import Notice, Progress

    with _bar() as bar:
        for event in events:
            if isinstance(event, Progress):
                _advance(bar, event)
            elif isinstance(event, Notice):
                output.notice(event)
            else:
                yield event


def _plan(path: Path, settings: Settings, names: bool | None, as_json: bool) -> int:
    from inspect_ai.cli.shown import output
    from inspect_ai.domain import Rejection
    from inspect_ai.journeys.plan_scan import plan_scan

    unreadable = False
    with _bar("files") as bar:
        planned = plan_scan(path, settings, lambda files: _looked_at(bar, files))
        for item in names_shown.as_shown(planned, settings, names, as_json):
            unreadable |= isinstance(item, Rejection) and not item.expected
            if as_json:
                common.emit(output.plan_json(item))
            else:
                output.plan_text(item)
    return exit_codes.UNREADABLE if unreadable else 0


def _looked_at(bar: Bar, files: int) -> None:
    """Show the number of files; a line now and then where stderr is no terminal."""
    bar.update(bar.tasks[0].id, completed=files, rate="looked at")
    if files % FILES_A_LINE == 0 and not common.progress().is_terminal:
        common.progress().print(f"{files:,} files looked at")


@contextmanager
def _bar(what: str = "studies") -> Iterator[Bar]:
    """Show rate and time left on stderr; silent where stderr is no terminal."""
    from rich import progress

    console = common.progress()
    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[rate]}"),
        progress.TimeRemainingColumn(),
    )
    both = sys.stdout.isatty()  # else results must stay on stdout, even if redirected
    shown = progress.Progress(
        *columns,
        console=console,
        transient=True,
        disable=not console.is_terminal,
        redirect_stdout=both,
        redirect_stderr=both,
    )
    with shown as bar:
        bar.add_task(what, total=None, rate="")
        yield bar


def _advance(bar: Bar, event: Progress) -> None:
    task = bar.tasks[0]
    rate = f"{task.speed:.1f}/s" if task.speed else ""
    description = "studies" if event.all_found else "studies (still looking)"
    bar.update(task.id, completed=event.finished, total=max(event.found, 1), rate=rate, description=description)
