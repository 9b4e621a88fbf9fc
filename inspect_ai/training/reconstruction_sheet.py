"""Sheet of held-out pictures for visual comparison of a pretrained trunk's predictions with the hidden pixels."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from inspect_ai.model.network import normalised
from inspect_ai.training.masked import MaskedModelling
from inspect_ai.training.masked_views import Draw, MaskedSet, crop_side
from inspect_ai.training.pretraining import Pretraining
from inspect_ai.training.pretraining_pictures import Picture

EXAMPLES, TILE_PX = 8, 192


def reconstruction_sheet(
    module: MaskedModelling, pictures: Sequence[Picture], config: Pretraining
) -> NDArray[np.uint8]:
    """Draw examples of all tasks, one a row: the network's input, its prediction, the original. [H, W, 3] BGR."""
    views_of = MaskedSet(pictures, config)
    rows = [_title()]
    for index in _examples(pictures):
        views = views_of[Draw(indices=(index,), side_px=crop_side(pictures[index], config.crop), key=(index,))]
        with torch.no_grad():
            seen, predicted = module.painted(views)
        original = normalised(views.pixels) / 2 + 0.5
        rows.append(np.hstack([_tile(picture[0].numpy()) for picture in (seen, predicted, original)]))
    return np.vstack(rows)


def _examples(pictures: Sequence[Picture]) -> list[int]:
    """Indices of at most EXAMPLES pictures, each task in turn."""
    by_task: dict[str, list[int]] = {}
    for index, picture in enumerate(pictures):
        by_task.setdefault(picture.task, []).append(index)
    rounds = max(len(indices) for indices in by_task.values())
    return [indices[i] for i in range(rounds) for indices in by_task.values() if i < len(indices)][:EXAMPLES]


def _title() -> NDArray[np.uint8]:
    strip = np.full((24, 3 * TILE_PX, 3), 255, np.uint8)
    for column, word in enumerate(("seen", "predicted", "original")):
        cv2.putText(strip, word, (column * TILE_PX + 6, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return strip


def _tile(picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    """[3, S, S] in 0..1 -> [TILE_PX, TILE_PX, 3] BGR with a white margin."""
    pixels = np.round(picture[::-1].transpose(1, 2, 0) * 255.0).astype(np.uint8)
    inner = cv2.resize(pixels, (TILE_PX - 4, TILE_PX - 4), interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.copyMakeBorder(inner, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=(255, 255, 255)), np.uint8)
