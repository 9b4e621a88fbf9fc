"""Marks of a photograph are drawn by a presentation state, where the decision says."""

import shutil
import subprocess
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import ImageCms

from inspect_ai.audit import open_log
from inspect_ai.dicom_out import objects_for, write_objects
from inspect_ai.domain import Decision, Outcome
from inspect_ai.settings import Settings
from tests.dicom_out.conftest import Made, logged
from tests.dicom_out.reading import tracking
from tests.support.dicom_factory import fundus_photograph, save, uid
from tests.support.dicom_studies import PROVENANCE, ct_study, decided, nodule, study_of
from tests.support.pictures import noise

COLOUR, GREY = "1.2.840.10008.5.1.4.1.1.11.2", "1.2.840.10008.5.1.4.1.1.11.1"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def photograph(root: Path, number: int = 1, **changes: Any) -> None:
    ds = fundus_photograph(noise(), SOPInstanceUID=uid(f"eye{number}"), **changes)
    if changes.get("SamplesPerPixel") == 1:
        ds.PixelData = noise()[..., 0].tobytes()
        del ds.PlanarConfiguration
    ds.file_meta.MediaStorageSOPInstanceUID, ds.file_meta.MediaStorageSOPClassUID = ds.SOPInstanceUID, ds.SOPClassUID
    save(ds, root / "eyes" / f"{number}.dcm")


def found(number: int = 1, **fields: Any) -> Any:
    given = {
        "name": "referable", "position_mm": None, "diameter_mm": None, "axes_mm": None, "laterality": "L",
        "sop_instance_uid": uid(f"eye{number}"), "image_index": number - 1,
    }  # fmt: skip
    return replace(nodule(0, 7, 9), **(given | fields))


def flagged(root: Path, *findings: Any, **fields: Any) -> Decision:
    return decided(study_of(root, "eyes", "OP"), *findings, provenance=replace(PROVENANCE, task="fundus"), **fields)


def graphics(state: Any) -> list[tuple[str, str, list[float]]]:
    """UID of the picture, kind and coordinates of each graphic."""
    return [
        (
            str(on.ReferencedImageSequence[0].ReferencedSOPInstanceUID),
            one.GraphicType,
            [float(v) for v in one.GraphicData],
        )
        for on in state.GraphicAnnotationSequence
        for one in on.GraphicObjectSequence
    ]


def words(state: Any) -> list[str]:
    return [str(one.UnformattedTextValue) for on in state.GraphicAnnotationSequence for one in on.TextObjectSequence]


def test_a_colour_photograph_has_its_marks_as_graphics_with_number_outcome_and_caution(root: Path, made: Made) -> None:
    photograph(root)

    objects = made(flagged(root, found(), found(row=30, col=40)))

    state = objects["marks"]
    assert state.SOPClassUID == COLOUR
    assert graphics(state) == [(uid("eye1"), "POINT", [9.5, 7.5]), (uid("eye1"), "POINT", [40.5, 30.5])]
    assert words(state) == ["FLAG, score 0.7500\r\nResearch software: not a medical device.", "1", "2"]
    drawn = [one for on in state.GraphicAnnotationSequence for one in on.GraphicObjectSequence]
    assert [one.TrackingUID for one in drawn] == tracking(objects["report"])
    assert {one.GraphicAnnotationUnits for one in drawn} == {"PIXEL"}
    (shown,) = state.DisplayedAreaSelectionSequence
    assert list(shown.DisplayedAreaBottomRightHandCorner) == [50, 40]
    assert (state.Laterality, state.Modality, state.StudyInstanceUID) == ("L", "PR", objects["report"].StudyInstanceUID)
    assert (str(state.PatientName), state.PatientID) == ("Marker^Secret", "SECRET-1")
    assert "segments" not in objects


def test_a_place_that_is_not_known_is_the_whole_picture_and_a_size_is_a_circle(root: Path, made: Made) -> None:
    plane = {
        "PixelSpacing": [0.5, 0.5],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "ImagePositionPatient": [0, 0, 0],
    }
    photograph(root, FrameOfReferenceUID="", **plane)

    state = made(flagged(root, found(row=None, col=None), found(row=20, col=25, diameter_mm=6.0)))["marks"]

    (_, whole, corners), (_, circle, centre_and_rim) = graphics(state)
    assert (whole, corners) == ("POLYLINE", [0, 0, 50, 0, 50, 40, 0, 40, 0, 0])
    assert (circle, centre_and_rim) == ("CIRCLE", [25.5, 20.5, 31.5, 20.5])


