"""A folder of studies becomes decisions: what is decided, counted, logged, and said."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence

from inspect_ai.audit import open_log, verify
from inspect_ai.calibration import read_point, write_point
from inspect_ai.domain import Outcome, Rejection
from inspect_ai.errors import SetupError, UsageError
from inspect_ai.journeys.plan_scan import Planned, PlanSummary, plan_scan
from inspect_ai.journeys.scan import FileRejected, StudyDecided, Summary, scan
from inspect_ai.settings import Settings
from tests.support.dicom_factory import ct_slice, enhanced_ct, save, save_series, uid
from tests.support.points import changed
from tests.support.tasks import certify, make_pictures, make_task

FAILING = """
from inspect_ai.plugins import Task


class Failing(Task):
    def units(self, study):
        if study.images[0].pixels.mean() > 128:
            raise ZeroDivisionError("patient name")
        yield from super().units(study)
"""
LOOKING = """
from inspect_ai.plugins import Task


class Looking(Task):
    def accepts(self, study):
        return "a bright picture" if study.images[0].pixels.mean() > 128 else None
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    trusted = certify(make_task(tmp_path / "tasks"), tmp_path / "workshop")
    return Settings(
        db=tmp_path / "log.db",
        out=tmp_path / "out",
        tasks=str(tmp_path / "tasks"),
        task="bright",
        trusted_keys=str(trusted),
    )


def decided(events: Iterator[object]) -> tuple[dict[str, StudyDecided], list[Rejection], Summary]:
    everything = list(events)
    studies = {e.decision.study.key: e for e in everything if isinstance(e, StudyDecided)}
    rejections = [e.rejection for e in everything if isinstance(e, FileRejected)]
    assert isinstance(everything[-1], Summary)
    return studies, rejections, everything[-1]


def test_every_study_is_decided_by_its_content_and_every_file_counted(settings: Settings, tmp_path: Path) -> None:
    bright = make_pictures(tmp_path / "studies", 12)
    (tmp_path / "studies" / "note.txt").write_text("no picture")
    (tmp_path / "studies" / "empty.png").write_bytes(b"")

    studies, rejections, summary = decided(scan(tmp_path / "studies", settings))

    outcomes = {name: event.decision.verdict.outcome for name, event in studies.items()}
    assert outcomes == {name: Outcome.FLAG if flag else Outcome.CLEAR for name, flag in bright.items()}
    assert sorted(rejection.file for rejection in rejections) == ["empty.png", "note.txt"]
    assert (summary.files, summary.consumed, summary.rejected) == (14, 12, 2)
    assert (summary.studies, summary.flag, summary.clear, summary.abstain) == (12, 6, 6, 0)
    assert all(event.decision.verdict.certified for event in studies.values())
    assert verify(settings.db).ok
    assert summary.report is not None
    assert summary.report.is_file()


def test_what_the_log_holds_is_not_decided_again(settings: Settings, tmp_path: Path) -> None:
    make_pictures(tmp_path / "studies", 5)
    first, _, _ = decided(scan(tmp_path / "studies", settings))

    second, _, summary = decided(scan(tmp_path / "studies", settings))

    assert {name: event.entry for name, event in second.items()} == {name: event.entry for name, event in first.items()}
    assert summary.known == 5
    with open_log(settings.db) as log:
        assert len(list(log.entries(kind="decision"))) == 5


def test_force_decides_again_and_the_old_row_stays(settings: Settings, tmp_path: Path) -> None:
    make_pictures(tmp_path / "studies", 2)
    first, _, _ = decided(scan(tmp_path / "studies", settings))

    second, _, _ = decided(scan(tmp_path / "studies", settings, force=True))

    assert {event.entry for event in first.values()} & {event.entry for event in second.values()} == set()
    with open_log(settings.db) as log:
        assert len(list(log.entries(kind="decision"))) == 4
    third, _, _ = decided(scan(tmp_path / "studies", settings))
    assert {event.entry for event in third.values()} == {event.entry for event in second.values()}


def test_a_copy_under_another_name_is_consumed_and_shares_its_row(settings: Settings, tmp_path: Path) -> None:
    make_pictures(tmp_path / "studies", 1)
    (tmp_path / "studies" / "copy.png").write_bytes((tmp_path / "studies" / "part0000.png").read_bytes())

    studies, _, summary = decided(scan(tmp_path / "studies", settings))

    assert sorted(studies) == ["copy.png", "part0000.png"]
    assert len({event.entry for event in studies.values()}) == 1
    assert summary.consumed == 2


