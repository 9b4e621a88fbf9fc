"""`inspect-ai doctor`: parts and speed of this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from inspect_ai.cli import common
from inspect_ai.errors import SetupError

app = common.app()


@app.command()
def doctor(
    bench: Annotated[bool, typer.Option("--bench", help="Also measure decoding and the engines.")] = False,
    as_json: common.Json = False,
) -> None:
    """Show what this machine has, and say what is missing.

    Versions, decoders, SQLite, engines, GPU, free disk, tasks.

    Example: inspect-ai doctor --bench
    """
    from inspect_ai.cli.checkup import checkup, measure

    checks = checkup(common.settings())
    checks += measure(common.settings()) if bench else []
    if as_json:
        common.emit([{"check": c.name, "state": c.state, "value": c.value, "advice": c.advice} for c in checks])
    else:
        rows = [(c.name, c.state, c.value, c.advice) for c in checks]
        common.table("This machine", "what", "state", "found", "what to do", rows=rows)
    missing = [c.name for c in checks if c.state == "missing"]
    if missing:
        raise SetupError(f"This machine lacks: {', '.join(missing)}.")
