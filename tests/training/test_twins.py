"""Two exposures of one part: which pictures are twins, that they are changed alike, and what it costs to differ."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from inspect_ai.config import TaskConfig, parse_config
from inspect_ai.datasets.folder import Row
from inspect_ai.datasets.samples import Sample
from inspect_ai.errors import UsageError
from inspect_ai.training.data import TrainSet, collate
from inspect_ai.training.twins import disagreement, find_twins
from tests.support.labelled import LABELS, texture

TWINS = {**LABELS[0], "twin_column": "exposure"}


def config(**train: object) -> TaskConfig:
    augment = {"crop": 64, "scale": 0, "shift": 0, "rotate_degrees": 20, "brightness": 0, "contrast": 0}
    return parse_config({"name": "tiles", "labels": [TWINS], "augment": augment, "train": train}, "test")


def lit(seed: int, light: float, height: int = 160, width: int = 200) -> NDArray[np.uint8]:
    """[H, W, 1] one region under more or less light."""
    return np.clip(light * texture(seed, height, width), 0, 255).astype(np.uint8)[..., None]


def sample(pixels: NDArray[np.uint8], group: str, exposure: str, label: str = "pass") -> Sample:
    row = Row(file="a.png", label=label, split="train", group=group, columns=(("exposure", exposure),))
    return Sample(pixels=pixels, mask=None, row=row, labels=config().labels[0], sha256="0")


def test_twins_show_one_region_of_one_part_under_another_light() -> None:
    samples = [
        sample(lit(1, 1.0), "tile", "1"),
        sample(lit(1, 0.5), "tile", "2"),
        sample(lit(1, 0.5)[4:, :-6], "tile", "3"),  # cut by hand
        sample(lit(2, 1.0), "tile", "4"),  # another region of the same lot
        sample(lit(1, 0.7), "another", "5"),
        sample(lit(1, 0.7), "tile", "6", label="flag"),
        sample(lit(1, 1.0), "tile", "1"),  # the same exposure
    ]

    assert find_twins(samples) == [(1, 2), (0, 2, 6), (0, 1, 6), (), (), (), (1, 2)]


def test_a_twin_is_cut_and_turned_as_its_picture_is() -> None:
    samples = [sample(lit(1, 1.0), "tile", "1"), sample(lit(1, 0.5), "tile", "2")]

    batch = collate([TrainSet(samples, config(consistency=0.5), seed=3)[i] for i in (0, 1, 0)])

    assert batch.twin is not None
    assert batch.twin_of is not None
    assert batch.twin_of.tolist() == [0, 1, 2]
    one, other = batch.pixels[0, 0].flatten(), batch.twin[0, 0].flatten()
    assert float(np.corrcoef(one, other)[0, 1]) > 0.99
    assert float(one.mean()) > 1.6 * float(other.mean())


def test_without_the_key_nothing_is_paired() -> None:
    samples = [sample(lit(1, 1.0), "tile", "1"), sample(lit(1, 0.5), "tile", "2")]

    batch = collate([TrainSet(samples, config(), seed=3)[0]])

    assert (batch.twin, batch.twin_of) == (None, None)


def test_disagreement_is_the_divergence_both_ways() -> None:
    one, other = np.array([0.3, -2.0]), np.array([1.1, -2.0])
    p, q = (1 / (1 + np.exp(-x)) for x in (one, other))
    both_ways = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
    both_ways += q * np.log(q / p) + (1 - q) * np.log((1 - q) / (1 - p))

    found = disagreement(torch.tensor(one), torch.tensor(other))

    assert float(found) == pytest.approx(float(both_ways.mean()))


def test_mixed_pictures_have_no_twin() -> None:
    with pytest.raises(UsageError, match="mixup shows two parts at once"):
        config(consistency=0.5, mixup=0.2)
