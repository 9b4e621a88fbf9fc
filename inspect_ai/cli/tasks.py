"""`inspect-ai tasks`: the installed tasks, a template for a new one, and the plan of its training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inspect_ai.cli import common

if TYPE_CHECKING:
    from inspect_ai.plugins import FoundTask

app = common.app()

Budget = Annotated[str, typer.Option("--budget", help="Time that training may take: 10m, 1h, 1h30m.")]


@app.callback(invoke_without_command=True)
def tasks(context: typer.Context, tasks: common.Tasks = None, as_json: common.Json = False) -> None:
    """List the installed tasks, or write a new one. The code of each listed task runs, to see whether it works.

    Example: inspect-ai tasks new weld_seam --data ./seams
    """
    if context.invoked_subcommand is None:
        _show(tasks, as_json)


@app.command("list")
def list_tasks(tasks: common.Tasks = None, as_json: common.Json = False) -> None:
    """List the tasks, where each came from, and what keeps a broken one from working.

    Example: inspect-ai tasks list --json
    """
    _show(tasks, as_json)


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Small letters, digits and _, beginning with a letter.")],
    folder: Annotated[Path, typer.Option("--into", help="The folder that holds task folders.")] = Path("tasks"),
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Labelled folder: its classes and a plan are written too."),
    ] = None,
    positive: Annotated[
        list[str] | None, typer.Option("--positive", help="A class that must not be missed, where names do not say it.")
    ] = None,
    column: Annotated[str, typer.Option("--column", help="Column of labels.csv that holds the classes.")] = "label",
    budget: Budget = "1h",
    as_json: common.Json = False,
) -> None:
    """Write a working task plugin: task.py, config, data card and test.

    With --data also the classes of these pictures, what was measured on them, and a plan of the training with the
    reason for each choice.

    Example: inspect-ai tasks new weld_seam --data ./seams
    """
    if data is None:
        _write_template(name, folder, as_json)
        return
    from inspect_ai.cli.template import write_planned_task
    from inspect_ai.journeys.new_task import new_task

    with common.counting("pictures read") as progress:
        made = new_task(
            name,
            folder,
            data,
            write=lambda labels, because: write_planned_task(name, folder, labels, because, str(data)),
            settings=common.settings(),
            positive=tuple(positive or ()),
            column=column,
            budget=budget,
            progress=progress,
        )
    if as_json:
        common.emit({"task": name, "files": [str(file) for file in made.files], "said": list(made.said)})
        return
    for sentence in made.said:
        common.remark(sentence)
    common.plan(made.plan)
    common.table(f"Task {name} is written", "file", rows=[(file,) for file in made.files])
    print(f"Next: inspect-ai train {name} --tasks {folder} --data {data} --out runs/{name}\n{_asked(folder)}")


@app.command("plan")
def plan(
    name: Annotated[str, typer.Argument(help="Name of an installed task.")],
    data: Annotated[list[Path], typer.Option("--data", help="Labelled folder; give it again for a further one.")],
    budget: Budget = "1h",
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for the written files.", show_default="the task's own"),
    ] = None,
    tasks: common.Tasks = None,
    again: Annotated[bool, typer.Option("--again", help="Write over a plan that is there.")] = False,
    as_json: common.Json = False,
) -> None:
    """Measure labelled folders, and write how to learn from them with the reason for each choice.

    What the task's own config says stays as it is.

    Example: inspect-ai tasks plan weld_seam --data ./seams --budget 30m --again
    """
    from inspect_ai.journeys.plan_task import plan_task

    with common.counting("pictures read") as progress:
        made = plan_task(
            name,
            data,
            settings=common.settings(tasks=tasks),
            budget=budget,
            out=out,
            again=again,
            progress=progress,
        )
    if as_json:
        choices = [{"setting": c.key, "value": c.value, "because": c.because} for c in made.plan.choices]
        common.emit({"task": name, "files": [str(file) for file in made.files], "choices": choices})
        return
    for sentence in made.said:
        common.remark(sentence)
    common.plan(made.plan)
    print("\n".join(f"Written: {file}" for file in made.files))


def _write_template(name: str, folder: Path, as_json: bool) -> None:
    from inspect_ai.cli.template import write_task

    files = write_task(name, folder)
    if as_json:
        common.emit({"task": name, "files": [str(file) for file in files]})
        return
    common.table(f"Task {name} is written", "file", rows=[(file,) for file in files])
    print(
        f"Next: put pictures below a folder with one sub-folder per class (pass, flag), then\n"
        f"  inspect-ai train {name} --tasks {folder} --data FOLDER --out runs/{name}\n{_asked(folder)}"
    )


def _asked(folder: Path) -> str:
    return (
        f"A task runs as code, so a folder of tasks counts only where it is asked for: with --tasks {folder}, with\n"
        f'INSPECT_AI_TASKS={folder} in the environment, or with tasks = "{folder}" in ./inspect_ai.toml.'
    )


def _show(tasks: str | None, as_json: bool) -> None:
    from inspect_ai.plugins import find_tasks

    found = find_tasks(common.settings(tasks=tasks).tasks)
    if as_json:
        for f in found:
            common.emit(_plain(f))
        return
    rows = []
    for f in found:
        ready = "yes" if (f.folder / "operating_point.json").is_file() else "not trained"
        what = f.task.title if f.task else ""
        state = f"broken: {f.error}" if f.error else ready
        rows.append((f.name, what, state, _promise(f.folder), f.origin, f.folder))
    common.table("Tasks", "name", "inspects", "ready", "proved", "origin", "folder", rows=rows)


def _plain(f: FoundTask) -> dict[str, Any]:
    task = f.task
    return {
        "task": f.name,
        "title": task.title if task else None,
        "version": task.version if task else None,
        "modalities": list(task.modalities) if task else None,
        "image_files": task.image_files if task else None,
        "origin": f.origin,
        "folder": str(f.folder),
        "promise": _promise(f.folder) or None,
        "ready": (f.folder / "operating_point.json").is_file() and task is not None,
        "error": f.error,
    }


def _promise(folder: Path) -> str:
    """Promise of the operating point in a task's folder, in a few words; "" where there is none to read."""
    from inspect_ai.calibration import read_point
    from inspect_ai.errors import UsageError

    try:
        proof = read_point(folder / "operating_point.json").proof
    except UsageError:
        return ""
    refused = f"{proof.sensitivity:g} refused: {proof.n_positive} positives"
    return f"at least {proof.sensitivity:g} ({proof.n_positive} positives)" if proof.refusal is None else refused
