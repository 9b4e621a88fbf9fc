"""Settings: flag before variable before file before default, and sentences for what is wrong."""

from pathlib import Path

import pytest

from inspect_ai.errors import UsageError
from inspect_ai.settings import Settings, bundled, load


@pytest.fixture
def no_variables(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("TAKT_MS", "DB", "TASK"):
        monkeypatch.delenv(f"INSPECT_AI_{name}", raising=False)
    return monkeypatch


def test_each_source_gives_way_to_the_one_before_it(tmp_path: Path, no_variables: pytest.MonkeyPatch) -> None:
    assert load(folder=tmp_path).takt_ms == Settings().takt_ms == 200

    (tmp_path / "inspect_ai.toml").write_text("takt_ms = 300\n")
    assert load(folder=tmp_path).takt_ms == 300

    no_variables.setenv("INSPECT_AI_TAKT_MS", "400")
    assert load(folder=tmp_path).takt_ms == 400

    assert load(folder=tmp_path, takt_ms=500.0).takt_ms == 500
    assert load(folder=tmp_path, takt_ms=None).takt_ms == 400


def test_paths_arrive_as_paths(tmp_path: Path, no_variables: pytest.MonkeyPatch) -> None:
    no_variables.setenv("INSPECT_AI_DB", "x/log.db")

    assert load(folder=tmp_path).db == Path("x/log.db")


def test_modalities_are_a_table_of_the_file_or_a_text_in_a_variable(
    tmp_path: Path, no_variables: pytest.MonkeyPatch
) -> None:
    (tmp_path / "inspect_ai.toml").write_text('[modalities]\nXC = "fundus"\nOT = "fundus"\n')
    assert load(folder=tmp_path).modalities == (("OT", "fundus"), ("XC", "fundus"))

    no_variables.setenv("INSPECT_AI_MODALITIES", "SC=fundus, ES = scopes")
    assert load(folder=tmp_path).modalities == (("ES", "scopes"), ("SC", "fundus"))

    assert load(folder=tmp_path, modalities=(("SC", "caps"),)).modalities == (("SC", "caps"),)


@pytest.mark.parametrize("text", ["fundus", "XC=", "XC=fundus,SC"])
def test_a_text_that_gives_no_modality_to_a_task_is_refused(
    tmp_path: Path, no_variables: pytest.MonkeyPatch, text: str
) -> None:
    no_variables.setenv("INSPECT_AI_MODALITIES", text)

    with pytest.raises(UsageError, match=r"the environment sets modalities to something else than a table"):
        load(folder=tmp_path)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("modalities = 3\n", "a table"),
        ("[modalities]\nXC = 3\n", "a table"),
        ("takt_m = 3\n", "takt_ms"),
        ("takt_ms = 'soon'\n", "must be float"),
        ("takt_ms = 0\n", "above 0"),
        ("takt_ms =\n", "TOML"),
    ],
)
def test_what_is_wrong_with_the_file_is_said(
    tmp_path: Path, no_variables: pytest.MonkeyPatch, text: str, word: str
) -> None:
    (tmp_path / "inspect_ai.toml").write_text(text)

    with pytest.raises(UsageError, match=word):
        load(folder=tmp_path)


@pytest.mark.parametrize("name", ["tasks", "configs", "data_cards", "migrations"])
def test_bundled_folders_are_found(name: str) -> None:
    assert bundled(name).is_dir()
