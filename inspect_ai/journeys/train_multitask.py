"""The joint training journey: labelled folders of several tasks become one shared trunk and a model folder a task."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from inspect_ai.config import Strict, TaskConfig, checked, laid_over, parse_config, read_yaml
from inspect_ai.errors import InspectError, UsageError
from inspect_ai.model.manifest import TRUNK_RECORDS, Manifest
from inspect_ai.plugins import Task, task_named
from inspect_ai.settings import Settings, bundled

if TYPE_CHECKING:
    from inspect_ai.model.network import Network
    from inspect_ai.training.corpus import Corpus

_, JOINT_RECORD = TRUNK_RECORDS


class MultitaskConfig(Strict):
    """Which tasks share a trunk, and what is laid over each one's own config; shipped as configs/joint.yaml."""

    common: dict[str, Any] = Field({})  # over every task's config: the trunk and the schedule are one
    tasks: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedMultitask:
    """What joint training left: OUT/trunk.safetensors and OUT/TASK, and how much of the trunk each task keeps."""

    folder: Path
    manifests: tuple[Manifest, ...]
    adapter_share: float


def train_multitask(
    data: Sequence[Path],
    *,
    settings: Settings,
    config_file: Path | None = None,
    init: str | None = None,
    out: Path | None = None,
    seed: int = 0,
    device: str = "auto",
    resume: bool = False,
    threads: int | None = None,
    progress: bool = True,
) -> TrainedMultitask:
    """Train all tasks of the config at once; the epoch with the best mean over tasks on val is kept.

    Raises UsageError or SetupError.
    """
    import lightning
    import torch

    from inspect_ai.model.sharing import adapter_share, save_trunk, share_trunk
    from inspect_ai.model.weights import fresh_network
    from inspect_ai.training.corpus import read_corpus
    from inspect_ai.training.package_model import Run, package_model

    tasks = multitask_tasks(read_multitask(config_file or bundled("configs") / "joint.yaml"), settings, init)
    mine = folders_of(tasks, data)
    if threads:
        torch.set_num_threads(threads)
    out = out or Path("runs") / f"joint-{seed}"
    started = time.monotonic()
    lightning.seed_everything(seed, verbose=False)
    corpora = [read_corpus(task, mine[task.name], settings) for task in tasks]
    networks = [fresh_network(task.config) for task in tasks]
    share_trunk(networks)
    epoch, steps = _fit(
        networks, corpora, [t.config for t in tasks], out, seed=seed, device=device, resume=resume, progress=progress
    )
    run = Run(seed=seed, epoch=epoch, steps=steps, seconds=time.monotonic() - started)
    share = adapter_share(networks[0].trunk)
    save_trunk(networks[0].trunk, out)
    _note(out, seed, share, corpora)
    manifests = []
    for network, corpus, task in zip(networks, corpora, tasks, strict=True):
        (out / task.name).mkdir(exist_ok=True)
        manifests.append(package_model(network, corpus, task, out / task.name, run))
    return TrainedMultitask(folder=out, manifests=tuple(manifests), adapter_share=share)


def _fit(
    networks: Sequence[Network],
    corpora: Sequence[Corpus],
    configs: Sequence[TaskConfig],
    out: Path,
    *,
    seed: int,
    device: str,
    resume: bool,
    progress: bool,
) -> tuple[int, int]:
    """Train all networks at once; returns epoch and step of the best. The first config's schedule is everybody's."""
    from inspect_ai.training.fit import fit, train_loader, val_loader
    from inspect_ai.training.module import TaskModule
    from inspect_ai.training.multitask import Interleaved, MultitaskModule

    whole = list(zip(networks, corpora, configs, strict=True))
    inspectors = [TaskModule(n, config, corpus.val, corpus.val_folders) for n, corpus, config in whole]
    return fit(
        MultitaskModule(inspectors),
        Interleaved([train_loader(corpus, config, seed) for _, corpus, config in whole]),
        [val_loader(corpus, config) for _, corpus, config in whole],
        configs[0].train,
        out,
        device=device,
        resume=resume,
        progress=progress,
    )


def _note(out: Path, seed: int, share: float, corpora: Sequence[Corpus]) -> None:
    """OUT/joint.json beside the trunk: what it learnt from, for who starts from it."""
    use = [dataclasses.asdict(use) for corpus in corpora for use in corpus.use]
    (out / JOINT_RECORD).write_text(json.dumps({"seed": seed, "adapter_share": share, "data": use}, indent=1) + "\n")


def read_multitask(path: Path) -> MultitaskConfig:
    """Read and check the YAML. Raises UsageError naming file and key."""
    return checked(MultitaskConfig, read_yaml(path), str(path))


def multitask_tasks(joint: MultitaskConfig, settings: Settings, init: str | None) -> list[Task]:
    """The tasks with their changed configs. Raises UsageError for settings that are none."""
    tasks = []
    for name, changes in joint.tasks.items():
        task = task_named(name, settings.tasks)
        raw = laid_over(laid_over(task.config.model_dump(mode="json"), joint.common), changes)
        if init is not None:
            raw = laid_over(raw, {"network": {"init": init}})
        tasks.append(type(task)(parse_config(raw, f"joint config of {name}"), task.folder))
    return tasks


def folders_of(tasks: Sequence[Task], data: Sequence[Path]) -> dict[str, list[Path]]:
    """Each labelled folder to the one task that knows its labels. Raises UsageError for a folder or task without."""
    mine: dict[str, list[Path]] = {task.name: [] for task in tasks}
    for folder in data:
        knowing = [task.name for task in tasks if _knows(task.config, folder)]
        if len(knowing) != 1:
            who = " and ".join(knowing) or "none of the tasks"
            raise UsageError(f"The labels of {folder} are known to {who}; joint training needs exactly one of them.")
        mine[knowing[0]].append(folder)
    lacking = [name for name, folders in mine.items() if not folders]
    if lacking:
        raise UsageError(f"No --data folder has labels of {', '.join(lacking)}. Add one.")
    return mine


def _knows(config: TaskConfig, folder: Path) -> bool:
    from inspect_ai.datasets.folder import read_folder

    try:
        read_folder(folder, config)
    except UsageError:
        return False
    except InspectError:
        raise
    return True
