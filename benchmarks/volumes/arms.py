"""One network class from one start, on three inputs: its key slice, all slices one by one, the volume as a whole.

All arms see the same augmented stacks in the same order, so they differ in the third dimension alone. The last epoch
counts: nothing is chosen on the measured samples.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.volumes.augment import VolumeAugment
from benchmarks.volumes.data import PatchSample, SampleKind
from benchmarks.volumes.results import Answers, Arm
from inspect_ai.config import TaskConfig, Training
from inspect_ai.model.network import Network
from inspect_ai.model.weights import fresh_network
from inspect_ai.training.decision_loss import decision
from inspect_ai.training.module import parameter_groups, pretrained_parts
from inspect_ai.training.schedule import Cosine

TEST_BATCH = 16


def answer(arm: Arm, network: Network, pixels: Tensor) -> Tensor:
    """[B, 1, D, P, P] in 0..1 -> logits [B]."""
    if arm is Arm.KEY:
        pixels = pixels[:, :, pixels.shape[2] // 2]  # [B, 1, P, P]
    seen = pixels.transpose(1, 2).flatten(0, 1) if arm is Arm.STACK else pixels  # a stack: [B * D, 1, P, P]
    logits: Tensor = network(seen).logits[:, 0]
    return logits.view(len(pixels), -1).mean(dim=1)  # of one answer itself


def train_and_answer(
    train: Sequence[PatchSample],
    test: Sequence[PatchSample],
    config: TaskConfig,
    seed: int,
    on_progress: Callable[[str], None] = lambda text: None,
) -> Answers:
    """Train the three arms on one part, score the other."""
    torch.manual_seed(seed)
    start = fresh_network(config)
    networks = {arm: deepcopy(start) for arm in Arm}
    losses = _fit(networks, train, config, seed, on_progress)
    logits, ms = {}, {}
    for arm, network in networks.items():
        started = time.process_time()
        logits[arm] = ask(arm, network, test)
        ms[arm] = 1000 * (time.process_time() - started) / len(test)
    return Answers(logits=logits, ms=ms, losses=losses, parameters=sum(p.numel() for p in start.parameters()))


def ask(arm: Arm, network: Network, samples: Sequence[PatchSample]) -> NDArray[np.float64]:
    """[N] logits in the samples' order."""
    network.eval()
    found = []
    with torch.inference_mode():
        for first in range(0, len(samples), TEST_BATCH):
            stacks = np.stack([s.pixels for s in samples[first : first + TEST_BATCH]])[:, None]  # [B, 1, D, P, P]
            found.append(answer(arm, network, torch.from_numpy(stacks).float() / 255).double().numpy())
    return np.concatenate(found)


def _fit(
    networks: dict[Arm, Network],
    train: Sequence[PatchSample],
    config: TaskConfig,
    seed: int,
    on_progress: Callable[[str], None],
) -> dict[Arm, tuple[float, ...]]:
    schedule = config.train
    frozen = {arm: _frozen(network, config) for arm, network in networks.items()}
    batches = len(_order(train, config, np.random.default_rng(0))) // schedule.batch
    steps = max(1, schedule.epochs * batches)
    optimizers = {arm: torch.optim.AdamW(parameter_groups(n, config), lr=schedule.lr) for arm, n in networks.items()}
    pace = Cosine(steps, max(1, round(schedule.warmup_epochs * batches)))
    schedulers = {arm: torch.optim.lr_scheduler.LambdaLR(o, pace) for arm, o in optimizers.items()}
    curves: dict[Arm, list[float]] = {arm: [] for arm in networks}
    smoothed = Training(label_smoothing=schedule.label_smoothing)
    batches_of = _Batches(train, config, seed)
    for epoch in range(schedule.epochs):
        sums = dict.fromkeys(networks, 0.0)
        for number, (pixels, positive) in enumerate(batches_of.epoch(epoch)):
            for arm, network in networks.items():
                torch.manual_seed(hash((seed, epoch, number)))  # the same dropout is open to all
                network.train()
                for part in frozen[arm]:
                    part.eval()  # its batch norms keep their statistics too
                loss = decision(answer(arm, network, pixels), positive, smoothed)
                optimizers[arm].zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), schedule.clip)
                optimizers[arm].step()
                schedulers[arm].step()
                sums[arm] += float(loss.detach())
        for arm in networks:
            curves[arm].append(sums[arm] / max(1, batches))
        losses = ", ".join(f"{arm} {curve[-1]:.3f}" for arm, curve in curves.items())
        on_progress(f"epoch {epoch + 1} of {schedule.epochs}: {losses}")
    return {arm: tuple(curve) for arm, curve in curves.items()}


def _frozen(network: Network, config: TaskConfig) -> list[Any]:
    """Stem and first blocks, where the config keeps them as pretrained; the same in every arm."""
    parts = pretrained_parts(network, config)[: config.train.frozen + 1] if config.train.frozen else []
    for part in parts:
        part.requires_grad_(False)
    return parts


class _Batches:
    """Augmented stacks and their labels, the same for every arm."""

    def __init__(self, samples: Sequence[PatchSample], config: TaskConfig, seed: int) -> None:
        self.samples, self.config, self.seed = samples, config, seed
        self.augment = VolumeAugment(config.augment, seed)

    def epoch(self, epoch: int) -> Iterator[tuple[Any, Any]]:
        """pixels [B, 1, D, P, P] in 0..1 and positive [B]; whole batches alone."""
        order = _order(self.samples, self.config, np.random.default_rng((self.seed, epoch)))
        size = self.config.train.batch
        for first in range(0, len(order) - size + 1, size):
            chosen = [self.samples[i] for i in order[first : first + size]]
            stacks = [self.augment(s.pixels[None].astype(np.float32) / np.float32(255)) for s in chosen]
            yield torch.from_numpy(np.stack(stacks)), torch.tensor([s.positive for s in chosen])


def _order(samples: Sequence[PatchSample], config: TaskConfig, random: np.random.Generator) -> NDArray[np.intp]:
    """Indices of one epoch: each made thing once, each real candidate as often as options.real_draws says."""
    times = int(config.options.get("real_draws", 1))
    real = np.array([s.kind in (SampleKind.CANDIDATE, SampleKind.WEAKER) for s in samples])
    return np.asarray(random.permutation(np.repeat(np.arange(len(samples)), np.where(real, times, 1))))
