"""Tasks are found by folder and entry point; a broken one breaks nobody else; what a task gets for free is right."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from inspect_ai.config import parse_config
from inspect_ai.domain import Image, SourceFile, Study, StudyRef, Unit, UnitOutput
from inspect_ai.errors import UsageError
from inspect_ai.model.manifest import file_sha256
from inspect_ai.plugins import Task, find_tasks, hottest, in_channels, picture_quality, probability, task_named

CONFIG = "name: {name}\nlabels:\n  - {{name: parts, classes: [good, bad], positive: [bad]}}\ninput: {{size: 32}}\n"
PLUGIN = "from inspect_ai.plugins import Task\nclass Mine(Task):\n    name = {name!r}\n"


def write_task(root: Path, name: str, code: str | None = None, config: str | None = None) -> Path:
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "task.py").write_text(code if code is not None else PLUGIN.format(name=name))
    (folder / "config.yaml").write_text(config if config is not None else CONFIG.format(name=name))
    return folder


def study(pixels: np.ndarray) -> Study:
    file = SourceFile(path="a.png", sha256="0" * 64, size_bytes=1)
    ref = StudyRef(key="a.png", source="a.png", kind="image", digest="0" * 64, files=(file,))
    return Study(ref=ref, images=(Image(pixels=pixels),))


def test_a_folder_on_the_path_is_a_task(tmp_path: Path) -> None:
    write_task(tmp_path, "mine")

    found = {f.name: f for f in find_tasks(str(tmp_path))}

    assert found["mine"].origin == "--tasks"
    assert {"metal_surface", "fundus", "lung_nodule"} <= set(found)


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("raise RuntimeError('out of order')", "out of order"),
        ("import no_such_module", "no_such_module"),
        ("x = 1", "exactly one subclass"),
        ("def broken(:", "SyntaxError"),
    ],
)
def test_a_broken_task_is_listed_with_its_error_and_breaks_nobody_else(tmp_path: Path, code: str, word: str) -> None:
    write_task(tmp_path, "broken", code)
    write_task(tmp_path, "whole")

    found = {f.name: f for f in find_tasks(str(tmp_path))}

    assert word in (found["broken"].error or "")
    assert found["whole"].error is None
    with pytest.raises(UsageError, match="is broken"):
        task_named("broken", str(tmp_path))


def test_two_tasks_of_one_name_are_an_error_that_names_both(tmp_path: Path) -> None:
    one, two = write_task(tmp_path / "one", "twin"), write_task(tmp_path / "two", "twin")

    with pytest.raises(UsageError, match="Two tasks are called 'twin'") as error:
        task_named("twin", os.pathsep.join([str(one.parent), str(two.parent)]))
    assert str(one) in str(error.value)
    assert str(two) in str(error.value)


def test_an_unknown_task_is_answered_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="metal_surface"):
        task_named("no_such_task")


def test_a_task_under_another_config_is_the_same_task_and_the_first_one_keeps_its_own(tmp_path: Path) -> None:
    write_task(tmp_path, "mine")
    task = task_named("mine", str(tmp_path))
    smaller = parse_config(task.config.model_dump(mode="json") | {"input": {"size": 16}}, "test")

    other = task.with_config(smaller)

    assert (type(other), other.folder, other.config.input.size) == (type(task), task.folder, 16)
    assert task.config.input.size == 32


def test_a_config_with_an_unknown_key_names_the_nearest(tmp_path: Path) -> None:
    write_task(tmp_path, "typo", config=CONFIG.format(name="typo") + "trian: {epochs: 3}\n")

    (found,) = [f for f in find_tasks(str(tmp_path)) if f.name == "typo"]

    assert "'train'" in (found.error or "")


def test_a_package_brings_its_task_through_an_entry_point(tmp_path: Path) -> None:
    folder = write_task(tmp_path, "their_task")
    (folder / "__init__.py").write_text(PLUGIN.format(name="theirs"))
    info = tmp_path / "their_dist-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-dist\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[inspect_ai.tasks]\ntheirs = their_task\n")
    code = (
        "from inspect_ai.plugins import find_tasks, task_named; from inspect_ai.task_source import code_digests\n"
        "print([(f.name, f.origin, f.error) for f in find_tasks()])\n"
        "print(code_digests(type(task_named('theirs')).__module__))"
    )

    out = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert "('theirs', 'entry point their-dist', None)" in out
    assert f"'__init__.py': '{file_sha256(folder / '__init__.py')}'" in out
    assert "'task.py': " in out


def test_finding_tasks_loads_no_tensor_library() -> None:
    heavy = "{'torch', 'monai', 'lightning'}"
    code = f"import sys; from inspect_ai.plugins import find_tasks; find_tasks(); print({heavy} & set(sys.modules))"

    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert out.strip() == "set()"


def plain_task() -> Task:
    config = parse_config(
        {
            "name": "plain",
            "labels": [{"name": "p", "classes": ["good", "bad"], "positive": ["bad"]}],
            "input": {"size": 32},
        },
        "t",
    )
    return type("Plain", (Task,), {"name": "plain"})(config, Path())


def test_the_default_unit_is_the_whole_picture_at_the_configured_size() -> None:
    (unit,) = plain_task().units(study(np.full((64, 128), 51, np.uint8)))

    assert unit.pixels.shape == (1, 32, 32)
    assert unit.scale_px == (2.0, 4.0)
    assert unit.pixels == pytest.approx(np.full((1, 32, 32), 0.2), abs=1e-3)


def test_a_unit_keeps_the_shape_of_long_pictures_where_a_width_is_configured() -> None:
    long = plain_task()
    long = long.with_config(parse_config({**long.config.model_dump(), "input": {"size": 32, "width": 96}}, "test"))

    (unit,) = long.units(study(np.full((64, 384), 51, np.uint8)))

    assert unit.pixels.shape == (1, 32, 96)
    assert unit.scale_px == (2.0, 4.0)
    with pytest.raises(UsageError, match="set both, or neither"):
        parse_config({**long.config.model_dump(), "input": {"width": 96}}, "test")


def test_the_default_finding_lies_where_the_heat_peaks_in_source_pixels() -> None:
    unit = Unit(pixels=np.zeros((1, 32, 32), np.float32), origin_px=(100.0, 10.0), scale_px=(2.0, 4.0))
    heat = np.zeros((1, 4, 4), np.float32)
    heat[0, 1, 2] = 1.0

    (finding,) = plain_task().findings(unit, UnitOutput(logits=np.array([2.0], np.float32), heat=heat))

    assert (finding.row, finding.col) == (100 + 12 * 2, 10 + 20 * 4)
    assert finding.name == "bad"
    assert finding.score == pytest.approx(0.8808, abs=1e-4)


def test_heat_at_the_padded_border_stays_inside_the_picture() -> None:
    unit = Unit(pixels=np.zeros((1, 20, 20), np.float32))
    heat = np.zeros((8, 8), np.float32)
    heat[7, 7] = 1.0

    row, col, _ = hottest(heat, unit)

    assert row < 20
    assert col < 20


def test_probabilities_stand_on_the_grid_and_nan_stays_nan() -> None:
    assert probability(0.0) == 0.5
    assert (probability(1.234567) * 65536).is_integer()
    assert np.isnan(probability(float("nan")))
    assert probability(-1000.0) == 0.0


def test_colour_becomes_luma_and_grey_becomes_three_equal_channels() -> None:
    red = np.zeros((2, 2, 3), np.float32)
    red[..., 0] = 1.0

    assert in_channels(red, 1)[0, 0, 0] == pytest.approx(0.299)
    assert in_channels(red[..., 0], 3).shape == (3, 2, 2)


@pytest.mark.parametrize(
    ("picture", "failing"),
    [
        (np.full((64, 64), 0.5, np.float32), "contrast"),
        (np.full((4, 64), 0.5, np.float32), "smaller side (px)"),
        (np.clip(np.random.default_rng(0).random((64, 64)) * 4, 0, 1).astype(np.float32), "not overexposed"),
    ],
)
def test_pictures_that_nobody_could_read_fail_a_measure(picture: np.ndarray, failing: str) -> None:
    assert failing in {m.name for m in picture_quality(picture) if not m.passed}


def test_a_plain_good_picture_passes_every_measure() -> None:
    picture = (np.random.default_rng(0).random((64, 64)) * 0.8 + 0.1).astype(np.float32)

    assert all(m.passed for m in picture_quality(picture))


def test_where_a_task_is_named_no_other_tasks_code_runs(tmp_path: Path) -> None:
    write_task(tmp_path, "mine")
    write_task(tmp_path, "other", f"open({str(tmp_path / 'it ran')!r}, 'w')\n")

    assert task_named("mine", str(tmp_path)).name == "mine"
    with pytest.raises(UsageError, match="mine, other"):
        task_named("third", str(tmp_path))
    assert not (tmp_path / "it ran").exists()
    find_tasks(str(tmp_path))
    assert (tmp_path / "it ran").exists()


def test_a_task_that_calls_itself_otherwise_than_its_folder_is_broken(tmp_path: Path) -> None:
    write_task(tmp_path, "mine", PLUGIN.format(name="yours"))

    with pytest.raises(UsageError, match="calls itself 'yours'"):
        task_named("mine", str(tmp_path))


def test_an_edited_task_is_loaded_anew_and_the_first_one_stays_what_it_was(tmp_path: Path) -> None:
    folder = write_task(tmp_path, "mine")
    first = task_named("mine", str(tmp_path))
    (folder / "task.py").write_text(PLUGIN.format(name="mine") + "    version = '2'\n")

    assert (task_named("mine", str(tmp_path)).version, first.version) == ("2", "1")
    assert task_named("mine", str(tmp_path)).folder == first.folder
