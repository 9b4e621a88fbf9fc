"""Time of a training step with weights laid out with channels last, against channels first: batches take turns.

One thread; time is the thread's own processor time. Each turn's ratio is of two steps on the same batch.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

from benchmarks.speed.attention import LABELS
from inspect_ai.config import TaskConfig, parse_config
from inspect_ai.datasets.samples import IGNORE
from inspect_ai.model.network import Network
from inspect_ai.training.data import Batch
from inspect_ai.training.memory_format import channels_first, channels_last
from inspect_ai.training.module import TaskModule, parameter_groups

SIDE_PX, BATCH, TURNS = 192, 8, 20
SIZES = ("tiny", "small")


def measure_training() -> None:
    """Print the seconds of a step and the ratio, for each size of the trunk."""
    torch.set_num_threads(1)
    print(f"\ntraining step, {BATCH} x {SIDE_PX} px, 1 thread      ms   time against channels first (quartiles)")
    for size in SIZES:
        config = _config(size)
        first, last = (_steps(config, layout) for layout in (channels_first, channels_last))
        first(), last()  # the first step lays out what stays
        pairs = [(first(), last()) for _ in range(TURNS)]
        low, middle, high = statistics.quantiles([mine / other for other, mine in pairs], n=4)
        took = 1000 * statistics.median(mine for _, mine in pairs)
        print(f"{size:<38} {took:12.0f}   {middle:8.2f} ({low:.2f}, {high:.2f})")


def _config(size: str) -> TaskConfig:
    values = {
        "name": "speed", "labels": LABELS, "input": {"size": SIDE_PX, "channels": 1},
        "network": {"size": size, "init": "scratch"},
    }  # fmt: skip
    return parse_config(values, "the speed benchmark")


def _steps(config: TaskConfig, layout: Callable[[torch.nn.Module], None]) -> Callable[[], float]:
    """Training step of a new network in that layout; each call gives its processor seconds."""
    module = TaskModule(Network(config), config, [], [])
    module.train().on_train_epoch_start()
    layout(module)
    optimizer = torch.optim.AdamW(parameter_groups(module.network, config), lr=1e-5)
    unknown = torch.full((BATCH, 1), IGNORE)
    pixels = torch.rand(BATCH, 1, SIDE_PX, SIDE_PX).contiguous(memory_format=torch.channels_last)
    mask = torch.full((BATCH, SIDE_PX, SIDE_PX), IGNORE, dtype=torch.int8)
    batch = Batch(pixels=pixels, positive=torch.arange(BATCH) % 2, classes=unknown, grade=unknown, mask=mask)

    def step() -> float:
        began = time.process_time()
        optimizer.zero_grad()
        module.loss(module.network(batch.pixels), batch)[0].backward()
        optimizer.step()
        return time.process_time() - began

    return step
