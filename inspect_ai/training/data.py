"""Samples as batches of tensors: balanced draws for training, whole units for validation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from inspect_ai.config import TaskConfig
from inspect_ai.datasets.samples import IGNORE, Sample
from inspect_ai.datasets.windows import Window
from inspect_ai.model.engine import padded
from inspect_ai.training.augment import PictureAugment, StackAugment
from inspect_ai.training.copy_paste import CopyPaste
from inspect_ai.training.soft_targets import soft_targets
from inspect_ai.training.twins import find_twins, fitted, stacked_twins

MAJORITY = 0.5  # of the readers: the side of a window on which they are at odds
MIN_MASK_PIXELS = 12  # the label of a crop that shows less of a defect is unknown


@dataclass
class Batch:
    """Pixels [B, C, H, W] or [B, C, D, H, W] in 0..1 and targets, for S label sets; IGNORE (-1) where one is unknown.

    positive: [B], its side; classes: [B, S], index within each label set; grade: [B, S]; mask: [B, H, W].
    soft: [B], targets of the decision in 0..1, between them where readers are at odds, None for the sides;
    index: [B] into the samples, None where unknown.
    twin: [N, C, H, W], other exposures of the samples at places twin_of [N], changed as these are; None without any.
    """

    pixels: Tensor
    positive: Tensor
    classes: Tensor
    grade: Tensor
    mask: Tensor
    soft: Tensor | None = None
    index: Tensor | None = None
    twin: Tensor | None = None
    twin_of: Tensor | None = None

    def to(self, device: torch.device | str) -> Batch:
        """Move the batch to another device."""
        return Batch(**{name: value.to(device, non_blocking=True) for name, value in self._tensors()})

    def shuffled(self, seed: int) -> Batch:
        """Reorder the samples."""
        order = torch.from_numpy(np.random.default_rng(seed).permutation(len(self.positive)))
        return Batch(**{name: value[order.to(value.device)] for name, value in self._tensors()})

    def _tensors(self) -> Iterator[tuple[str, Tensor]]:
        return ((name, value) for name, value in vars(self).items() if value is not None)


# Pixels, side, class and grade in each label set, mask, soft target, index of the sample, and its twin.
Item = tuple[np.ndarray, int, list[int], list[int], np.ndarray, float, int, np.ndarray | None]


class TrainSet(Dataset[Item]):
    """Augmented samples; a crop with a known mask gets its label from the mask, a window of a stack from the votes."""

    def __init__(self, samples: Sequence[Sample | Window], config: TaskConfig, seed: int) -> None:
        self.samples, self.config = samples, config
        self.augment = PictureAugment(config.augment, seed, config.input.surround)
        self.stacks = StackAugment(config.augment, seed)
        self.paster = CopyPaste([s for s in samples if isinstance(s, Sample)], config.augment.paste, seed)
        self.soft = soft_targets(samples)
        self.twins = find_twins(samples) if config.train.consistency else [()] * len(samples)
        self.random = np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Item:
        sample = self.samples[index]
        if isinstance(sample, Window):
            return self._window(sample, index)
        # An empty mask of a positive is an unknown mask.
        known = sample.mask is not None and (sample.mask.any() or sample.positive == 0)
        pixels, mask = self.paster(sample.pixels, sample.mask) if known else (sample.pixels, None)
        positive = int(mask.any()) if mask is not None else sample.positive
        twin = self._twin(index) if pixels is sample.pixels else None  # none of them has what was pasted
        pixels, mask, twin = self.augment.with_twin(pixels, mask, twin)
        if mask is not None and positive == 1 and self.config.augment.crop is not None:
            shown = int(mask.sum())
            positive = 0 if shown == 0 else 1 if shown >= MIN_MASK_PIXELS else IGNORE
        soft = self.soft[index] if positive == sample.positive else float(positive)
        return item(sample, pixels, positive, mask, self.config, soft=soft, index=index, twin=twin)

    def _twin(self, index: int) -> NDArray[np.uint8] | None:
        """Another exposure of the sample, stretched to it; None where there is none."""
        if not self.twins[index]:
            return None
        chosen = self.twins[index][self.random.integers(len(self.twins[index]))]
        picture, twin = self.samples[index], self.samples[chosen]
        if not isinstance(picture, Sample) or not isinstance(twin, Sample):
            return None
        return fitted(twin.pixels, picture.pixels.shape)

    def _window(self, window: Window, index: int) -> Item:
        shown = window.sample(self.config.input, self.stacks.shift(self.config.input.window or 0))
        target = IGNORE if shown.target is None else shown.target
        side = IGNORE if target == IGNORE else int(target >= MAJORITY)
        return item(shown, self.stacks(shown.pixels), side, None, self.config, soft=target, index=index)


def item(
    sample: Sample,
    pixels: np.ndarray,
    positive: int,
    mask: np.ndarray | None,
    config: TaskConfig,
    *,
    soft: float | None = None,
    index: int = 0,
    twin: np.ndarray | None = None,
) -> Item:
    """Targets of one sample, per label set of the config. soft: of the decision, its side if None."""
    classes, grade = [], []
    for labels in config.labels:
        own = labels.name == sample.labels.name
        classes.append(labels.classes.index(sample.row.label) if own and labels.class_outputs else IGNORE)
        grade.append(sample.row.grade if own and labels.grades and sample.row.grade is not None else IGNORE)
    unknown = np.full(pixels.shape[-3:-1], IGNORE, np.int8)
    shown = unknown if mask is None else mask.astype(np.int8)
    return pixels, positive, classes, grade, shown, float(positive) if soft is None else soft, index, twin


def collate(items: list[Item]) -> Batch:
    """Stack items of one size."""
    pixels, positive, classes, grade, mask, soft, index, twins = zip(*items, strict=True)
    stacked = torch.from_numpy(np.stack(pixels)).movedim(-1, 1).float() / 255.0  # [B, C, H, W] or [B, C, D, H, W]
    layout = torch.channels_last if stacked.ndim == 4 else torch.contiguous_format
    twin, twin_of = stacked_twins(stacked, twins)
    return Batch(
        pixels=stacked.contiguous(memory_format=layout),
        positive=torch.tensor(positive),
        classes=torch.tensor(classes),
        grade=torch.tensor(grade),
        mask=torch.from_numpy(np.stack(mask)),
        soft=torch.tensor(soft, dtype=torch.float32),
        index=torch.tensor(index),
        twin=twin,
        twin_of=twin_of,
    )


class BalancedSampler(Sampler[int]):
    """Draws `count` samples an epoch, a label set in proportion to its samples times its `draw`.

    positive_share: share of positives among the draws of deciding sets; None for the data's own. factors: called before
    each epoch, further weights [N] of the samples. trust: how often each sample is drawn, relative to others of its
    side; empty for equally often. Draws follow from seed, epoch, factors and trust alone, so that a resumed run repeats
    them.
    """

    def __init__(
        self,
        samples: Sequence[Sample | Window],
        count: int | None,
        positive_share: float | None,
        seed: int,
        factors: Callable[[], NDArray[np.float64]] | None = None,
        trust: Sequence[float] = (),
    ) -> None:
        self.factors = factors
        self.count = count or len(samples)
        self.seed, self.epoch = seed, 0
        weights = np.asarray(trust, np.float64) if trust else np.ones(len(samples))
        positive = np.array([s.positive for s in samples])
        if positive_share is not None:
            sides = [(positive == 1, positive_share), (positive == 0, 1 - positive_share)]
            if all(side.any() for side, _ in sides):
                known = sum(weights[side].sum() for side, _ in sides)
                for side, share in sides:
                    weights[side] *= share * known / weights[side].sum()
        weights *= np.array([s.labels.draw for s in samples])
        self.weights = weights / weights.sum()

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch; Lightning calls it before each one."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        """Systematic draws: each sample floor(w) or ceil(w) times, in random order."""
        random = np.random.default_rng((self.seed, self.epoch))
        marks = (np.arange(self.count) + random.random()) / self.count
        weights = self.weights if self.factors is None else self.weights * self.factors()
        order = random.permutation(len(weights))
        drawn = order[np.minimum(np.searchsorted(np.cumsum(weights[order] / weights.sum()), marks), len(order) - 1)]
        return iter(random.permutation(drawn).tolist())


class OneShapeBatches(Sampler[list[int]]):
    """Batches of indices whose samples have one shape, pictures or stacks, in the order in which each was drawn.

    What fills no batch at the end of an epoch is left out, as by DataLoader's drop_last.
    """

    def __init__(self, draws: BalancedSampler, samples: Sequence[Sample | Window], size: int) -> None:
        self.sampler, self.size = draws, size  # Lightning sets the epoch of `sampler`
        self.kinds = [isinstance(sample, Window) for sample in samples]

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the draws."""
        self.sampler.set_epoch(epoch)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[list[int]]:
        open_: dict[bool, list[int]] = {False: [], True: []}
        for index in self.sampler:
            batch = open_[self.kinds[index]]
            batch.append(index)
            if len(batch) == self.size:
                yield list(batch)
                batch.clear()


def whole_batches(samples: list[Sample], config: TaskConfig, size: int) -> list[tuple[Batch, list[int]]]:
    """Validation batches of whole units padded as at work, each of one shape, with the samples' indices."""
    shapes: dict[tuple[int, ...], list[int]] = {}
    ready = []
    for index, sample in enumerate(samples):
        pixels = np.moveaxis(padded(sample.unit_pixels, config.input.multiple), 0, -1)
        ready.append(pixels)
        shapes.setdefault(pixels.shape, []).append(index)
    batches = []
    for indices in shapes.values():
        for start in range(0, len(indices), size):
            chosen = indices[start : start + size]
            items = [item(samples[i], ready[i], samples[i].positive, None, config) for i in chosen]
            batches.append((collate(items), chosen))
    return batches
