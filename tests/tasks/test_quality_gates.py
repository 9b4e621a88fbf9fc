"""Each shipped task's fixed limits refuse what nobody could read, and what is of another kind, in words."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from inspect_ai.domain import Image, Study, StudyRef
from inspect_ai.phantom.fundus import make_fundus
from inspect_ai.phantom.metal import make_surface
from inspect_ai.plugins import task_named

REF = StudyRef(key="a", source="a", kind="image", digest="0" * 64, files=())


def failed(task: str, picture: np.ndarray) -> set[str]:
    study = Study(ref=REF, images=(Image(pixels=np.ascontiguousarray(picture)),))
    return {m.name for m in task_named(task).quality(study) if not m.passed}


@pytest.fixture(scope="module")
def eye() -> np.ndarray:
    made = make_fundus(np.random.default_rng(3), size=420, laterality="L", lesions=0.0, tint="brown")
    return made.picture


@pytest.fixture(scope="module")
def tile() -> np.ndarray:
    return make_surface(np.random.default_rng(4), (220, 260), defect=None, exposure=90.0).picture


def test_a_whole_photograph_of_an_eye_passes(eye: np.ndarray) -> None:
    assert failed("fundus", eye) == set()


def test_half_a_photograph_is_told_by_the_shape_of_its_field(eye: np.ndarray) -> None:
    assert "roundness of the field" in failed("fundus", eye[:, :210])


def test_a_grey_picture_is_no_photograph_of_an_eye(eye: np.ndarray) -> None:
    assert "red to blue" in failed("fundus", eye.mean(axis=-1).astype(np.uint8))


def test_an_eye_far_out_of_focus_and_one_in_the_dark_are_refused(eye: np.ndarray) -> None:
    assert "fine detail" in failed("fundus", cv2.GaussianBlur(eye, (0, 0), 12.0))
    assert failed("fundus", (eye * 0.05).astype(np.uint8)) & {"lit part of the field", "brightness"}


def test_where_the_disc_is_painted_over_less_of_a_disc_is_found(eye: np.ndarray) -> None:
    def disc(picture: np.ndarray) -> float:
        study = Study(ref=REF, images=(Image(pixels=picture),))
        return next(m.value for m in task_named("fundus").quality(study) if m.name == "optic disc")

    light = cv2.GaussianBlur(eye[..., :2].astype(np.float32).sum(axis=-1), (0, 0), 15)
    row, col = np.unravel_index(int(light.argmax()), light.shape)
    hole = np.zeros(eye.shape[:2], np.uint8)
    cv2.circle(hole, (int(col), int(row)), 45, 255, -1)

    assert disc(cv2.inpaint(eye, hole, 5, cv2.INPAINT_TELEA)) < 0.8 * disc(eye)


def test_a_tile_passes_and_a_blurred_or_coloured_one_does_not(tile: np.ndarray) -> None:
    grey = tile if tile.ndim == 2 else tile[..., 0]
    coloured = np.stack([grey, (grey * 0.6).astype(np.uint8), (grey * 0.3).astype(np.uint8)], axis=-1)

    assert failed("metal_surface", grey) == set()
    assert failed("metal_surface", coloured) == {"greyness"}
    assert "fine detail" in failed("metal_surface", cv2.GaussianBlur(grey, (0, 0), 6.0))


@pytest.mark.parametrize(
    ("shape", "said"), [((50, 25), "smaller side (px)"), ((50, 90), "spare pixels"), ((512, 512), "spare pixels")]
)
def test_a_candidate_of_another_size_is_refused(shape: tuple[int, int], said: str) -> None:
    random = np.random.default_rng(0)
    clouds = cv2.GaussianBlur(random.standard_normal(shape), (0, 0), 2.0)

    assert said in failed("lung_nodule", np.clip(120 + 300 * clouds, 0, 255).astype(np.uint8))
    assert failed("lung_nodule", np.clip(120 + 300 * clouds[:50, :50], 0, 255).astype(np.uint8)) <= {
        "smaller side (px)"
    }


def test_measures_say_what_to_do() -> None:
    study = Study(ref=replace(REF), images=(Image(pixels=np.zeros((50, 50), np.uint8)),))
    for task in ("fundus", "lung_nodule", "metal_surface"):
        assert all(len(m.advice) > 10 for m in task_named(task).quality(study))
