"""plan.yaml is what a person reads and edits: what stands there counts, and what is no setting is refused."""

from pathlib import Path

import pytest
import yaml

from inspect_ai.config import read_config
from inspect_ai.errors import UsageError
from inspect_ai.planning.budget import budget_seconds, minutes
from inspect_ai.planning.plan import plan_text, write_plan
from inspect_ai.planning.rules import planned
from tests.support.fingerprints import fingerprint, means

CONFIG = "name: parts\nlabels:\n  - {name: parts, classes: [pass, flag], positive: [flag]}\n"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A config of labels alone, and the plan beside it."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    write_plan(planned("parts", fingerprint(), means()), tmp_path / "plan.yaml", "config.yaml")
    return tmp_path / "config.yaml", tmp_path / "plan.yaml"


def test_a_plan_read_back_is_the_plan_that_was_made(files: tuple[Path, Path]) -> None:
    plan = planned("parts", fingerprint(), means())

    assert read_config(*files) == plan.over(read_config(files[0]))


def test_the_reason_stands_above_each_value(files: tuple[Path, Path]) -> None:
    lines = files[1].read_text().splitlines()

    for choice in planned("parts", fingerprint(), means()).choices:
        section, _, name = choice.key.partition(".")
        start = lines.index(f"  {section}:")
        at = next(i for i, line in enumerate(lines) if i > start and line.startswith(f"    {name}: "))
        above = []
        while lines[at - 1].strip().startswith("#"):
            at -= 1
            above.insert(0, lines[at].strip().removeprefix("#").strip())
        assert " ".join(above) == choice.because
    assert max(map(len, lines)) <= 120


def test_an_edited_value_counts(files: tuple[Path, Path]) -> None:
    config, plan = files
    text = plan.read_text()
    edited = yaml.safe_load(text)["choices"]["train"]["epochs"]
    plan.write_text(text.replace(f"epochs: {edited}", "epochs: 7"))

    assert read_config(config, plan).train.epochs == 7


def test_a_slip_of_the_pen_is_named_with_the_nearest_setting(files: tuple[Path, Path]) -> None:
    config, plan = files
    plan.write_text(plan.read_text().replace("    epochs: ", "    epohcs: "))

    with pytest.raises(UsageError, match=r"plan\.yaml.*'train\.epohcs' is no setting\. Did you mean 'epochs'"):
        read_config(config, plan)
    plan.write_text("chioces: {}\n")
    with pytest.raises(UsageError, match="'chioces' is no part of a plan"):
        read_config(config, plan)


def test_texts_from_outside_cannot_end_a_comment() -> None:
    plan = planned("parts", fingerprint(data=("a\nchoices: {}",)), means())

    assert yaml.safe_load(plan_text(plan, "config.yaml"))["choices"]["input"]["channels"] == 1


@pytest.mark.parametrize(
    ("text", "seconds"), [("10m", 600), ("1h", 3600), ("1h30m", 5400), ("90s", 90), ("0.5h", 1800)]
)
def test_budgets_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert budget_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "ten minutes", "-5m", "0m", "5m later"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no time"):
        budget_seconds(text)


def test_times_are_told_as_people_tell_them() -> None:
    assert [minutes(s) for s in (40, 720, 3900, 7200)] == ["40 s", "12 min", "1 h 5 min", "2 h"]