def test_an_interrupted_scan_keeps_what_is_committed_and_goes_on(settings: Settings, tmp_path: Path) -> None:
    make_pictures(tmp_path / "studies", 80)
    events = scan(tmp_path / "studies", settings)
    seen = []
    for event in events:
        if isinstance(event, StudyDecided):
            seen.append(event.entry)
            break
    events.close()

    with open_log(settings.db) as log:
        kept = len(list(log.entries(kind="decision")))
    _, _, summary = decided(scan(tmp_path / "studies", settings))

    assert 0 < kept < 80
    assert summary.known == kept
    with open_log(settings.db) as log:
        rows = [entry.decision().study.key for entry in log.entries(kind="decision")]
    assert len(rows) == len(set(rows)) == 80


def test_what_a_scan_wrote_is_not_scanned(settings: Settings, tmp_path: Path) -> None:
    make_pictures(tmp_path / "here", 4)
    settings = replace(settings, db=tmp_path / "here" / "log.db", out=tmp_path / "here" / "out")
    decided(scan(tmp_path / "here", settings))

    _, _, summary = decided(scan(tmp_path / "here", settings))

    assert (summary.files, summary.studies, summary.known) == (4, 4, 4)


def test_a_fault_in_a_plugin_costs_one_study_and_quotes_nothing(settings: Settings, tmp_path: Path) -> None:
    make_task(tmp_path / "tasks", "failing", task_py=FAILING)
    bright = make_pictures(tmp_path / "studies", 4)

    studies, _, summary = decided(scan(tmp_path / "studies", replace(settings, task="failing")))

    assert (summary.abstain, summary.clear) == (2, 2)
    reasons = [studies[name].decision.verdict.reason for name, flag in bright.items() if flag]
    assert all("ZeroDivisionError in task.py line 8" in reason for reason in reasons)
    assert not any("patient name" in reason for reason in reasons)


def test_auto_prefers_the_task_that_looks_at_pixels(settings: Settings, tmp_path: Path) -> None:
    make_task(tmp_path / "tasks", "looking", task_py=LOOKING)
    bright = make_pictures(tmp_path / "studies", 4)
    auto = replace(settings, task="auto")

    studies, _, _ = decided(scan(tmp_path / "studies", auto))

    for name, event in studies.items():
        if bright[name]:
            assert event.decision.provenance.task in {"looking", ""}  # bundled tasks may recognise it too
        else:
            assert event.decision.provenance.task != "looking"


def test_what_no_task_inspects_ends_as_abstain_with_the_reason(settings: Settings, tmp_path: Path) -> None:
    write_mr_slice(tmp_path / "studies" / "mr")

    studies, _, summary = decided(scan(tmp_path / "studies", settings))

    (event,) = studies.values()
    assert event.decision.verdict.outcome is Outcome.ABSTAIN
    assert "MR" in event.decision.verdict.reason
    assert event.decision.score is None
    assert summary.files == 1
    with open_log(settings.db) as log:
        assert log.entry(event.entry).outcome == "abstain"


def test_decisions_at_a_point_of_other_weights_are_not_certified_and_say_why(
    settings: Settings, tmp_path: Path
) -> None:
    make_pictures(tmp_path / "studies", 1)
    path = tmp_path / "tasks" / "bright" / "operating_point.json"
    write_point(changed(read_point(path), model_sha256="f" * 64), path)

    studies, _, _ = decided(scan(tmp_path / "studies", settings))

    (event,) = studies.values()
    assert not event.decision.verdict.certified
    assert "other weights" in event.decision.verdict.reason


def test_a_task_without_weights_is_an_error_that_says_how_to_make_them(settings: Settings, tmp_path: Path) -> None:
    make_pictures(tmp_path / "studies", 1)
    (tmp_path / "tasks" / "bright" / "manifest.json").unlink()

    with pytest.raises(SetupError, match="inspect-ai train"):
        list(scan(tmp_path / "studies", settings))


