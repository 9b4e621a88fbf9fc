"""Groups of train that go to calibration for a promise: how many, which, and what is said of it."""

from collections import Counter
from pathlib import Path

import pytest
from scipy.stats import binom

from inspect_ai.config import Promise, TaskConfig, parse_config
from inspect_ai.datasets.folder import LabelledFolder, read_folder
from inspect_ai.datasets.prepare import prepare
from inspect_ai.datasets.topping_up import topped_up
from inspect_ai.errors import UsageError
from inspect_ai.settings import Settings
from tests.support.labelled import LABELS, parts_config, table, texture, write

ASKED = Promise(sensitivity=0.9, confidence=0.9, misses=2)  # by binomial: 22, 38, 52 positives for 0, 1, 2 misses


def folder_of(
    root: Path, *, train: int, calibration: int, pictures: int = 2, passed: int = 0, independent: str = "group"
) -> LabelledFolder:
    """Parts with a defect in train and calibration, each in so many pictures, and parts without one in train."""
    rows = [
        (f"{split}{part}_{i}.png", "flag", split, f"{split}{part}")
        for split, count in (("train", train), ("calibration", calibration))
        for part in range(count)
        for i in range(pictures)
    ]
    rows += [(f"good{part}.png", "pass", "train", f"good{part}") for part in range(passed)]
    labels = [{**LABELS[0], "independent": independent}]
    config = parse_config({"name": "parts", "labels": labels}, "test")
    return read_folder(table(root, rows, "file,label,split,group"), config)


def groups(folder: LabelledFolder, split: str, label: str = "flag") -> set[str]:
    return {row.group for row in folder.rows if (row.split, row.label) == (split, label)}


def needed(misses: int) -> int:
    return next(n for n in range(1, 999) if binom.cdf(misses, n, 0.1) <= 0.1)


def test_so_many_whole_groups_are_moved_that_two_may_be_missed(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, train=60, calibration=45)

    ready, found = topped_up(folder, ASKED)

    assert found is not None
    assert len(groups(ready, "calibration")) == needed(2) == 52
    assert (found.misses, found.there, found.taken, found.of, found.pictures) == (2, 45, 7, 60, 14)
    assert groups(ready, "train") | groups(ready, "calibration") == groups(folder, "train") | groups(
        folder, "calibration"
    )
    assert all(len(splits) == 1 for splits in _splits_of(ready).values())
    assert "7 of train's 60 are set aside for it before training, with 14 pictures in all" in found.sentence
    assert "90 % at 90 % confidence allows 2 misses with 52; 3 misses would take 65" in found.sentence


def _splits_of(folder: LabelledFolder) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in folder.rows:
        found.setdefault(row.group, set()).add(row.split)
    return found


def test_the_same_groups_are_found_again_whatever_the_order_of_rows(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, train=60, calibration=45)
    turned = read_folder(
        table(
            tmp_path / "again",
            [(row.file, row.label, row.split, row.group) for row in reversed(folder.rows)],
            "file,label,split,group",
        ),
        parts_config(),
    )

    assert groups(topped_up(turned, ASKED)[0], "calibration") == groups(topped_up(folder, ASKED)[0], "calibration")


def test_no_more_of_train_is_taken_than_the_bound_and_a_miss_fewer_is_aimed_at(tmp_path: Path) -> None:
    ready, found = topped_up(folder_of(tmp_path, train=30, calibration=35), ASKED)

    assert found is not None
    assert (found.misses, found.taken, found.most) == (1, needed(1) - 35, 10)
    assert len(groups(ready, "train")) == 27
    assert "2 misses would take 52, more than train may give (10 of 30)" in found.sentence


def test_where_even_no_miss_is_out_of_reach_train_stays_whole_and_it_is_said(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, train=30, calibration=10)

    ready, found = topped_up(folder, ASKED)

    assert ready == folder
    assert found is not None
    assert (found.misses, found.taken) == (None, 0)
    assert "takes 22, and train may give 10 of its 30: nothing is taken from train" in found.sentence


def test_a_calibration_part_that_has_enough_takes_nothing(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, train=60, calibration=52)

    ready, found = topped_up(folder, ASKED)

    assert ready == folder
    assert found is not None
    assert "enough for 90 % at 90 % confidence: it allows 2 misses with 52" in found.sentence


def test_without_a_promise_nothing_moves_and_nothing_is_said(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, train=60, calibration=45)

    assert topped_up(folder, None) == (folder, None)


def test_groups_without_a_defect_come_along_in_proportion(tmp_path: Path) -> None:
    ready, found = topped_up(folder_of(tmp_path, train=60, calibration=37, passed=40), ASKED)

    assert found is not None
    assert found.taken == 15  # a quarter of 60
    assert len(groups(ready, "calibration", "pass")) == 10
    assert len(groups(ready, "train", "pass")) == 30


def test_a_group_that_exceeds_the_bound_is_passed_over_and_units_are_counted_as_the_set_says(tmp_path: Path) -> None:
    """Pictures are independent here, seven a group: the bound of 20 of 63 lets two groups pass and no third."""
    folder = folder_of(tmp_path, train=9, calibration=6, pictures=7, independent="picture")

    ready, found = topped_up(folder, ASKED.model_copy(update={"most_taken": 0.32}))

    assert found is not None
    assert (found.there, found.of, found.most, found.taken, found.misses) == (42, 63, 20, 14, 2)
    assert Counter(row.split for row in ready.rows) == {"calibration": 56, "train": 49}


def test_who_cannot_count_calibration_leaves_out_at_least_what_training_leaves_out(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, train=60, calibration=45, passed=20)

    for misses in (0, 1, 2, 9):
        promise = ASKED.model_copy(update={"misses": misses})
        trained_on = {row.file for row in topped_up(folder, promise)[0].rows if row.split == "train"}
        everything, _ = topped_up(folder, promise, everything=True)
        assert {row.file for row in everything.rows if row.split == "train"} <= trained_on
    assert len(groups(everything, "train")) == 40


def test_a_folder_is_made_ready_with_the_promise_after_its_copies_were_joined(tmp_path: Path) -> None:
    """Two of the five calibration parts show the same: with four left, one part of train is lacking for five."""
    promise = Promise(sensitivity=0.5, confidence=0.95, most_taken=0.5)  # five positives, no miss: 0.5 ** 5 < 0.05
    rows = []
    for i, split in enumerate(["train"] * 8 + ["val"] * 2 + ["calibration"] * 5):
        write(tmp_path / f"{i}.png", texture(i))
        rows.append((f"{i}.png", "flag" if i != 8 else "pass", split))
    write(tmp_path / "14.png", texture(13))
    config: TaskConfig = parts_config(promise=promise.model_dump())

    ready = prepare([table(tmp_path, rows)], config, Settings())

    (folder,) = ready.folders
    assert len({row.unit for row in folder.rows if row.split == "calibration"}) == 5
    assert ready.positives_taken() == 1
    assert sum(row.split == "train" for row in folder.rows) == 7
    assert any("1 of train's 8 are set aside for it before training" in line for line in ready.said)


def test_a_promise_that_is_none_is_refused_by_the_configuration() -> None:
    with pytest.raises(UsageError, match=r"'promise.sensitivity': Input should be less than 1"):
        parts_config(promise={"sensitivity": 1.0})
    with pytest.raises(UsageError, match=r"Did you mean 'misses'"):
        parts_config(promise={"miss": 1})
