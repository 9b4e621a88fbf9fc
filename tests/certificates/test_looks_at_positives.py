"""What is remembered of models that were calibrated on the same positives, and what is said of it."""

import json
from pathlib import Path

import pytest

from inspect_ai.certificates.looks_at_positives import keep_look, look_at, told
from inspect_ai.errors import InputError
from inspect_ai.settings import Settings

PARTS = [f"part{i}" for i in range(40)]


@pytest.fixture
def site(tmp_path: Path) -> Settings:
    return Settings(db=tmp_path / "log.db")


def test_other_models_on_the_same_positives_are_counted_and_the_same_model_is_not(site: Settings) -> None:
    found = [keep_look(look_at(model, PARTS), site) for model in ("one", "two", "one", "three", "three")]

    assert found == [0, 1, 1, 2, 2]


def test_positives_that_are_shared_by_half_count_as_the_same_and_others_do_not(site: Settings) -> None:
    keep_look(look_at("one", PARTS), site)

    assert keep_look(look_at("two", [*PARTS[:20], *(f"new{i}" for i in range(60))]), site) == 1
    apart = [f"other{i}" for i in range(60)]
    assert keep_look(look_at("three", [*PARTS[:19], *apart]), site) == 0
    assert keep_look(look_at("four", [f"apart{i}" for i in range(40)]), site) == 0


def test_a_second_folder_of_one_model_adds_to_what_it_looked_at(site: Settings) -> None:
    keep_look(look_at("one", PARTS[:20]), site)
    keep_look(look_at("one", PARTS[20:]), site)

    assert keep_look(look_at("two", PARTS[:20]), site) == 1
    assert keep_look(look_at("three", PARTS[20:]), site) == 1


def test_it_is_said_until_the_looks_are_counted() -> None:
    assert told(0, 1, 0.95) == ()
    assert told(2, 3, 0.95) == ()
    (sentence,) = told(2, 1, 0.95)
    assert sentence.startswith("2 other models were calibrated on these positives before")
    assert "below 95 %; calibrate with --looks 3" in sentence


def test_the_file_names_no_picture_and_a_damaged_one_is_a_sentence(site: Settings, tmp_path: Path) -> None:
    keep_look(look_at("one", PARTS), site)
    path = tmp_path / "log.db.calibrated.json"
    assert "part" not in path.read_text()
    assert len(next(iter(json.loads(path.read_text()).values()))) == 40
    path.write_text('{"one": 3}')

    with pytest.raises(InputError, match="move it away"):
        keep_look(look_at("one", PARTS), site)
