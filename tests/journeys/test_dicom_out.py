"""`dicom-out` and `scan --dicom-out`: decisions leave as DICOM objects, and none of them holds up a scan."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest

from inspect_ai.audit import open_log
from tests.dicom_out.reading import code, groups, named
from tests.support.dicom_factory import fundus_photograph, save, uid
from tests.support.dicom_studies import ct_study, decided, nodule
from tests.support.pictures import noise
from tests.support.tasks import make_pictures, make_task

pytest.importorskip("highdicom", reason="DICOM objects need the extra dicom (highdicom)")

OP_TASK = '''"""Bright pictures, of eyes too."""

from inspect_ai.plugins import Task


class Bright(Task):
    """Bright pictures."""

    name = "bright"
    version = "7"
    modalities = ("OP",)
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two photographs of eyes and a camera file, and a task that reads both kinds."""
    make_task(tmp_path / "tasks2", task_py=OP_TASK)
    make_pictures(tmp_path / "studies", 1)
    for number in (1, 2):
        photograph = fundus_photograph(
            noise() // 2 + 100 * (number - 1), SOPInstanceUID=uid(f"eye{number}"), StudyInstanceUID=uid(f"st{number}"),
            SeriesInstanceUID=uid(f"se{number}"), PatientName="Marker^Secret",
        )  # fmt: skip
        save(photograph, tmp_path / "studies" / "Frau Meier" / f"{number}.dcm")
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from inspect_ai.cli import main; main()", *arguments]
    variables = os.environ | {"INSPECT_AI_TASKS": "tasks2", "INSPECT_AI_TASK": "bright"}
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=300, check=False)


def decisions(folder: Path) -> list[tuple[str, str | None, int]]:
    """Kind of each study, its outcome and entry."""
    with open_log(folder / "inspect_ai.db", create=False) as log:
        return [(entry.decision().study.kind, entry.outcome, entry.id) for entry in log.entries(kind="decision")]


def test_a_scan_writes_the_objects_of_each_dicom_study_and_counts_the_camera_files(folder: Path) -> None:
    result = run(folder, "scan", "studies", "--dicom-out", "dicom")

    assert result.returncode == 0, result.stderr
    assert "DICOM objects in dicom: 2 studies got theirs, 1 of camera files have none." in result.stderr
    entries = decisions(folder)
    assert len(entries) == 3
    for kind, outcome, entry in entries:
        made = folder / "dicom" / str(entry)
        assert made.is_dir() is (kind == "dicom")
        if kind == "dicom":
            marks = {"marks.dcm"} if outcome == "flag" else set()
            assert {path.name for path in made.iterdir()} == {"report.dcm", "picture.dcm"} | marks
            assert code(pydicom.dcmread(made / "report.dcm"), "outcome 99INSPECT") == f"{outcome} 99INSPECT"
    assert not [word for word in ("Meier", "Marker", "SECRET") if word in result.stdout + result.stderr]


def test_what_a_scan_wrote_is_not_written_again_and_what_is_missing_is(folder: Path) -> None:
    run(folder, "scan", "studies", "--dicom-out", "dicom")
    first, second = (entry for kind, _, entry in decisions(folder) if kind == "dicom")
    there = (folder / "dicom" / str(first) / "report.dcm").read_bytes()
    (folder / "dicom" / str(first) / "report.dcm").unlink()

    result = run(folder, "scan", "studies", "--dicom-out", "dicom")

    assert "1 studies got theirs, 1 had theirs before" in result.stderr
    assert (folder / "dicom" / str(first) / "report.dcm").read_bytes() == there
    assert (folder / "dicom" / str(second) / "report.dcm").is_file()


def test_objects_that_cannot_be_written_are_counted_and_the_scan_goes_on(folder: Path) -> None:
    (folder / "taken").write_text("a file")

    result = run(folder, "scan", "studies", "--json", "--dicom-out", "taken")

    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert sum(line["type"] == "study" for line in lines) == 3
    assert lines[-1]["type"] == "summary"
    assert result.returncode == 0
    assert result.stderr.count("could not be written to taken") == 2
    assert "0 studies got theirs, 1 of camera files have none, 2 could not be made." in result.stderr


