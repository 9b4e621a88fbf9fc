"""Answered cases as a labelled folder, from the log back to training."""

import csv
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from inspect_ai.audit import DrawnMark, Log, MarkKind, open_log
from inspect_ai.datasets.folder import read_folder
from inspect_ai.errors import UsageError
from inspect_ai.journeys.export_reviews import export_reviews
from inspect_ai.plugins import task_named
from inspect_ai.review import decide
from inspect_ai.review.label_masks import mask_of
from inspect_ai.review.random_audit import drawn
from inspect_ai.settings import Settings
from tests.support.reader_desk import decided

BOX = DrawnMark(kind=MarkKind.BOX, points=((10.0, 20.0), (15.0, 30.0)))


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


def answered(log: Log, folder: Path, count: int = 3) -> None:
    """Cases 1 .. count: the first positive with a box, the others negative."""
    log.append([decided(folder, number) for number in range(1, count + 1)])
    decide(log, 1, "positive", "a scratch", operator="anna", marks=[BOX])
    for entry in range(2, count + 1):
        decide(log, entry, "negative", "nothing", operator="ben", blinded=True)


def test_answered_cases_become_pictures_classes_and_masks_with_the_entries_behind_them(tmp_path: Path) -> None:
    with open_log(tmp_path / "log.db") as log:
        answered(log, tmp_path)
        log.append([decided(tmp_path, 9)])  # waits
        found = export_reviews(log, "metal_surface", tmp_path / "out", roots=[tmp_path], settings=Settings())
        entries = {entry.id: entry.hash for entry in log.entries()}

    rows = table(tmp_path / "out")
    assert found.splits == (("train", 3),)
    assert [row["reader"] for row in rows] == ["anna", "ben", "ben"]
    assert all(entries[int(row["entry"])] == row["entry_hash"] for row in rows)
    assert (tmp_path / "out" / rows[0]["file"]).read_bytes() == (tmp_path / "parts" / "1.png").read_bytes()
    mask = cv2.imread(str(tmp_path / "out" / rows[0]["mask"]), cv2.IMREAD_UNCHANGED)
    assert (int(mask[10:16, 20:31].min()), int(mask.sum()) // 255) == (255, 6 * 11)
    assert [bool(row["mask"]) for row in rows] == [True, False, False]
    assert not any("parts" in row["file"] for row in rows)  # no name of the scanned folder leaves it


def test_training_reads_the_folder(tmp_path: Path) -> None:
    with open_log(tmp_path / "log.db") as log:
        answered(log, tmp_path)
        export_reviews(log, "metal_surface", tmp_path / "out", roots=[tmp_path], settings=Settings())

    folder = read_folder(tmp_path / "out", task_named("metal_surface").config)
    positive = [row.label in folder.labels.positive for row in folder.rows]
    assert positive == [True, False, False]


def test_only_cases_that_chance_drew_are_for_calibration(tmp_path: Path) -> None:
    with open_log(tmp_path / "log.db") as log:
        answered(log, tmp_path)
        everything = export_reviews(
            log, "metal_surface", tmp_path / "all", roots=[tmp_path], settings=Settings(audit_rate=1.0)
        )
        log.append([decided(tmp_path, 4)])
        waiting = export_reviews(
            log, "metal_surface", tmp_path / "waiting", roots=[tmp_path], settings=Settings(audit_rate=1.0)
        )

    assert everything.splits == (("calibration", 3),)
    assert (everything.drawn_waiting, waiting.drawn_waiting) == (0, 1)


def test_a_file_that_was_altered_since_is_left_out_and_counted(tmp_path: Path) -> None:
    with open_log(tmp_path / "log.db") as log:
        answered(log, tmp_path)
        path = tmp_path / "parts" / "2.png"
        content = bytearray(path.read_bytes())
        content[-20] ^= 1
        path.write_bytes(content)
        found = export_reviews(log, "metal_surface", tmp_path / "out", roots=[tmp_path], settings=Settings())

    assert found.splits == (("train", 2),)
    assert sum(count for _, count in found.left_out) == 1


def test_the_export_tells_how_many_of_how_many_cases_it_has_read(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    with open_log(tmp_path / "log.db") as log:
        answered(log, tmp_path)
        export_reviews(
            log, "metal_surface", tmp_path / "out", roots=[tmp_path], settings=Settings(),
            progress=lambda done, of: told.append((done, of)),
        )  # fmt: skip

    assert told == [(1, 3), (2, 3), (3, 3)]


def test_an_answer_that_was_undone_is_not_exported(tmp_path: Path) -> None:
    with open_log(tmp_path / "log.db") as log:
        answered(log, tmp_path)
        decide(log, 1, "reopen", "wrong case", operator="anna")
        export_reviews(log, "metal_surface", tmp_path / "out", roots=[tmp_path], settings=Settings())

    assert len(table(tmp_path / "out")) == 2


def test_a_folder_that_holds_something_is_not_written_into(tmp_path: Path) -> None:
    with open_log(tmp_path / "log.db") as log:
        answered(log, tmp_path)
        with pytest.raises(UsageError, match="holds something"):
            export_reviews(log, "metal_surface", tmp_path, roots=[tmp_path], settings=Settings())


@pytest.mark.parametrize(
    ("mark", "inside", "outside"),
    [
        (DrawnMark(kind=MarkKind.CIRCLE, points=((20.0, 20.0), (20.0, 25.0))), (20, 24), (20, 27)),
        (DrawnMark(kind=MarkKind.FREEHAND, points=((0.0, 0.0), (0.0, 20.0), (20.0, 0.0))), (3, 3), (15, 15)),
        (DrawnMark(kind=MarkKind.POINT, points=((30.0, 10.0),)), (30, 10), (30, 16)),
    ],
)
def test_marks_fill_what_they_outline(mark: DrawnMark, inside: tuple[int, int], outside: tuple[int, int]) -> None:
    mask = mask_of([mark, replace(mark)], (40, 40))

    assert mask[inside] == 255
    assert mask[outside] == 0
    assert set(np.unique(mask)) == {0, 255}


def test_a_patient_stands_in_one_part_alone(tmp_path: Path) -> None:
    with open_log(tmp_path / "log.db") as log:
        made = [decided(tmp_path, number) for number in range(1, 9)]
        log.append([replace(one, study=replace(one.study, patient_hash="one patient")) for one in made])
        for entry in range(1, 9):
            decide(log, entry, "positive", "a scratch", operator="ben", marks=[BOX])
        decisions = list(log.entries(kind="decision"))
        # hashes are new in each run: a rate at which chance draws some of the cases, and not all
        rate = next(r for r in np.linspace(0, 1, 999) if 0 < sum(drawn(entry, float(r)) for entry in decisions) < 8)
        found = export_reviews(
            log, "metal_surface", tmp_path / "out", roots=[tmp_path], settings=Settings(audit_rate=float(rate))
        )

    ((split, kept),) = found.splits
    ((reason, left),) = found.left_out
    assert (split, kept + left) == ("calibration", 8)
    assert "no group may stand in two parts" in reason
    assert [len(list((tmp_path / "out" / name).iterdir())) for name in ("images", "masks")] == [kept, kept]
