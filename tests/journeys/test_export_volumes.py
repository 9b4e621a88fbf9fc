"""Answers to CT series, back to training as the pictures that the task looks at."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from inspect_ai.audit import DrawnMark, Log, MarkKind, open_log
from inspect_ai.datasets.folder import read_folder
from inspect_ai.domain import Finding
from inspect_ai.journeys.export_reviews import Exported, export_reviews
from inspect_ai.plugins import task_named
from inspect_ai.review import decide
from inspect_ai.settings import Settings
from tests.journeys.test_export_reviews import table
from tests.support.dicom_studies import PROVENANCE, ct_study, decided, nodule
from tests.support.tasks import make_task

# Looks at each slice around (20, 20): its unit there has the grey of its slice.
TASK = '''
import numpy as np
from inspect_ai.domain import Unit
from inspect_ai.plugins import Task

class Spots(Task):
    """Made."""
    name = "spots"
    version = "1"
    title = "Spots"
    covers = "spots"

    def accepts(self, study):
        """All."""
        return "a series"

    def units(self, study):
        """One a slice."""
        for volume in study.volumes:
            for index in range(len(volume.hu)):
                yield Unit(
                    pixels=np.full((3, 8, 8), (index + 1) / 10, np.float32), image_index=index,
                    position_mm=volume.position_mm(index, 20, 20), series_uid=volume.series_uid,
                )
'''
BY_SPOTS = replace(PROVENANCE, task="spots", task_version="1")


def circle(slice_index: int, row: float, col: float) -> DrawnMark:
    return DrawnMark(kind=MarkKind.CIRCLE, points=((row, col), (row, col + 3)), slice=slice_index)


def exported(folder: Path, log: Log, rate: float = 0.0, name: str = "out") -> Exported:
    settings = Settings(tasks=str(folder / "tasks"), audit_rate=rate)
    return export_reviews(log, "spots", folder / name, roots=[folder], settings=settings)


def case_of(folder: Path, log: Log, *findings: Finding) -> None:
    """Case 1: a series of four slices."""
    make_task(folder / "tasks", "spots", task_py=TASK)
    log.append([decided(ct_study(folder), *findings, provenance=BY_SPOTS)])


def greys(folder: Path) -> list[int]:
    """Tenths of white of each exported picture."""
    pictures = [cv2.imread(str(folder / row["file"]), cv2.IMREAD_UNCHANGED) for row in table(folder)]
    return [round(float(np.mean(picture)) / 25.5) for picture in pictures if picture is not None]


def test_what_a_reader_marked_becomes_the_pictures_that_the_task_sees_there(tmp_path: Path) -> None:
    with open_log(tmp_path / "log.db") as log:
        case_of(tmp_path, log, nodule(0, 20, 20))
        decide(log, 1, "positive", "two of them", operator="anna", marks=[circle(2, 20, 20), circle(3, 21, 19)])
        found = exported(tmp_path, log)

    assert found.splits == (("train", 2),)
    assert greys(tmp_path / "out") == [3, 4]
    folder = read_folder(tmp_path / "out", task_named("spots", str(tmp_path / "tasks")).config)
    assert [row.label in folder.labels.positive for row in folder.rows] == [True, True]


def test_a_negative_answer_says_of_each_listed_finding_that_it_is_none(tmp_path: Path) -> None:
    with open_log(tmp_path / "log.db") as log:
        case_of(tmp_path, log, nodule(0, 20, 20), nodule(2, 20, 20))
        decide(log, 1, "negative", "vessels", operator="anna")
        exported(tmp_path, log)

    rows = table(tmp_path / "out")
    positive = task_named("spots", str(tmp_path / "tasks")).config.labels[0].positive
    assert greys(tmp_path / "out") == [1, 3]
    assert not any(row["label"] in positive for row in rows)


def test_a_positive_answer_without_a_mark_confirms_a_finding_that_stands_alone(tmp_path: Path) -> None:
    with open_log(tmp_path / "log.db") as log:
        case_of(tmp_path, log, nodule(1, 20, 20))
        decide(log, 1, "positive", "there it is", operator="anna")
        exported(tmp_path, log)

    assert greys(tmp_path / "out") == [2]


def test_a_positive_answer_without_a_mark_to_several_findings_is_left_out_with_the_reason(tmp_path: Path) -> None:
    with open_log(tmp_path / "log.db") as log:
        case_of(tmp_path, log, nodule(1, 20, 20), nodule(3, 20, 20))
        decide(log, 1, "positive", "one of them", operator="anna")
        found = exported(tmp_path, log)

    ((reason, count),) = found.left_out
    assert (count, found.splits) == (1, ())
    assert "without a mark" in reason


def test_a_mark_where_the_task_does_not_look_is_counted_and_not_moved_elsewhere(tmp_path: Path) -> None:
    with open_log(tmp_path / "log.db") as log:
        case_of(tmp_path, log)
        decide(log, 1, "positive", "far away", operator="anna", marks=[circle(0, 50, 50), circle(1, 20, 20)])
        found = exported(tmp_path, log)

    ((reason, count),) = found.left_out
    assert (count, greys(tmp_path / "out")) == (1, [2])
    assert "does not look at" in reason


@pytest.mark.parametrize(("marks", "split"), [([circle(1, 20, 20)], "calibration"), ([], "train")])
def test_only_places_that_a_reader_marked_are_for_calibration(
    tmp_path: Path, marks: list[DrawnMark], split: str
) -> None:
    with open_log(tmp_path / "log.db") as log:
        case_of(tmp_path, log, nodule(1, 20, 20))
        decide(log, 1, "positive", "there", operator="anna", marks=marks)
        found = exported(tmp_path, log, rate=1.0)

    assert found.splits == ((split, 1),)
