"""The few words of a header by which groups of pictures are told apart."""

from collections.abc import Callable
from pathlib import Path

import pytest

from inspect_ai.ingest import known_words
from inspect_ai.ingest.attributes import age_band, as_at_work, attribute_text, attributes_set, thickness_band
from inspect_ai.settings import Settings
from tests.ingest.conftest import Given
from tests.support.dicom_factory import ct_slice, save, save_series

Ingest = Callable[[Path], Given]
REGULAR = [2.5 * i for i in range(6)]
SAID = {"Manufacturer": "SIEMENS ", "ManufacturerModelName": "Sensation 64", "SliceThickness": "1.25"}


def test_a_series_carries_device_thickness_and_age_in_bands_and_nobody_s_name(tmp_path: Path, ingest: Ingest) -> None:
    save_series(tmp_path, REGULAR, **SAID, PatientAge="057Y", PatientBirthDate="19680101")

    (study,) = ingest(tmp_path).studies

    assert dict(study.ref.attributes) == {
        "manufacturer": "SIEMENS",
        "model": "Sensation 64",
        "slice_thickness": "<=1.5",
        "age_band": "50-59",
    }
    for secret in ("Secret", "SECRET", "1968", "057", "Marker"):
        assert secret not in repr(study.ref)


def test_a_header_that_says_nothing_has_no_attributes(tmp_path: Path, ingest: Ingest) -> None:
    save_series(tmp_path, REGULAR, SliceThickness=None, PatientAge="")

    assert ingest(tmp_path).studies[0].ref.attributes == ()


def test_where_slices_disagree_nothing_is_known(tmp_path: Path, ingest: Ingest) -> None:
    for i, z in enumerate(REGULAR):
        save(
            ct_slice(z, number=i + 1, Manufacturer="SIEMENS" if i else "GE", ManufacturerModelName="M"),
            tmp_path / f"{i}",
        )

    assert ingest(tmp_path).studies[0].ref.attributes == (("model", "M"),)


@pytest.mark.parametrize("text", ["\x1b[31mred" + "x" * 40, "Siemens^Anna", "SIEMENS Mueller", "Mueller", "19650101"])
def test_a_maker_that_is_no_known_one_is_another_one(text: str, tmp_path: Path, ingest: Ingest) -> None:
    save_series(tmp_path, REGULAR, Manufacturer=text, ManufacturerModelName=text)

    assert dict(ingest(tmp_path).studies[0].ref.attributes) == {"manufacturer": "other", "model": "other"}


@pytest.mark.parametrize(
    ("said", "kept"),
    [(name, name) for name in ("SIEMENS", "GE MEDICAL SYSTEMS", "Philips Medical Systems, Inc.", "TOSHIBA_MEC",
     "Hitachi Medical Corporation", "FUJI PHOTO FILM CO. LTD.", "Agfa-Gevaert AG", "Canon", "Siemens Healthineers",
     "Heidelberg Engineering", "Carl Zeiss Meditec")]
    + [("", ""), (None, ""), ("Anna GE", "other"), ("Co. Ltd.", "other")],
)  # fmt: skip
def test_makers_are_kept_as_devices_spell_them(said: object, kept: str) -> None:
    assert known_words.maker(said) == kept


@pytest.mark.parametrize(
    ("said", "kept"),
    [(name, name) for name in ("Brilliance16", "Brilliance 64", "Sensation 10", "SIGNA HDx", "LightSpeed VCT", "iU22",
     "DISCOVERY MR750", "HiSpeed CT/i", "SOMATOM Definition AS", "Eclipse 1.5T", "GENESIS_SIGNA", "Aquilion ONE")]
    + [("", ""), ("Anna Mueller", "other"), ("Mueller", "other"), ("Prisma Kim", "other"), ("Prisma 19650101", "other"),
       ("Kim 1965", "other"), ("4711", "other")],
)  # fmt: skip
def test_models_are_known_words_and_codes(said: str, kept: str) -> None:
    assert known_words.model(said) == kept


def test_codes_are_those_of_the_standard_or_nothing() -> None:
    assert [known_words.modality(text) for text in ("ct ", "XC", "MUELLER", "", None)] == ["CT", "XC", "", "", ""]
    parts = ("chest", "WHOLE BODY", "ANNA MUELLER", "MUELLER", None)
    assert [known_words.body_part(text) for text in parts] == ["CHEST", "WHOLE BODY", "", "", ""]


@pytest.mark.parametrize(
    ("mm", "band"),
    [("0.625", "<=1.5"), (1.5, "<=1.5"), (1.51, "1.5-3"), ("3", "1.5-3"), (3.01, ">3"), ("5.0", ">3"),
     ("", ""), (None, ""), ("thin", ""), (0, ""), (-2, ""), ("nan", ""), ("inf", ""), ([1, 2], "")],
)  # fmt: skip
def test_thickness_falls_into_three_bands(mm: object, band: str) -> None:
    assert thickness_band(mm) == band


@pytest.mark.parametrize(
    ("age", "band"),
    [("045Y", "40-49"), ("039Y", "30-39"), ("040Y", "40-49"), ("080Y", "80+"), ("103Y", "80+"), ("018M", "0-9"),
     ("003D", "0-9"), ("520W", "0-9"), ("522W", "10-19"), ("45", ""), ("045y", ""), ("", ""), ("0450Y", "")],
)  # fmt: skip
def test_age_falls_into_ten_years(age: str, band: str) -> None:
    assert age_band(age) == band


def test_site_and_camera_are_what_the_settings_say() -> None:
    assert attributes_set(Settings(site=" Hall 3 ", camera="")) == (("site", "Hall 3"),)
    assert attributes_set(Settings()) == ()


def test_a_table_may_say_numbers_where_a_study_has_bands() -> None:
    assert as_at_work("slice_thickness", "1.25") == as_at_work("slice_thickness", "<=1.5") == "<=1.5"
    assert as_at_work("age_band", "057Y") == as_at_work("age_band", "50-59") == "50-59"
    assert as_at_work("manufacturer", "GE \n") == attribute_text("GE") == "GE"
    assert as_at_work("cls", " blowhole") == "blowhole"
