"""Speed of this machine: seconds a megapixel of a training step with its augmentation, and of validation."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import DataLoader

from inspect_ai.config import LabelSet, TaskConfig
from inspect_ai.datasets.folder import Row
from inspect_ai.datasets.samples import Sample
from inspect_ai.model.network import Network
from inspect_ai.training.data import TrainSet, collate
from inspect_ai.training.memory_format import channels_last
from inspect_ai.training.module import TaskModule, parameter_groups

SIDE_PX = 192
BATCH = 8
STEPS = 4  # after one that is not counted


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTimes:
    """Seconds a megapixel of input."""

    train_s: float
    val_s: float


def step_times(
    config: TaskConfig,
    wall: Callable[[], float] = time.perf_counter,
    cpu: Callable[[], float] = time.process_time,
) -> StepTimes:
    """Time a few steps of a config on made pictures of SIDE_PX, by the code that trains. Takes some seconds.

    Cost goes with the number of pixels, so times of other sides follow. What other programs take is left out: a step
    never needs more than the processor time of all its threads together, nor more than the fastest one that was seen.
    """
    clock = _Clock(wall, cpu)
    torch_state = torch.get_rng_state()
    module = TaskModule(Network(config), config, [], [])
    channels_last(module)
    samples = [_sample(config, number) for number in range(BATCH)]
    loader = DataLoader(TrainSet(samples, config, 0), BATCH, collate_fn=collate)
    optimizer = torch.optim.AdamW(parameter_groups(module.network, config), lr=config.train.lr)
    train, val = [], []
    for _ in range(STEPS + 1):
        clock.start()
        batch = next(iter(loader))
        optimizer.zero_grad()
        loss, _ = module.losses(batch)
        loss.backward()
        optimizer.step()
        train.append(clock.taken())
        clock.start()
        module.eval()
        with torch.no_grad():
            module.network(batch.pixels)
        module.train()
        val.append(clock.taken())
    torch.set_rng_state(torch_state)
    mpx = BATCH * batch.pixels.shape[-1] * batch.pixels.shape[-2] / 1e6
    return StepTimes(train_s=min(train[1:]) / mpx, val_s=min(val[1:]) / mpx)


class _Clock:
    """Time that something takes: on the wall, or of the processor where that is less."""

    def __init__(self, wall: Callable[[], float], cpu: Callable[[], float]) -> None:
        self.wall, self.cpu = wall, cpu
        self.start()

    def start(self) -> None:
        self.began = (self.wall(), self.cpu())

    def taken(self) -> float:
        return min(self.wall() - self.began[0], self.cpu() - self.began[1])


def _sample(config: TaskConfig, number: int) -> Sample:
    labels: LabelSet = config.labels[0]
    label = labels.classes[number % len(labels.classes)]
    pixels = np.random.default_rng(number).integers(0, 256, (SIDE_PX, SIDE_PX, config.input.channels), dtype=np.uint8)
    row = Row(file=f"made{number}", label=label, split="train", group=f"made{number}")
    return Sample(pixels=pixels, mask=None, row=row, labels=labels, sha256="")