def test_a_path_that_is_not_there_is_a_usage_error(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not there"):
        list(scan(tmp_path / "nothing", settings))


def test_a_dry_run_names_task_and_known_row_and_writes_nothing(settings: Settings, tmp_path: Path) -> None:
    make_pictures(tmp_path / "studies", 2)
    before = list(plan_scan(tmp_path / "studies", settings))
    assert [item.route.candidates for item in before if isinstance(item, Planned)] == [("bright",)] * 2
    assert not settings.db.exists()
    assert not settings.out.exists()
    studies, _, _ = decided(scan(tmp_path / "studies", settings))

    after = [item for item in plan_scan(tmp_path / "studies", settings) if isinstance(item, Planned)]

    assert {item.study.key: item.known for item in after} == {name: event.entry for name, event in studies.items()}


def test_a_dry_run_ends_with_its_counts(settings: Settings, tmp_path: Path) -> None:
    make_pictures(tmp_path / "studies", 2)
    save_foreign(tmp_path / "studies")
    (tmp_path / "studies" / "note.txt").write_text("no picture")
    looked_at: list[int] = []

    *_, end = plan_scan(tmp_path / "studies", settings, looked_at.append)

    assert isinstance(end, PlanSummary)
    assert (end.files, end.series, end.volumes, end.set_aside, end.rejected) == (14, 1, 3, 6, 1)
    assert looked_at == list(range(1, 15))


def test_files_set_aside_are_logged_and_counted_apart(settings: Settings, tmp_path: Path) -> None:
    make_pictures(tmp_path / "studies", 2)
    save_foreign(tmp_path / "studies")

    first = decided(scan(tmp_path / "studies", settings))
    again = decided(scan(tmp_path / "studies", settings))

    for studies, rejections, summary in (first, again):
        assert len(studies) == 3
        assert sorted(r.file for r in rejections if r.expected) == sorted(FOREIGN)
        assert (summary.files, summary.consumed, summary.set_aside, summary.rejected) == (13, 7, 6, 0)
    with open_log(settings.db) as log:
        logged = [entry.rejection() for entry in log.entries(kind="rejection")]
        names = sorted(log.names.path(file) for file in FOREIGN)
    assert sorted(rejection.file for rejection in logged) == names
    assert all(rejection.expected for rejection in logged)


def test_a_file_of_two_volumes_counts_once(settings: Settings, tmp_path: Path) -> None:
    ds = enhanced_ct([2.0 * (i // 2) for i in range(10)])
    for i, group in enumerate(ds.PerFrameFunctionalGroupsSequence):
        content = Dataset()
        content.TemporalPositionIndex = i % 2 + 1
        group.FrameContentSequence = Sequence([content])
    save(ds, tmp_path / "studies" / "both.dcm")

    studies, _, summary = decided(scan(tmp_path / "studies", settings))
    *_, end = plan_scan(tmp_path / "studies", settings)

    assert len(studies) == 2
    assert (summary.files, summary.consumed) == (1, 1)
    assert isinstance(end, PlanSummary)
    assert (end.files, end.series, end.volumes) == (1, 1, 2)


FOREIGN = ("ct/capture", "ct/localizer", "ct/page", "ct/pdf", "ct/sr", "ct/state")


def save_foreign(folder: Path) -> None:
    """A CT series of five slices, and what a scanner sends with it."""
    save_series(folder / "ct", [2.5 * i for i in range(5)])
    changes = {
        "capture": {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"},
        "localizer": {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]},
        "page": {"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"], "SeriesInstanceUID": uid("page")},
        "pdf": {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.104.1", "SeriesInstanceUID": uid("pdf")},
        "sr": {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.67", "SeriesInstanceUID": uid("sr")},
        "state": {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.11.1"},
    }
    for number, (name, own) in enumerate(changes.items(), 50):
        save(ct_slice(0, number=number, **own), folder / "ct" / name)


def test_flagged_studies_have_their_picture_and_heat_map(settings: Settings, tmp_path: Path) -> None:
    bright = make_pictures(tmp_path / "studies", 4)

    studies, _, _ = decided(scan(tmp_path / "studies", settings))

    for name in bright:
        for suffix in ("", "_heat"):
            picture = settings.out / "pictures" / f"{studies[name].entry}{suffix}.png"
            assert picture.read_bytes().startswith(b"\x89PNG")


def test_pictures_of_another_log_do_not_stand_beside_this_one(settings: Settings, tmp_path: Path) -> None:
    make_pictures(tmp_path / "many", 6)
    make_pictures(tmp_path / "one", 1, first=50)
    decided(scan(tmp_path / "many", settings))

    studies, _, _ = decided(scan(tmp_path / "one", replace(settings, db=tmp_path / "other.db")))

    (event,) = studies.values()
    ours = [f"{event.entry}.png", f"{event.entry}_heat.png"]
    assert sorted(p.name for p in (settings.out / "pictures").glob("*.png")) == ours


def write_mr_slice(folder: Path) -> None:
    folder.mkdir(parents=True)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = pydicom.uid.MRImageStorage
    meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    ds = pydicom.Dataset()
    ds.file_meta = meta
    ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    ds.StudyInstanceUID, ds.SeriesInstanceUID = pydicom.uid.generate_uid(), pydicom.uid.generate_uid()
    ds.Modality, ds.PatientName, ds.PatientID = "MR", "Phantom^Test", "1"
    ds.Rows = ds.Columns = 32
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelSpacing, ds.ImagePositionPatient = [1.0, 1.0], [0.0, 0.0, 0.0]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.PixelData = np.arange(32 * 32, dtype="<u2").tobytes()
    ds.save_as(folder / "slice.dcm", enforce_file_format=True)
