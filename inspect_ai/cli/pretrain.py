"""`inspect-ai pretrain`: train the trunk on pictures without labels, before any task."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from inspect_ai.cli import common

app = common.app()


@app.command()
def pretrain(
    data: Annotated[
        list[Path],
        typer.Option("--data", help="Labelled folder (train part alone is read), or pictures; repeat for more."),
    ],
    config: Annotated[Path | None, typer.Option("--config", help="YAML with settings that differ.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Run folder.", show_default="runs/pretrain-SEED")] = None,
    seed: common.Seed = 0,
    device: common.Computing = common.Device.AUTO,
    resume: common.Resume = False,
    threads: common.Threads = None,
    as_json: common.Json = False,
) -> None:
    """Pretrain the trunk on pictures of all tasks: it learns to paint hidden blocks, without any label.

    Of labelled folders the train part alone is read. Where two tasks know a folder's labels, give it as TASK=DIR.

    Example: inspect-ai pretrain --data ./magnetic_tile --data ./luna16_candidates --out runs/pretrain
    """
    from inspect_ai.journeys.pretrain import pretrain as pretrain_trunk

    run = common.training_run(
        "pretrain", out=out, seed=seed, device=device, resume=resume, threads=threads, as_json=as_json
    )
    done = pretrain_trunk(data, run, settings=common.settings(), config_file=config, tell=common.remark)
    if as_json:
        held_out = [dataclasses.asdict(measure) for measure in done.held_out]
        values = {"folder": str(done.folder), "steps": done.steps, "held_out": held_out, "rejected": done.rejected}
        common.emit({**values, "files": done.account.plain()})
        return
    rows = [(m.task, m.pictures, f"{m.loss:.4f}", f"{m.block_mean:.4f}") for m in done.held_out]
    common.table(
        "Hidden pixels of train pictures held out (mean distance; lower is better)",
        "task", "pictures", "predicted", "block means", rows=rows,
    )  # fmt: skip
    if done.rejected:
        print(f"{done.rejected} files are no readable pictures; {done.folder / 'pretrain.json'} says why.")
    common.remark(done.account.sentence)
    print(f"Trunk: {done.folder}\nNext: inspect-ai train TASK --init {done.folder} --data DIR")
