"""Code that the commands share: options, settings from them, and the two forms of results (tables or JSON)."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inspect_ai.cli import exit_codes

if TYPE_CHECKING:
    from rich.console import Console

    from inspect_ai.planning.plan import Plan
    from inspect_ai.settings import Settings
    from inspect_ai.training.run import TrainingRun

CAUTION = "Research software, not a medical device: a decision is no diagnosis and no release of a part."

Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, and nothing else there.")]
Db = Annotated[Path | None, typer.Option("--db", help="The audit log.", show_default="inspect_ai.db")]
Out = Annotated[
    Path | None, typer.Option("--out", help="Folder for report and pictures.", show_default="inspect_ai_out")
]
Workers = Annotated[
    int | None, typer.Option("--workers", help="Decoding processes and engine sessions.", show_default="2")
]
Engine = Annotated[str | None, typer.Option("--engine", help="onnx or torch.", show_default="onnx")]
Operator = Annotated[
    str | None, typer.Option("--operator", help="Who stands behind the decisions.", show_default="login name")
]


Tasks = Annotated[
    str | None,
    typer.Option("--tasks", help="Folder of further tasks, such as ./tasks; several as in PATH.", show_default=False),
]


class Device(StrEnum):
    """Device that training runs on."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


Seed = Annotated[int, typer.Option("--seed", help="Decides every random choice.")]
Computing = Annotated[Device, typer.Option("--device", help="Where to compute.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the run folder's last checkpoint.")]
Threads = Annotated[int | None, typer.Option("--threads", min=1, help="Threads to compute with.")]


def training_run(
    name: str, *, out: Path | None, seed: int, device: Device, resume: bool, threads: int | None, as_json: bool
) -> TrainingRun:
    """Make a TrainingRun from the flags that train, joint and pretrain share; in runs/NAME-SEED without --out."""
    from inspect_ai.training.run import TrainingRun

    return TrainingRun(
        out=out or Path("runs") / f"{name}-{seed}",
        seed=seed,
        device=device.value,
        resume=resume,
        threads=threads,
        progress=not as_json,
    )


def app() -> typer.Typer:
    """Make a Typer application with plain help and without completion commands."""
    return typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def settings(**flags: Any) -> Settings:
    """Load settings from flags (None: not given), environment, ./inspect_ai.toml and defaults."""
    from inspect_ai.settings import load

    return load(**flags)


def emit(value: object) -> None:
    """Print JSON on one line of stdout; ASCII alone, so no header text reaches a terminal as control codes."""
    line(json.dumps(_finite(value), ensure_ascii=True, allow_nan=False, default=str))


def line(text: str) -> None:
    """Print one line on stdout at once. Leaves with a code of its own where nobody reads any more (`| head`)."""
    try:
        print(text, file=_encodable(sys.stdout), flush=True)
    except BrokenPipeError:
        _reader_gone()


def _reader_gone() -> None:
    sys.stdout = None  # or the interpreter complains again when it flushes at exit
    raise typer.Exit(exit_codes.READER_GONE) from None


def _finite(value: object) -> object:
    """Replace NaN and infinity, which JSON does not have, by null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    return [_finite(part) for part in value] if isinstance(value, list | tuple) else value


def results() -> Console:
    """Console for tables: stdout, where rich reads no markup and emoji in names of files."""
    from rich.console import Console

    console = Console(file=_encodable(sys.stdout), markup=False, emoji=False, highlight=False)
    console.on_broken_pipe = _reader_gone  # type: ignore[method-assign]  # rich would leave with 1: findings
    return console


def piped() -> bool:
    """Tell whether stdout is no terminal, so that no width is known and a program may read it."""
    return sys.stdout is None or not sys.stdout.isatty()


def say(text: str) -> None:
    """Print sentences on stdout, wrapped between words on a terminal, each on one line in a pipe."""
    results().print(text, soft_wrap=piped())


def progress() -> Console:
    """Console for everything but results: stderr."""
    from rich.console import Console

    return Console(file=_encodable(sys.stderr), stderr=True, markup=False, emoji=False, highlight=False)


def _encodable(stream: Any) -> Any:
    """Stream that escapes what its encoding lacks (a terminal in Latin-1, a file name in Chinese), not fails on it."""
    if getattr(stream, "errors", "") == "strict" and hasattr(stream, "reconfigure"):  # no stream where it is closed
        stream.reconfigure(errors="backslashreplace")
    return stream


def remark(sentence: str) -> None:
    """Print one sentence about the data on stderr."""
    progress().print(as_sentence(sentence), soft_wrap=True)


def as_sentence(text: str) -> str:
    """Begin with a capital, unless the first word is a name of a file, and end with a full stop."""
    first = text.split(" ", 1)[0].strip(",:")
    return f"{text[:1].upper() if first.isalpha() else text[:1]}{text[1:].rstrip('.')}."


@contextmanager
def counting(what: str) -> Iterator[Callable[[int], None]]:
    """Provide a call-back that takes a journey's count and shows it on stderr where that is a terminal."""
    console = progress()
    if not console.is_terminal:
        yield lambda done: None
        return
    with console.status(what) as status:
        yield lambda done: status.update(f"{what}: {done}")


@contextmanager
def time_left(what: str) -> Iterator[Callable[[int, int], None]]:
    """Provide a call-back that takes how many of how many are done, and shows a bar with the time left on stderr."""
    from rich import progress as shown

    console = progress()
    columns = (
        shown.TextColumn("{task.description}"),
        shown.BarColumn(),
        shown.MofNCompleteColumn(),
        shown.TimeRemainingColumn(),
    )
    with shown.Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def table(title: str, *columns: str, rows: list[tuple[Any, ...]]) -> None:
    """Print a table on stdout; cells are shown as text, None as nothing. In a pipe: lines with tabs, without boxes."""
    if piped():
        for row in _piped(title, columns, rows):
            line("\t".join(_cell(cell) for cell in row))
        return
    from rich import box
    from rich.table import Table

    shown = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*("" if cell is None else str(cell) for cell in row))
    results().print(shown)


def plan(made: Plan) -> None:
    """Print the short form of a plan: what was measured, and each choice with its reason."""
    from inspect_ai.planning.budget import minutes
    from inspect_ai.planning.plan import short_form

    for sentence in made.measured:
        remark(sentence)
    table(f"Plan of {made.task}", "setting", "value", "because", rows=list(short_form(made)))
    say(f"Training will take about {minutes(made.expected_s)} of the {made.budget} allowed. Threads: {made.threads}.")


def _piped(title: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Lines of a table in a pipe: its title, the names of its columns, its rows."""
    return [*([(title,)] if title else []), *([columns] if any(columns) else []), *rows]


def _cell(cell: object) -> str:
    return "" if cell is None else " ".join(str(cell).split())
