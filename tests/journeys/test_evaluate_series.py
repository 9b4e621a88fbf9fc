"""Whole series against a table of nodules, through the command, on made chests whose nodules are known."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest

from inspect_ai.phantom.studies import MadeStudy, write_chests


def run(*options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from inspect_ai.cli import main; main()", "evaluate", "lung_nodule"]
    return subprocess.run([*command, *map(str, options)], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, MadeStudy]:
    folder = tmp_path_factory.mktemp("chests")
    with_nodules, _ = write_chests(folder)
    uid = pydicom.dcmread(next((folder / with_nodules.folder_or_file).iterdir()), stop_before_pixels=True)
    lines = ["seriesuid,coordX,coordY,coordZ,diameter_mm"]
    for place in with_nodules.places:
        assert place.position_mm is not None
        lines.append(f"{uid.SeriesInstanceUID},{','.join(map(str, place.position_mm))},{place.diameter_mm}")
    far = f"{uid.SeriesInstanceUID},4000,0,0,5"  # of another coordinate system
    (folder / "annotations.csv").write_text("\n".join([*lines, far]) + "\n")
    (folder / "excluded.csv").write_text(f"{lines[0]}\n{uid.SeriesInstanceUID},0,0,0,5\n")
    return folder, with_nodules


def test_made_nodules_are_found_at_their_place_in_millimetres_and_the_page_says_so(
    made: tuple[Path, MadeStudy],
) -> None:
    folder, with_nodules = made
    page = folder / "page.html"

    done = run(
        "--data", folder / "ct", "--annotations", folder / "annotations.csv", "--excluded", folder / "excluded.csv",
        "--report", page, "--json",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    there = len(with_nodules.places)
    assert (found["series"], found["nodules"], found["excluded"]) == (2, there + 1, 1)
    assert found["unscored"] == 0
    # Within the radius of the truth: all but the far one. One may be missed, whose strongest candidate lies on its rim.
    assert (there - 1) / (there + 1) - 1e-6 <= found["marked"] <= there / (there + 1) + 1e-6
    assert f"annotated nodules that lie outside it: 1 (line {there + 2})" in " ".join(found["said"])
    assert [one["rate"] for one in found["sensitivity"]] == [0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0]
    assert found["cpm"] == pytest.approx(sum(one["value"] for one in found["sensitivity"]) / 7)
    assert not any("a mass of" in sentence for sentence in found["said"])
    assert any("not in the table count as without nodules: 1" in sentence for sentence in found["said"])
    text = page.read_text("utf-8")
    assert "mean of these (CPM)" in text
    assert "FROC: nodules found against false marks" in text


def test_a_table_of_other_series_is_refused(made: tuple[Path, MadeStudy], tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("seriesuid,coordX,coordY,coordZ,diameter_mm\n9.9,0,0,0,5\n")

    done = run("--data", tmp_path, "--annotations", tmp_path / "other.csv")

    assert done.returncode == 3
    assert "Compare their series UIDs" in done.stderr


def test_splits_do_not_go_with_whole_series(tmp_path: Path) -> None:
    done = run("--data", tmp_path, "--annotations", tmp_path / "a.csv", "--split", "val")

    assert done.returncode == 2
    assert "--split does not go with --annotations" in done.stderr
