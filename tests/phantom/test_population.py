"""Made studies for calibration: the same bytes whatever was made before, each its own unit, none of the demo's."""

import csv
import hashlib
from pathlib import Path

import pydicom

from inspect_ai.phantom.population import write_eyes, write_labels, write_tiles
from tests.phantom.conftest import Made


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_more_studies_leave_those_that_are_there_and_are_what_they_would_have_been(tmp_path: Path) -> None:
    write_tiles(tmp_path / "grown", positives=1, negatives=1)
    before = digests(tmp_path / "grown")

    write_tiles(tmp_path / "grown", positives=5, negatives=4)
    write_tiles(tmp_path / "at once", positives=5, negatives=4)

    assert digests(tmp_path / "grown") == digests(tmp_path / "at once")
    assert before.items() <= digests(tmp_path / "grown").items()
    assert len(set(digests(tmp_path / "grown").values())) == 9  # sound tiles 0 and 3 differ in their number alone


def test_no_study_of_the_demo_is_among_them(tmp_path: Path, made: Made) -> None:
    write_tiles(tmp_path, positives=4, negatives=3)
    shown = {hashlib.sha256(p.read_bytes()).hexdigest() for p in (made.folder / "metal").iterdir()}

    assert not shown & set(digests(tmp_path).values())


def test_eyes_come_as_photographs_and_as_dicom_and_each_is_a_unit_of_its_own(tmp_path: Path) -> None:
    made = write_eyes(tmp_path, positives=3, negatives=1)
    write_labels(tmp_path, made, positive="referable", negative="other")

    with (tmp_path / "labels.csv").open(newline="", encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    assert [row["label"] for row in rows] == ["referable"] * 3 + ["other"]
    assert len({row["group"] for row in rows}) == 4
    assert {row["split"] for row in rows} == {"calibration"}
    assert pydicom.dcmread(tmp_path / "referable_0002.dcm").Modality == "OP"