def test_marks_of_two_photographs_stand_each_on_its_own(root: Path, made: Made) -> None:
    photograph(root, 1)
    photograph(root, 2)

    state = made(flagged(root, found(2, laterality="R"), found(1, row=30, col=40)))["marks"]

    assert sorted(graphics(state)) == sorted([(uid("eye2"), "POINT", [9.5, 7.5]), (uid("eye1"), "POINT", [40.5, 30.5])])
    assert words(state).count("FLAG, score 0.7500\r\nResearch software: not a medical device.") == 2
    assert state.Laterality == ""


def test_the_profile_is_the_photographs_own_else_srgb_as_an_input_profile(root: Path, made: Made) -> None:
    photograph(root)
    srgb = bytes(made(flagged(root, found()))["marks"].ICCProfile)
    own = srgb[:24] + bytes(12) + srgb[36:]
    photograph(root, ICCProfile=own)

    assert bytes(made(flagged(root, found()))["marks"].ICCProfile) == own
    profile = ImageCms.ImageCmsProfile(BytesIO(srgb)).profile
    assert (profile.device_class, profile.xcolor_space.strip()) == ("scnr", "RGB")  # PS3.3 C.11.15.1.1
    assert "sRGB" in profile.profile_description


@pytest.mark.parametrize(("photometric", "shape"), [("MONOCHROME2", "IDENTITY"), ("MONOCHROME1", "INVERSE")])
@pytest.mark.parametrize("sop_class", [None, SECONDARY_CAPTURE])
def test_a_grey_photograph_has_a_grayscale_state_with_its_window(
    photometric: str, shape: str, sop_class: str | None, root: Path, made: Made
) -> None:
    kind = {} if sop_class is None else {"SOPClassUID": sop_class}
    photograph(root, SamplesPerPixel=1, PhotometricInterpretation=photometric, WindowCenter=100, WindowWidth=90, **kind)

    state = made(flagged(root, found()))["marks"]

    assert state.SOPClassUID == GREY
    assert state.PresentationLUTShape == shape
    (window,) = state.SoftcopyVOILUTSequence
    assert (float(window.WindowCenter), float(window.WindowWidth)) == (100, 90)
    assert graphics(state) == [(uid("eye1"), "POINT", [9.5, 7.5])]


def test_a_clear_photograph_and_slices_in_the_patient_have_no_presentation_state(root: Path, made: Made) -> None:
    photograph(root)

    assert "marks" not in made(flagged(root, found(score=0.2), outcome=Outcome.CLEAR, score=0.2))
    assert "marks" not in made(decided(ct_study(root), nodule(1, 20, 30)))


def test_a_state_made_twice_is_the_same_bytes(root: Path, settings: Settings, tmp_path: Path) -> None:
    photograph(root)
    (entry,) = logged(settings, flagged(root, found()))
    for folder in ("a", "b"):
        with open_log(settings.db) as log:
            write_objects(objects_for(entry, log, root, settings), tmp_path / folder)

    assert (tmp_path / "a" / "marks.dcm").read_bytes() == (tmp_path / "b" / "marks.dcm").read_bytes()


@pytest.mark.parametrize("samples", [1, 3])
def test_the_validator_and_the_library_take_the_state(samples: int, root: Path, made: Made, tmp_path: Path) -> None:
    if not shutil.which("dciodvfy"):
        pytest.skip("needs dciodvfy: apt-get install dicom3tools")
    grey = {"SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2"} if samples == 1 else {}
    photograph(root, **grey)
    made(flagged(root, found(), found(row=None, col=None)))
    path = tmp_path / "objects" / "1" / "marks.dcm"

    checked = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False)

    lines = (checked.stdout + checked.stderr).splitlines()
    assert [line for line in lines if line.startswith("Error")] == []
    assert not [line for line in lines if "not present in standard" in line]
    state = pydicom.dcmread(path)
    for on in state.GraphicAnnotationSequence:  # the layer is the one that is declared
        assert on.GraphicLayer == state.GraphicLayerSequence[0].GraphicLayer
    assert np.all(np.array(state.GraphicAnnotationSequence[0].TextObjectSequence[1].AnchorPoint) == [9.5, 7.5])
