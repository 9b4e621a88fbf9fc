"""Pictures that the quality gate would refuse teach less, in proportion to how close they come."""

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from inspect_ai.datasets.folder import Row, read_folder
from inspect_ai.datasets.quality_weights import quality_weight, quality_weights
from inspect_ai.datasets.samples import Sample
from inspect_ai.domain import Measure
from inspect_ai.plugins import task_named
from inspect_ai.settings import Settings
from inspect_ai.training.data import BalancedSampler
from tests.support.labelled import parts_config, table
from tests.support.tasks import make_pictures, make_task


@pytest.mark.parametrize(
    ("values", "weight"),
    [((0.5, 2.0), 0.2), ((1.0, 2.0), 0.2), ((1.125, 2.0), 0.6), ((1.25, 2.0), 1.0), ((9.0, 2.0), 1.0)],
)
def test_the_weakest_measure_weighs_a_picture(values: tuple[float, float], weight: float) -> None:
    measures = [Measure(name=str(i), value=3.0 * value, limit=3.0, advice="") for i, value in enumerate(values)]
    without_limit = Measure(name="no limit", value=0.0, limit=0.0, advice="")

    assert quality_weight([*measures, without_limit], least=0.2) == pytest.approx(weight)


def test_a_black_photograph_is_weighed_down_and_a_good_one_is_not(tmp_path: Path) -> None:
    make_task(tmp_path / "tasks")
    names = list(make_pictures(tmp_path / "data", 2))
    cv2.imwrite(str(tmp_path / "data" / names[0]), np.full((72, 96, 3), 2, np.uint8))
    task = task_named("bright", str(tmp_path / "tasks"))
    folder = read_folder(table(tmp_path / "data", [(name, "flag", "train") for name in names]), task.config)

    assert quality_weights(folder, folder.rows, task, Settings(), 0.2) == [0.2, 1.0]


def test_draws_follow_the_weights_within_each_side_and_keep_the_share_of_positives() -> None:
    labels = parts_config().labels[0]
    sides = ["flag", "flag", "pass", "pass"]
    samples = [
        Sample(
            pixels=np.zeros((4, 4, 1), np.uint8), mask=None, labels=labels, sha256="0",
            row=Row(file=f"{i}.png", label=side, split="train", group=str(i)),
        )
        for i, side in enumerate(sides)
    ]  # fmt: skip

    drawn = Counter(BalancedSampler(samples, 1000, 0.5, seed=0, trust=(0.25, 0.75, 1.0, 1.0)))

    assert [drawn[i] for i in range(4)] == pytest.approx([125, 375, 250, 250], abs=1)
