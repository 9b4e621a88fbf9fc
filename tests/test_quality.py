"""What is measured of a picture before a network sees it: each measure answers to its own fault."""

import cv2
import numpy as np
import pytest

from inspect_ai.quality import greyness, noise_of, picture_quality, unblocked, with_limits


def clouds(seed: int = 0, shape: tuple[int, int] = (128, 160)) -> np.ndarray:
    """Detail at all scales, contrast about 0.5."""
    random = np.random.default_rng(seed)
    layers = [cv2.GaussianBlur(random.standard_normal(shape), (0, 0), s) for s in (0.7, 1.5, 3.0, 6.0, 12.0)]
    return np.clip(0.5 + sum(0.05 * x / x.std() for x in layers), 0, 1).astype(np.float32)


def values(picture: np.ndarray) -> dict[str, float]:
    return {m.name: m.value for m in picture_quality(picture)}


def test_blur_takes_fine_detail_though_noise_is_laid_on_after_it() -> None:
    sharp = clouds()
    noise = 0.02 * np.random.default_rng(1).standard_normal(sharp.shape).astype(np.float32)
    blurred = cv2.GaussianBlur(sharp, (0, 0), 2.0)

    assert values(blurred)["fine detail"] < 0.7 * values(sharp)["fine detail"]
    assert values(blurred + noise)["fine detail"] < 0.7 * values(sharp + noise)["fine detail"]


@pytest.mark.parametrize(("gain", "offset"), [(0.3, 0.0), (0.6, 0.3)])
def test_light_does_not_change_what_is_said_of_focus(gain: float, offset: float) -> None:
    sharp = clouds()

    said, lit = values(sharp), values(gain * sharp + np.float32(offset))

    for name in ("fine detail", "coarse detail", "detail across to along"):
        assert lit[name] == pytest.approx(said[name], rel=0.02)


@pytest.mark.parametrize("sigma", [0.01, 0.05])
def test_noise_is_told_within_a_tenth_whatever_is_shown(sigma: float) -> None:
    random = np.random.default_rng(2)
    smooth = cv2.GaussianBlur(clouds(), (0, 0), 4.0)

    noisy = (smooth + sigma * random.standard_normal(smooth.shape)).astype(np.float32)

    assert noise_of(noisy) == pytest.approx(sigma, rel=0.1)


def test_motion_along_the_rows_takes_detail_across_them() -> None:
    moved = cv2.filter2D(clouds(), -1, np.full((1, 15), 1 / 15, np.float32))

    assert values(clouds())["detail across to along"] == pytest.approx(1.0, abs=0.1)
    assert values(moved)["detail across to along"] < 0.6


def test_blocks_of_strong_compression_are_seen_wherever_the_picture_was_cut() -> None:
    eight = np.round(clouds() * 255).astype(np.uint8)
    pressed = cv2.imdecode(cv2.imencode(".jpg", eight, [cv2.IMWRITE_JPEG_QUALITY, 3])[1], cv2.IMREAD_UNCHANGED)
    picture = pressed.astype(np.float32) / 255

    assert unblocked(clouds()) == 1.0
    assert unblocked(picture) < 0.7
    assert unblocked(picture[3:, 5:]) < 0.7


def test_a_black_and_a_white_picture_say_what_is_wrong_with_them() -> None:
    failed = {m.name for m in picture_quality(np.zeros((64, 64), np.float32)) if not m.passed}
    glaring = {m.name for m in picture_quality(np.ones((64, 64), np.float32)) if not m.passed}

    assert {"brightness", "not black", "contrast"} <= failed
    assert {"not overexposed", "contrast"} <= glaring


def test_every_measure_is_a_number_even_of_a_picture_of_one_pixel() -> None:
    for shape in ((1, 1), (3, 40), (9, 9)):
        assert all(np.isfinite(m.value) for m in picture_quality(np.full(shape, 0.5, np.float32)))


def test_colour_where_grey_is_expected_fails() -> None:
    grey = np.repeat(clouds()[..., None], 3, axis=-1)
    red = grey * np.array([1.0, 0.5, 0.3], np.float32)

    assert greyness(clouds()).passed
    assert greyness(grey).passed
    assert not greyness(red).passed


def test_a_tasks_own_limits_replace_the_houses_by_name() -> None:
    stricter = with_limits(picture_quality(clouds()), {"contrast": 0.99})

    assert {m.name for m in stricter if not m.passed} == {"contrast"}
