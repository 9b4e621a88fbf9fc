"""`inspect-ai tasks`: the installed tasks, and a template for a new one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inspect_ai.cli import common

app = common.app()


@app.callback(invoke_without_command=True)
def tasks(context: typer.Context, tasks: common.Tasks = None, as_json: common.Json = False) -> None:
    """List the installed tasks, or write a new one. The code of each listed task runs, to see whether it works.

    Example: inspect-ai tasks new weld_seam
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
    as_json: common.Json = False,
) -> None:
    """Write a working task plugin: task.py, config, data card and test.

    Example: inspect-ai tasks new weld_seam
    """
    from inspect_ai.cli.template import write_task

    files = write_task(name, folder)
    if as_json:
        common.emit({"task": name, "files": [str(file) for file in files]})
        return
    common.table(f"Task {name} is written", "file", rows=[(file,) for file in files])
    print(
        f"Next: put pictures below a folder with one sub-folder per class (pass, flag), then\n"
        f"  inspect-ai train {name} --tasks {folder} --data FOLDER --out runs/{name}\n"
        f"A task runs as code, so a folder of tasks counts only where it is asked for: with --tasks {folder}, with\n"
        f'INSPECT_AI_TASKS={folder} in the environment, or with tasks = "{folder}" in ./inspect_ai.toml.'
    )


def _show(tasks: str | None, as_json: bool) -> None:
    from inspect_ai.plugins import find_tasks

    found = find_tasks(common.settings(tasks=tasks).tasks)
    if as_json:
        for f in found:
            task = f.task
            common.emit(
                {
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
            )
        return
    rows = []
    for f in found:
        ready = "yes" if (f.folder / "operating_point.json").is_file() else "not trained"
        what = f.task.title if f.task else ""
        state = f"broken: {f.error}" if f.error else ready
        rows.append((f.name, what, state, _promise(f.folder), f.origin, f.folder))
    common.table("Tasks", "name", "inspects", "ready", "proved", "origin", "folder", rows=rows)


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
