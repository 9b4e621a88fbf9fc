"""Joint training journey: labelled folders of several tasks become one shared trunk and a model folder per task."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inspect_ai.config import TaskConfig
from inspect_ai.datasets.account import together
from inspect_ai.domain import Account
from inspect_ai.errors import UsageError
from inspect_ai.model.manifest import TRUNK_RECORDS, Manifest
from inspect_ai.plugins import Task
from inspect_ai.settings import Settings
from inspect_ai.training.multitask_config import multitask_tasks, read_multitask
from inspect_ai.training.run import TrainingRun

if TYPE_CHECKING:
    from inspect_ai.training.corpus import Corpus

_, JOINT_RECORD = TRUNK_RECORDS


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedMultitask:
    """FOLDER/trunk.safetensors and FOLDER/TASK of each task, and the share of the trunk that each task keeps."""

    folder: Path
    manifests: tuple[Manifest, ...]
    adapter_share: float
    account: Account


def train_multitask(
    data: Sequence[Path],
    run: TrainingRun,
    *,
    settings: Settings,
    config_file: Path | None = None,
    init: str | None = None,
    tell: Callable[[str], None] = lambda sentence: None,
) -> TrainedMultitask:
    """Train all tasks of the config at once; the epoch with the best mean over tasks on val is kept.

    tell: called with each sentence on the data, before training starts. Raises UsageError or SetupError.
    """
    from inspect_ai.model.sharing import adapter_share, save_trunk, share_trunk
    from inspect_ai.model.weights import fresh_network
    from inspect_ai.training.corpus import read_corpus, with_start
    from inspect_ai.training.fit import fit_multitask
    from inspect_ai.training.package_model import TrainingRecord, package_model

    tasks = multitask_tasks(read_multitask(config_file), settings, init)
    folders = folders_of(tasks, data)
    run.prepare()
    started = time.monotonic()
    corpora = [with_start(read_corpus(task, folders[task.name], settings, tell), task.config) for task in tasks]
    networks = [fresh_network(task.config) for task in tasks]
    share_trunk(networks)
    epoch, steps = fit_multitask(networks, corpora, [task.config for task in tasks], run)
    record = TrainingRecord(seed=run.seed, epoch=epoch, steps=steps, seconds=time.monotonic() - started)
    share = adapter_share(networks[0].trunk)
    save_trunk(networks[0].trunk, run.out)
    _write_record(run, share, corpora)
    manifests = []
    for network, corpus, task in zip(networks, corpora, tasks, strict=True):
        (run.out / task.name).mkdir(exist_ok=True)
        manifests.append(package_model(network, corpus, task, run.out / task.name, record))
    counts = together(corpus.account for corpus in corpora)
    return TrainedMultitask(folder=run.out, manifests=tuple(manifests), adapter_share=share, account=counts)


def _write_record(run: TrainingRun, share: float, corpora: Sequence[Corpus]) -> None:
    """Write OUT/joint.json beside the trunk: the pictures that a network which starts from this trunk has met."""
    use = [dataclasses.asdict(use) for corpus in corpora for use in corpus.use]
    record = {"seed": run.seed, "adapter_share": share, "data": use}
    (run.out / JOINT_RECORD).write_text(json.dumps(record, indent=1) + "\n")


def folders_of(tasks: Sequence[Task], data: Sequence[Path]) -> dict[str, list[Path]]:
    """Labelled folders by the one task that knows their labels. Raises UsageError for a folder or task without one."""
    folders: dict[str, list[Path]] = {task.name: [] for task in tasks}
    for folder in data:
        knowing = [task.name for task in tasks if _knows(task.config, folder)]
        if len(knowing) != 1:
            who = " and ".join(knowing) or "none of the tasks"
            raise UsageError(f"The labels of {folder} are known to {who}; joint training needs exactly one of them.")
        folders[knowing[0]].append(folder)
    lacking = [name for name, found in folders.items() if not found]
    if lacking:
        raise UsageError(f"No --data folder has labels of {', '.join(lacking)}. Add one.")
    return folders


def _knows(config: TaskConfig, folder: Path) -> bool:
    """True if every label of the folder is one of the config's. Raises InputError for a damaged folder."""
    from inspect_ai.datasets.folder import read_folder

    try:
        read_folder(folder, config)
    except UsageError:
        return False
    return True
