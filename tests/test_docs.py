"""What is written is true: commands, exit codes, the template, figures of operating points, cards of every data set."""

import json
from pathlib import Path

import pytest

from inspect_ai import errors
from inspect_ai.cli.commands import NAMES
from inspect_ai.cli.template import TASK
from inspect_ai.model.manifest import read_manifest
from inspect_ai.settings import bundled

README = (Path(__file__).resolve().parents[1] / "README.md").read_text("utf-8")
TASKS = ("fundus", "lung_nodule", "metal_surface")


@pytest.mark.parametrize("name", NAMES)
def test_every_command_stands_in_the_readme(name: str) -> None:
    assert f"`{name}`" in README or f"inspect-ai {name}" in README


def test_every_exit_code_of_an_error_stands_in_the_readme() -> None:
    codes = {kind.exit_code for kind in vars(errors).values() if isinstance(kind, type)}

    assert [code for code in codes if f"| {code} |" not in README] == []


def test_the_plugin_in_the_readme_is_the_one_that_is_written() -> None:
    assert TASK.format(title="Bottle caps", class_name="BottleCaps").rstrip() in README
    assert len(TASK.splitlines()) <= 40


@pytest.mark.parametrize("task", TASKS)
def test_readme_and_card_say_what_the_operating_point_proves(task: str) -> None:
    point = json.loads((bundled("tasks") / task / "operating_point.json").read_text())
    proved = int(float.fromhex(point["proved_sensitivity"]) * 1000) / 1000
    figure = "0.987" if point["refusal"] is None else f"{proved:.3f}"

    (row,) = [line for line in README.splitlines() if line.startswith(f"| {task} |")]
    assert f"| {point['n_positive']} |" in row
    assert figure in row
    assert figure in (bundled("tasks") / task / "MODEL_CARD.md").read_text()


@pytest.mark.parametrize("task", TASKS)
def test_every_data_set_that_a_model_met_has_a_card(task: str) -> None:
    for use in read_manifest(bundled("tasks") / task).data:
        assert (bundled("data_cards") / f"{use.name}.md").is_file()


@pytest.mark.parametrize("task", TASKS)
def test_the_card_names_the_weights_that_ship(task: str) -> None:
    manifest = read_manifest(bundled("tasks") / task)
    card = (bundled("tasks") / task / "MODEL_CARD.md").read_text()

    assert manifest.weights_sha256[:16] in card
    assert manifest.graph_sha256[:16] in card
    assert f"{manifest.parameters:,}" in card
