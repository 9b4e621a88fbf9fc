"""Sources are found and compared before anything refers to them, and what their headers say of a person is not told."""

import logging
import warnings
from dataclasses import replace
from pathlib import Path

import pytest

from inspect_ai.audit import key_path, open_log
from inspect_ai.dicom_out import NoDicomStudy, objects_for, write_objects
from inspect_ai.errors import InputError, InspectError, UsageError
from inspect_ai.settings import Settings
from tests.dicom_out.conftest import Made, logged
from tests.support import logs
from tests.support.dicom_factory import ct_slice, save, save_series
from tests.support.dicom_studies import ct_study, decided, nodule, study_of


def refusal(settings: Settings, root: Path) -> str:
    """Sentence of the last entry's refusal."""
    with open_log(settings.db) as log:
        entry = next(log.entries(newest_first=True, limit=1))
        with pytest.raises(InspectError) as refused:
            objects_for(entry, log, root, settings)
    assert type(refused.value) in (InputError, UsageError, NoDicomStudy)
    return str(refused.value)


def test_a_missing_source_is_named_by_its_number_and_pseudonym(root: Path, settings: Settings) -> None:
    logged(settings, decided(ct_study(root), nodule(1, 20, 30)))
    (root / "patient meier" / "003").unlink()

    sentence = refusal(settings, root)

    assert sentence.startswith("The source file 3 of 4 (")
    assert "of entry 1 is not there or cannot be read (No such file or directory)" in sentence
    assert "--root" in sentence
    assert "meier" not in sentence


def test_an_altered_source_is_refused(root: Path, settings: Settings) -> None:
    logged(settings, decided(ct_study(root), nodule(1, 20, 30)))
    path = root / "patient meier" / "002"
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")

    sentence = refusal(settings, root)

    assert "file 2 of 4" in sentence
    assert "its content was altered" in sentence
    assert "meier" not in sentence


def test_a_camera_file_and_a_rejection_end_with_their_sentences(root: Path, settings: Settings) -> None:
    root.mkdir()
    logs.make_log(settings.db, rows=3)

    with open_log(settings.db) as log:
        with pytest.raises(NoDicomStudy, match="Entry 1 is a decision on a camera file, not on a DICOM study"):
            objects_for(log.entry(1), log, root, settings)
        with pytest.raises(UsageError, match="Entry 3 of the audit log is a rejection, not a decision"):
            objects_for(log.entry(3), log, root, settings)


def test_sources_are_found_by_content_where_the_log_keeps_no_names(root: Path, made: Made) -> None:
    study = ct_study(root)
    (root / "patient meier").rename(root / "elsewhere")

    objects = made(decided(study, nodule(1, 20, 30)), keep_names=False)

    assert set(objects) == {"report", "segments"}


def test_a_log_without_its_key_gets_none_made(root: Path, settings: Settings, tmp_path: Path) -> None:
    logged(settings, decided(ct_study(root), nodule(1, 20, 30)))
    key_path(settings.db).unlink()

    with open_log(settings.db) as log:
        objects = objects_for(log.entry(1), log, root, settings)

    assert len(objects.objects) == 2
    assert not key_path(settings.db).exists()


def test_a_root_that_is_the_one_file_is_read_itself(root: Path, settings: Settings) -> None:
    from tests.support.dicom_factory import fundus_photograph, uid
    from tests.support.pictures import noise

    path = save(fundus_photograph(noise()), root / "eye.dcm")
    study = study_of(root, ".", "OP")
    nothing = {"position_mm": None, "diameter_mm": None, "axes_mm": None}
    finding = replace(nodule(0, 7, 9), **nothing, sop_instance_uid=uid("i1"))
    (entry,) = logged(settings, decided(study, finding))

    with open_log(settings.db) as log:
        assert objects_for(entry, log, path, settings).objects[0].kind == "report"


HOSTILE = "Evil\x1b[31m^Name\r\nForged\x00\x07"


def test_hostile_text_in_headers_makes_clean_objects_and_is_told_nowhere(
    root: Path,
    settings: Settings,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    import pydicom

    caplog.set_level(logging.DEBUG)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        save_series(
            root / "p", [0.0, 2.5, 5.0], PatientName=HOSTILE, PatientID="Zaubermann\x1b]0;x\x07", PatientSex="Q" * 20,
            PatientBirthDate="Zauberdatum", StudyDescription="Zauberbeschreibung\n\n", StudyDate="31.12.2025",
            AccessionNumber="Zauber\\Zauber",
        )  # fmt: skip
    (entry,) = logged(settings, decided(study_of(root, "p"), nodule(1, 20, 30)))

    caplog.clear()
    with warnings.catch_warnings(record=True) as warned, open_log(settings.db) as log:
        warnings.simplefilter("always")
        objects = objects_for(entry, log, root, settings)
        paths = write_objects(objects, tmp_path / "objects")

    told = capfd.readouterr()
    everything = told.out + told.err + caplog.text + "".join(str(w.message) for w in warned) + repr(objects)
    assert not [word for word in ("Evil", "Forged", "Zauber", "31.12.2025") if word in everything]
    for path in paths:
        ds = pydicom.dcmread(path)
        assert str(ds.PatientName) == "Evil[31m^NameForged"
        assert ds.PatientID == "Zaubermann]0;x"
        assert (ds.PatientSex, ds.PatientBirthDate, ds.StudyDate) == ("", "", "")
        assert ds.StudyDescription == "Zauberbeschreibung"
        assert ds.AccessionNumber == "Zauber"


def test_names_in_other_scripts_come_through(root: Path, made: Made) -> None:
    save_series(
        root / "p", [0.0, 2.5, 5.0], SpecificCharacterSet=["", "ISO 2022 IR 87"],
        PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう",
    )  # fmt: skip

    report = made(decided(study_of(root, "p"), nodule(1, 20, 30)))["report"]

    assert str(report.PatientName) == "Yamada^Tarou=山田^太郎=やまだ^たろう"
    assert report.SpecificCharacterSet == "ISO_IR 192"


def test_nothing_else_of_a_person_is_copied(root: Path, made: Made, tmp_path: Path) -> None:
    save_series(
        root / "p", [0.0, 2.5, 5.0], PatientAddress="Lindenweg 7", OtherPatientIDs="OTHER-9",
        InstitutionName="Klinik Nord", OperatorsName="Weber^Ute", SeriesDescription="Thorax Schmidt",
    )  # fmt: skip

    made(decided(study_of(root, "p"), nodule(1, 20, 30)), picture=True)

    for path in (tmp_path / "objects" / "1").iterdir():
        content = path.read_bytes()
        for word in (b"Lindenweg", b"OTHER-9", b"Klinik", b"Weber", b"Schmidt", b"meier"):
            assert word not in content


def test_files_without_a_study_uid_are_refused_with_a_sentence(root: Path, settings: Settings) -> None:
    ds = ct_slice(0.0)
    del ds.StudyInstanceUID
    ds.Modality = "OP"
    save(ds, root / "p" / "one.dcm")
    logged(settings, decided(study_of(root, "p", "OP"), nodule(0, 20, 30)))

    assert "StudyInstanceUID (0020,000D)" in refusal(settings, root)
