"""A sweep spends a quarter of the epochs, keeps the better half each time, and writes its winner into the plan."""

from pathlib import Path

import pytest
import yaml

from inspect_ai.config import TaskConfig, read_config
from inspect_ai.errors import UsageError
from inspect_ai.planning.plan import write_plan
from inspect_ai.planning.rules import planned
from inspect_ai.planning.tuning import Candidate, Tuned, candidates, halved, write_winner
from tests.support.fingerprints import fingerprint, means

CONFIG = "name: parts\nlabels:\n  - {name: parts, classes: [pass, flag], positive: [flag]}\n"


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(CONFIG)
    write_plan(planned("parts", fingerprint(), means()), tmp_path / "plan.yaml", "config.yaml")
    return tmp_path / "plan.yaml"


def config_of(plan: Path) -> TaskConfig:
    return read_config(plan.with_name("config.yaml"), plan)


def swept(config: TaskConfig, best: str, epochs: int = 100) -> tuple[Tuned, list[tuple[str, int]]]:
    """A sweep in which one candidate is better than the others."""
    asked: list[tuple[str, int]] = []

    def val_of(candidate: Candidate, count: int) -> float:
        asked.append((candidate.name, count))
        return 0.9 if candidate.name == best else 0.8

    return halved(candidates(config), epochs, val_of), asked


def test_the_better_half_is_trained_longer_within_a_quarter_of_the_epochs(plan: Path) -> None:
    found, asked = swept(config_of(plan), "half the rate")

    assert found.winner.name == "half the rate"
    assert [count for _, count in asked] == [3, 3, 3, 3, 6, 6]  # 24 of 100
    assert ("half the rate", 6) in asked


def test_where_nothing_is_better_the_plan_stays(plan: Path) -> None:
    text = yaml.safe_load(plan.read_text())["choices"]
    found, _ = swept(config_of(plan), "as planned")

    write_winner(plan, found)

    assert found.winner.name == "as planned"
    assert yaml.safe_load(plan.read_text())["choices"] == text


def test_the_winner_and_all_figures_stand_in_the_plan_and_nothing_else_changes(plan: Path) -> None:
    before = config_of(plan)
    found, _ = swept(before, "twice the rate")

    write_winner(plan, found)
    write_winner(plan, found)  # a second sweep replaces the sentences of the first

    after = config_of(plan)
    assert after.train.lr == 2 * before.train.lr
    assert after == before.model_copy(update={"train": before.train.model_copy(update={"lr": after.train.lr})})
    tried = yaml.safe_load(plan.read_text())["tried"]
    assert tried[0] == "as planned, 3 epochs: val 0.8000"
    assert len(tried) == 6


def test_a_sweep_that_is_too_short_is_refused(plan: Path) -> None:
    with pytest.raises(UsageError, match="a sweep needs 32"):
        swept(config_of(plan), "as planned", epochs=20)
