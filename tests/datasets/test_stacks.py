"""Folders of stacks: what counts, what does not, and the windows that are cut out of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inspect_ai.config import parse_config
from inspect_ai.datasets.blobs import bright_blobs
from inspect_ai.datasets.contexts import read_contexts
from inspect_ai.datasets.folder import read_folder
from inspect_ai.datasets.samples import IGNORE, read_samples, study_of_row
from inspect_ai.datasets.windows import negative_windows, positive_window
from inspect_ai.errors import UsageError
from inspect_ai.plugins import Task
from inspect_ai.settings import Settings
from tests.support.stacks import LABELS, Made, disc, slice_of, stacks_config, write_stacks


class Stacks(Task):
    name = "stacks"


@pytest.fixture
def task(tmp_path: Path) -> Stacks:
    (tmp_path / "task").mkdir()
    return Stacks(stacks_config(), tmp_path / "task")


def test_an_uncertain_row_is_counted_neither_way_and_told(tmp_path: Path, task: Stacks) -> None:
    root = write_stacks(tmp_path / "data", [Made(name="a"), Made(name="b", label="uncertain", readers=2)])

    folder = read_folder(root, task.config)

    assert [row.label for row in folder.rows] == ["nodule"]
    assert [row.label for row in folder.ignored] == ["uncertain"]
    assert [(skipped.file, skipped.reason) for skipped in folder.skipped] == [
        ("b_1.png", "of labels that count neither way")
    ]


def test_a_label_set_of_stacks_is_chosen_only_where_there_are_stacks(tmp_path: Path) -> None:
    pictures = {"name": "pictures", "classes": ["other", "nodule"], "positive": ["nodule"]}
    config = parse_config({"name": "both", "labels": [pictures, *LABELS]}, "test")
    stacked = write_stacks(tmp_path / "stacked", [Made(name="a")])
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "labels.csv").write_text("file,label\na.png,nodule\n")

    assert read_folder(stacked, config).labels.name == "stacks"
    assert read_folder(plain, config).labels.name == "pictures"


@pytest.mark.parametrize(
    ("stack", "votes", "says"),
    [("b.png;c.png", "", "does not hold the file itself"), ("a.png;b.png", "v.png", "2 slices and 1 files of votes")],
)
def test_a_stack_that_does_not_fit_is_refused(tmp_path: Path, task: Stacks, stack: str, votes: str, says: str) -> None:
    (tmp_path / "labels.csv").write_text(f"file,label,stack,votes\na.png,nodule,{stack},{votes}\n")

    with pytest.raises(UsageError, match=says):
        read_folder(tmp_path, task.config)


def test_words_that_count_and_do_not_count_are_refused_in_one_set() -> None:
    with pytest.raises(UsageError, match="both counts and ignores nodule"):
        parse_config({"name": "x", "labels": [{**LABELS[0], "ignore": ["nodule"]}]}, "test")


def test_a_stack_is_one_unit_with_its_edge_slices_repeated(tmp_path: Path) -> None:
    folder_of_task = tmp_path / "task"
    folder_of_task.mkdir()
    deep = stacks_config(input={"size": 64, "window": 50, "depth": 5})
    root = write_stacks(tmp_path / "data", [Made(name="a", depth=3)])
    folder = read_folder(root, deep)

    (sample,) = read_samples(folder, folder.rows, Stacks(deep, folder_of_task), Settings())

    assert sample.pixels.shape == (5, 64, 64, 1)
    assert np.array_equal(sample.pixels[0], sample.pixels[1])
    assert np.array_equal(sample.pixels[3], sample.pixels[4])
    assert not np.array_equal(sample.pixels[1], sample.pixels[2])


def test_a_finding_beside_the_middle_is_moved_there_by_its_votes(tmp_path: Path, task: Stacks) -> None:
    root = write_stacks(tmp_path / "data", [Made(name="a", middle=(90.5, 40.5))])
    folder = read_folder(root, task.config)

    with folder.unpacked(folder.rows) as unpacked:
        study = study_of_row(unpacked, folder.rows[0], Settings())

    shown = study.images[1].pixels > 110
    shown[:, :80] &= disc(63.5, 63.5, 12)[:, :80]  # the wall came nearer
    rows, cols = np.nonzero(shown & disc(63.5, 63.5, 12))
    assert (rows.mean(), cols.mean()) == pytest.approx((63.5, 63.5), abs=0.6)


def test_a_window_counts_by_the_share_of_readers_wherever_the_finding_lies_in_it(tmp_path: Path, task: Stacks) -> None:
    root = write_stacks(tmp_path / "data", [Made(name="a", readers=3)])
    (context,) = read_contexts(read_folder(root, task.config), "train", task, Settings())
    window = positive_window(context)
    seen = task.config.input

    assert window.sample(seen).target == 0.75
    assert window.sample(seen, (12.0, -12.0)).target == 0.75  # off the centre, wholly in view
    assert window.sample(seen, (28.5, 0.0)).target == IGNORE  # a rim of it: unsure
    assert window.sample(seen, (34.0, 0.0)).target == 0.0  # out of view: 34 - 25 px is more than its radius


def test_negatives_lie_on_blobs_where_nobody_voted(tmp_path: Path, task: Stacks) -> None:
    vessels = ((32.0, 96.0, 4.0), (95.0, 95.0, 3.0), (64.0, 80.0, 3.0))  # the last is within reach of the finding
    root = write_stacks(tmp_path / "data", [Made(name="a", others=vessels)])
    (context,) = read_contexts(read_folder(root, task.config), "train", task, Settings())

    windows = list(negative_windows(context, task.config.input, 0.2))

    found = sorted((round(w.centre[0]), round(w.centre[1])) for w in windows)
    assert {(32, 96), (95, 95)} <= set(found)
    assert all(w.sample(task.config.input).target == 0.0 for w in windows)
    assert (64, 80) not in found
    assert {w.label for w in windows} == {"other"}


def test_a_finding_that_another_stack_of_the_patient_marks_is_no_negative(tmp_path: Path, task: Stacks) -> None:
    second = (32.0, 96.0, 4.5)  # in the first stack unmarked; the second stack is about it, even though uncertain
    first = Made(name="a", others=(second,), seed=1)
    root = write_stacks(tmp_path / "data", [first, Made(name="b", label="uncertain", readers=1, seed=2)])
    folder = read_folder(root, task.config)
    one, other = read_contexts(folder, "train", task, Settings())
    moved = np.roll(slice_of(first, 1), (64 - 32, 64 - 96), (0, 1))  # as the second crop would show it
    pixels = other.sample.pixels.copy()
    pixels[1, ..., 0] = moved
    alone = [w.centre for w in negative_windows(replace(one, elsewhere=()), task.config.input, 0.2)]

    from inspect_ai.datasets.windows import with_others

    known, _ = with_others([one, replace(other, sample=replace(other.sample, pixels=pixels))])

    assert any(np.hypot(row - 32, col - 96) < 2 for row, col in known.elsewhere)
    assert any(np.hypot(row - 32, col - 96) < 3 for row, col in alone)
    assert not any(
        np.hypot(r - 32, c - 96) < 40 for r, c in (w.centre for w in negative_windows(known, task.config.input, 0.2))
    )


def test_contexts_kept_between_trainings_are_those_that_were_decoded(tmp_path: Path, task: Stacks) -> None:
    root = write_stacks(tmp_path / "data", [Made(name="a"), Made(name="b", label="uncertain", readers=1)])
    folder, settings = read_folder(root, task.config), Settings(cache=str(tmp_path / "cache"))

    first = read_contexts(folder, "train", task, settings)
    (kept,) = (tmp_path / "cache").iterdir()
    again = read_contexts(folder, "train", task, settings)

    assert kept.suffix == ".npz"
    assert [c.sample.row.label for c in again] == ["nodule", "uncertain"]
    for a, b in zip(first, again, strict=True):
        assert np.array_equal(a.slices, b.slices)
        assert np.array_equal(a.votes, b.votes)


def test_a_bright_spot_in_the_middle_of_tissue_is_no_blob() -> None:
    grey = np.full((128, 128), 40, np.uint8)
    grey[:, :60] = 120
    for row, col in ((64, 30), (64, 64)):  # a rib in the wall, a nodule at it
        grey[disc(row, col, 4)] = 185

    assert [(round(r), round(c)) for r, c in bright_blobs(grey) if abs(r - 64) < 6 and c < 70] == [(64, 64)]


def test_the_strongest_blob_comes_first_and_each_is_told_once() -> None:
    grey = np.full((128, 128), 40, np.uint8)
    for row, col, radius, value in ((30, 30, 3, 100), (90, 90, 5, 180)):
        grey[disc(row, col, radius)] = value

    found = list(bright_blobs(grey))

    assert [(round(r), round(c)) for r, c in found[:2]] == [(90, 90), (30, 30)]
    assert sum(np.hypot(r - 90, c - 90) < 8 for r, c in found) == 1
