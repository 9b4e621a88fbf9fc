"""Series as people of this trade have met them end as they should: made by the scripts beside the labelled data."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from inspect_ai.domain import Rejection, StudyRef
from inspect_ai.ingest import DecoderPool, discover
from tests.ingest.conftest import SETTINGS, Given

pytestmark = pytest.mark.shared

Plan = Callable[..., tuple[list[StudyRef], list[Rejection]]]


def make(shared: Path, number: str, out: Path, **variant: str) -> Path:
    """OUT with the files of one case."""
    script = shared / "tools" / "field_cases" / f"dicom_{number}.py"
    environment = os.environ | {"SHARED": str(shared)} | variant
    subprocess.run([sys.executable, script, out], check=True, capture_output=True, env=environment)
    return out


@pytest.fixture
def plan(shared: Path, tmp_path: Path, pool: DecoderPool) -> Plan:
    """What headers alone make of a case."""

    def planned(number: str, **variant: str) -> tuple[list[StudyRef], list[Rejection]]:
        found = list(discover(make(shared, number, tmp_path / "in", **variant), settings=SETTINGS, pool=pool))
        refs = [item for item in found if isinstance(item, StudyRef)]
        return refs, [item for item in found if isinstance(item, Rejection)]

    return planned


def test_unmodified_series_are_two_whole_studies(plan: Plan) -> None:
    refs, rejections = plan("00")

    assert [(ref.source, ref.frames, ref.problems, ref.notes) for ref in refs] == [
        ("Lung_Dx-A0001", 64, (), ()),
        ("Lung_Dx-A0002", 30, (), ()),
    ]
    assert rejections == []


def test_a_series_that_overflowed_into_other_folders_is_one_volume(plan: Plan) -> None:
    refs, rejections = plan("01")

    assert sorted((ref.frames, len(ref.files), ref.problems) for ref in refs) == [(30, 60, ()), (64, 64, ())]
    assert rejections == []


def test_a_series_with_a_folder_for_each_file_is_one_volume(plan: Plan) -> None:
    (ref,), rejections = plan("32")

    assert (ref.frames, ref.problems, rejections) == (30, (), [])
    assert "30 folders" in ref.notes[0]


@pytest.mark.parametrize(
    ("number", "variant", "name"),
    [("05", {}, "0999.dcm"), ("09", {}, "9999.dcm"), ("09", {"RESCALE": "yes"}, "9999.dcm")],
)
def test_a_capture_or_localizer_among_the_slices_is_left_out(
    plan: Plan, number: str, variant: dict[str, str], name: str
) -> None:
    (ref,), rejections = plan(number, **variant)

    assert (ref.frames, ref.problems) == (30, ())
    assert [(r.file, r.expected) for r in rejections] == [(name, True)]
    assert "set aside from this series" in ref.notes[0]


def test_two_passes_of_the_scanner_are_two_volumes(shared: Path, tmp_path: Path, ingest: Callable[..., Given]) -> None:
    given = ingest(make(shared, "14", tmp_path / "in"))

    first, second = (study.volumes[0] for study in given.studies)
    assert given.problems == []
    assert (first.hu.shape[0], second.hu.shape[0]) == (30, 30)
    assert (first.spacing_mm[0], second.spacing_mm[0]) == pytest.approx((8.0, 8.0))
    assert second.origin_mm[2] - first.origin_mm[2] == pytest.approx(4.0)
    (alone,) = ingest(make(shared, "14", tmp_path / "alone", **{"PASS": "1"})).studies
    assert alone.ref.digest == given.studies[0].ref.digest


def test_what_a_scanner_sends_with_a_series_is_accounted_for_and_no_case(plan: Plan) -> None:
    refs, rejections = plan("26")

    assert [(ref.source, ref.frames, ref.problems) for ref in refs] == [("S2", 30, ())]
    assert {r.file for r in rejections if r.expected} == {f"S{number}/0001" for number in (1, 999, 501, 502)}
    assert len(rejections) == 4
    assert "a dose report, a localizer" in refs[0].notes[0]
