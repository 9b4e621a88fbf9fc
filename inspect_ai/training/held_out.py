"""Loss of a pretrained trunk on held-out train pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from inspect_ai.training.feature_distillation import FeatureDistillation
from inspect_ai.training.masked import MaskedModelling
from inspect_ai.training.masked_views import MaskedSet, every_picture
from inspect_ai.training.pretraining import Pretraining
from inspect_ai.training.pretraining_pictures import Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """Losses over the held-out pictures of one task.

    `loss` is the mean distance of the prediction to the normalised hidden pixels, or to the teacher's features;
    `block_mean` that of each block's own mean, or of each cell's, in its place.
    """

    task: str
    pictures: int
    loss: float
    block_mean: float


def held_out_losses(
    module: MaskedModelling | FeatureDistillation, pictures: Sequence[Picture], config: Pretraining
) -> tuple[HeldOut, ...]:
    """Mean losses by task, each picture once."""
    sums: dict[str, NDArray[np.float64]] = {}
    views_of = MaskedSet(pictures, config)
    for draw in every_picture(pictures, config):
        views = views_of[draw]
        with torch.no_grad():
            loss, block_mean = (float(value) for value in module.losses(views))
        more = len(draw.indices) * np.array([1.0, loss, block_mean])
        sums[views.task] = sums.get(views.task, np.zeros(3)) + more
    return tuple(
        HeldOut(task=task, pictures=int(n), loss=round(float(loss / n), 5), block_mean=round(float(flat / n), 5))
        for task, (n, loss, flat) in sorted(sums.items())
    )