def test_entries_are_written_on_demand_and_one_that_has_none_holds_up_no_other(folder: Path) -> None:
    scanned = run(folder, "scan", "studies")
    found = decisions(folder)
    assert {kind for kind, _, _ in found} == {"image", "dicom"}, scanned.stdout + scanned.stderr
    (camera,) = [entry for kind, _, entry in found if kind == "image"]
    (eye,) = [entry for kind, outcome, entry in found if (kind, outcome) == ("dicom", "flag")]

    result = run(folder, "dicom-out", str(camera), str(eye), "--root", "studies", "--out", "dicom", "--json")

    refused, made = (json.loads(line) for line in result.stdout.splitlines())
    assert (refused["type"], refused["entry"]) == ("refused", camera)
    assert "not on a DICOM study" in refused["reason"]
    assert made == {
        "type": "objects", "entry": eye, "remarks": [],
        "files": [f"dicom/{eye}/{name}.dcm" for name in ("marks", "picture", "report")],
    }  # fmt: skip
    assert result.returncode == 2


def test_the_answer_that_stands_comes_with_its_decision_and_alone_by_its_own_number(folder: Path) -> None:
    run(folder, "scan", "studies")
    decision = next(entry for kind, _, entry in decisions(folder) if kind == "dicom")
    for verdict in ("positive", "reopen", "negative"):
        answered = run(folder, "review", "decide", str(decision), "--verdict", verdict, "--reason", f"said {verdict}")
        assert answered.returncode == 0, answered.stderr
    with open_log(folder / "inspect_ai.db", create=False) as log:
        first, withdrawn, last = (entry.id for entry in log.entries(kind="review"))

    both = run(folder, "dicom-out", str(decision), "--root", "studies", "--out", "dicom", "--json")
    alone = run(folder, "dicom-out", str(withdrawn), "--root", "studies", "--out", "dicom", "--json")

    assert (both.returncode, alone.returncode) == (0, 0), both.stderr + alone.stderr
    assert [json.loads(line)["entry"] for line in both.stdout.splitlines()] == [decision, last]
    assert json.loads(alone.stdout)["files"] == [f"dicom/{withdrawn}/report.dcm"]
    said = [
        code(pydicom.dcmread(folder / "dicom" / str(n) / "report.dcm"), "answer 99INSPECT") for n in (withdrawn, last)
    ]
    assert said == ["withdrawn 99INSPECT", "negative 99INSPECT"]
    assert not (folder / "dicom" / str(first)).exists()
    assert not [word for word in ("Meier", "Marker", "SECRET") if word in both.stdout + both.stderr]


def test_a_source_that_is_not_there_ends_with_a_sentence_and_its_code(tmp_path: Path) -> None:
    study = ct_study(tmp_path / "studies")
    with open_log(tmp_path / "inspect_ai.db") as log:
        log.append([decided(study, nodule(1, 20, 30))])

    result = run(tmp_path, "dicom-out", "1", "--root", "elsewhere", "--out", "dicom")

    assert result.returncode == 3
    assert result.stderr.startswith("The source file 1 of 4 (")
    assert "meier" not in result.stderr
    assert not (tmp_path / "dicom").exists()
    assert run(tmp_path, "dicom-out", "1", "--root", "studies", "--out", "dicom").returncode == 0


@pytest.mark.shared
@pytest.mark.slow
def test_the_marks_of_a_real_chest_lie_where_its_decision_says(shared: Path, tmp_path: Path) -> None:
    chest = shared / "data" / "lung_nodule" / "ct_series" / "Lung_Dx-A0001"
    if not chest.is_dir():
        pytest.skip("needs the CT series of the labelled data")

    command = ["scan", str(chest), "--workers", "1", "--dicom-out", "dicom"]
    result = run(tmp_path, *command, "--task", "lung_nodule")

    assert result.returncode == 0, result.stderr
    with open_log(tmp_path / "inspect_ai.db", create=False) as log:
        (entry,) = log.entries(kind="decision")
    report = pydicom.dcmread(tmp_path / "dicom" / str(entry.id) / "report.dcm")
    sources = {str(ds.SOPInstanceUID): ds for ds in map(pydicom.dcmread, chest.glob("*.dcm"))}
    findings = entry.decision().findings
    assert len(groups(report)) == len(findings) > 0
    for group, finding in zip(groups(report), findings, strict=True):
        (region,) = [item for item in named(group, "111030 DCM") if item.ValueType == "SCOORD"]
        source = sources[region.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID]
        x, y, *_ = (float(v) - 0.5 for v in region.GraphicData)
        spacing = [float(v) for v in source.PixelSpacing]
        directions = np.array(source.ImageOrientationPatient, float).reshape(2, 3)
        position = np.array(source.ImagePositionPatient, float) + directions.T @ (x * spacing[1], y * spacing[0])
        assert position == pytest.approx(finding.position_mm, abs=max(spacing))  # rows and columns are whole pixels
    study = {str(ds.StudyInstanceUID) for ds in sources.values()}
    assert {str(pydicom.dcmread(path).StudyInstanceUID) for path in (tmp_path / "dicom").rglob("*.dcm")} == study
