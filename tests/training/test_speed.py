"""Steps are timed by the code that trains, without what other programs of the machine take."""

import itertools

import pytest

from inspect_ai.config import parse_config
from inspect_ai.training.speed import BATCH, SIDE_PX, step_times

LABELS = [{"name": "parts", "classes": ["pass", "flag"], "positive": ["flag"]}]


@pytest.mark.parametrize(("wall_s", "cpu_s"), [(40.0, 2.0), (1.0, 2.0)])
def test_a_busy_machine_counts_as_an_idle_one(wall_s: float, cpu_s: float) -> None:
    config = parse_config({"name": "parts", "labels": LABELS, "network": {"size": "tiny", "init": "scratch"}}, "test")
    wall, cpu = (itertools.count(0.0, step).__next__ for step in (wall_s, cpu_s))  # each look at a clock takes so long

    found = step_times(config, wall, cpu)

    megapixels = BATCH * SIDE_PX**2 / 1e6
    assert found.train_s == pytest.approx(min(wall_s, cpu_s) / megapixels)
    assert found.val_s == pytest.approx(min(wall_s, cpu_s) / megapixels)
