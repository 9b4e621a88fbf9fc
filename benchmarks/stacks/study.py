"""Scores of several networks on the same windows of real stacks, and the gain of each over the first.

A network for single slices is asked in two ways: its own slice alone, and all slices one by one with the mean of their
logits, which is what neighbours bring without attention between slices. One view, in batches, for speed: figures of
`inspect-ai evaluate` are by all views of the config.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from inspect_ai.config import Input
from inspect_ai.datasets.contexts import read_contexts
from inspect_ai.datasets.prepare import prepare
from inspect_ai.datasets.windows import Context, Window, negative_windows, positive_window
from inspect_ai.errors import UsageError
from inspect_ai.evaluation.stack_figures import Estimate, StackFigures, StackScores, gains, stack_figures
from inspect_ai.evaluation.window_scores import DIAMETER_COLUMN, READERS_COLUMN
from inspect_ai.model.manifest import read_manifest
from inspect_ai.model.network import Network
from inspect_ai.model.weights import load_network
from inspect_ai.plugins import task_named
from inspect_ai.settings import Settings

BATCH = 16
AROUND = 5  # slices whose answers are averaged


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One network asked in one way; gains over the first arm, empty for it."""

    name: str
    figures: StackFigures
    gains: tuple[tuple[str, Estimate], ...]


def compare(models: Sequence[Path], data: Path, split: str, settings: Settings) -> list[Arm]:
    """Score the windows of one split with every model. Raises UsageError for a folder without stacks."""
    task = task_named("lung_nodule", settings.tasks)
    (folder,) = prepare([data], task.config, settings, split=False).folders
    if not folder.labels.votes_column:
        raise UsageError(f"{data} has no stacks with votes: there are no neighbouring slices to gain by.")
    contexts = read_contexts(folder, split, task, settings)
    counted = [c for c in contexts if c.sample.row.label in folder.labels.classes]
    seen, off_centre = task.config.input, task.config.augment.off_centre
    windows = [positive_window(c) for c in counted]
    windows += [w for c in contexts for w in negative_windows(c, seen, off_centre)]
    scores: dict[str, StackScores] = {}
    for model in models:
        network = load_network(model, read_manifest(model).config)
        for name, logits in _answers(network, windows):
            scores[f"{model.name}: {name}"] = _scores(logits, counted, windows[len(counted) :], contexts)
    first = next(iter(scores.values()))
    return [
        Arm(
            name=name,
            figures=stack_figures(mine, None, folder.labels.independent_name),
            gains=() if mine is first else gains(mine, first),
        )
        for name, mine in scores.items()
    ]


def _answers(network: Network, windows: Sequence[Window]) -> Iterator[tuple[str, np.ndarray]]:
    """Name and logits [N] of each way to ask a network."""
    seen = network.config.input
    if seen.depth > 1:
        yield f"{seen.depth} slices as a whole", _logits(network, windows, seen)
        return
    yield "its own slice", _logits(network, windows, seen)
    yield f"mean of {AROUND} slices", _logits(network, windows, seen.model_copy(update={"depth": AROUND}), apart=True)


def _logits(network: Network, windows: Sequence[Window], seen: Input, *, apart: bool = False) -> np.ndarray:
    """[N] logits; apart: each slice is asked by itself, and their mean counts."""
    found: list[Tensor] = []
    with torch.inference_mode():
        for first in range(0, len(windows), BATCH):
            pixels = np.stack([w.sample(seen).unit_pixels for w in windows[first : first + BATCH]])  # [B, C, (D,) H, W]
            x = torch.from_numpy(pixels).float() / 255.0
            one_by_one = x.transpose(1, 2).flatten(0, 1) if apart else x  # [B * D, C, H, W]
            found.append(network(one_by_one).logits[:, 0].view(len(pixels), -1).mean(dim=1))
    return np.asarray(torch.cat(found).numpy(), np.float64)


def _scores(
    logits: np.ndarray, counted: Sequence[Context], negatives: Sequence[Window], contexts: Sequence[Context]
) -> StackScores:
    columns = [dict(c.sample.row.columns) for c in counted]
    return StackScores(
        finding=logits[: len(counted)],
        finding_group=tuple(c.sample.row.group for c in counted),
        diameter_px=np.array([float(values.get(DIAMETER_COLUMN) or "nan") for values in columns]),
        readers=tuple(values.get(READERS_COLUMN, "") for values in columns),
        window=logits[len(counted) :],
        window_group=tuple(w.context.sample.row.group for w in negatives),
        contexts=Counter(c.sample.row.group for c in contexts),
    )
