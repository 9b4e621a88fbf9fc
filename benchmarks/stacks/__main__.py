"""`python -m benchmarks.stacks`: what neighbouring slices bring on real nodules, with intervals over patients."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inspect_ai.cli import common, main

if TYPE_CHECKING:
    from inspect_ai.evaluation.stack_figures import Estimate

app = common.app()


@app.command()
def stacks(
    data: Annotated[Path, typer.Option("--data", help="Labelled folder of stacks with votes.")],
    model: Annotated[list[Path], typer.Option("--model", help="Model folder; gains are over the first.")],
    split: Annotated[str, typer.Option("--split", help="Which split of the folder counts.")] = "val",
    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads to compute with.")] = 1,
    as_json: common.Json = False,
) -> None:
    """Score the same windows of real stacks with several networks, and print each one's gain over the first.

    Example: python -m benchmarks.stacks --data ./lidc_nodules --model ./one_slice --model ./five_slices
    """
    import torch

    from benchmarks.stacks.study import compare

    torch.set_num_threads(threads)
    arms = compare(model, data, split, common.settings())
    if as_json:
        common.emit({arm.name: {"figures": asdict(arm.figures), "gains": asdict_of(arm.gains)} for arm in arms})
        return
    rows: list[tuple[str, ...]] = []
    for arm in arms:
        rows.append((arm.name, "AUC", cell(arm.figures.auc), ""))
        rows += [(arm.name, f"found at {rate:g} a context", cell(e), "") for rate, e in arm.figures.free_response]
        rows += [(arm.name, name, "", cell(e, sign=True)) for name, e in arm.gains]
    first = arms[0].figures
    title = f"{first.groups} {first.group_name}s, {first.contexts} contexts, {first.windows} windows without a finding"
    common.table(title, "network", "figure", "value", f"gain over {arms[0].name}", rows=rows)


def cell(found: Estimate, *, sign: bool = False) -> str:
    """Figure with its interval."""
    shown = "+.3f" if sign else ".3f"
    return f"{found.value:{shown}} ({found.low:{shown}} to {found.high:{shown}})"


def asdict_of(named: tuple[tuple[str, Estimate], ...]) -> dict[str, dict[str, float]]:
    """Convert named figures to plain values."""
    return {name: asdict(found) for name, found in named}


if __name__ == "__main__":
    main(app=app, name="python -m benchmarks.stacks")
