from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inspect_ai.inspection.pictures.drawing import Mark, draw

NOISE = np.random.default_rng(1).integers(0, 256, (400, 500, 3)).astype(np.uint8)  # RGB


def decoded(png: bytes) -> NDArray[np.uint8]:
    """[H, W] or [H, W, 3] RGB."""
    assert png.startswith(b"\x89PNG")
    pixels = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    return np.asarray(pixels if pixels.ndim == 2 else pixels[..., ::-1], np.uint8)


def unit(eight: NDArray[np.uint8]) -> NDArray[np.float32]:
    return eight.astype(np.float32) / np.float32(255)


def colourfulness(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """[H, W]: how far the channels are apart."""
    return np.ptp(pixels.astype(np.int64), axis=-1)


def test_the_picture_is_shown_pixel_for_pixel_and_colour_for_colour() -> None:
    assert np.array_equal(decoded(draw(unit(NOISE), heat=None)[0]), NOISE)
    assert np.array_equal(decoded(draw(unit(NOISE[..., 0]), heat=None)[0]), NOISE[..., 0])


def test_without_heat_and_marks_the_second_picture_is_the_first() -> None:
    assert np.array_equal(decoded(draw(unit(NOISE), heat=None)[1]), NOISE)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((2000, 1000), (512, 256)), ((1000, 2000, 3), (256, 512)), ((64, 64), (384, 384)), ((200, 100), (400, 200)),
     ((300, 512), (300, 512)), ((1, 4000), (1, 512)), ((4000, 1), (512, 1)), ((1, 1), (384, 384))],
)  # fmt: skip
def test_large_pictures_shrink_and_tiny_ones_grow_by_a_whole_factor(
    shape: tuple[int, ...], expected: tuple[int, int]
) -> None:
    for png in draw(np.full(shape, 0.5, np.float32), heat=np.ones((2, 2), np.float32), marks=[Mark(row=0, col=0)]):
        assert decoded(png).shape[:2] == expected


def test_the_limit_holds_for_tiny_pictures_too() -> None:
    assert decoded(draw(np.zeros((64, 64), np.float32), heat=None, limit_px=100)[0]).shape == (64, 64)


def test_colour_is_where_the_heat_is_and_nowhere_else() -> None:
    heat = np.zeros((8, 10), np.float32)
    heat[2, 7] = 0.003  # the peak, whatever its height, has the strongest colour

    marked = decoded(draw(unit(NOISE), heat=heat)[1])

    row, col = np.unravel_index(
        int(np.argmax(cv2.blur(colourfulness(marked).astype(np.float32), (25, 25)))), (400, 500)
    )
    assert abs(row - 2.5 * 50) < 15
    assert abs(col - 7.5 * 50) < 15
    assert (colourfulness(marked)[:, :250] == 0).all()  # cold: the picture in grey
    grey = NOISE[:, :250].astype(np.float64) @ (0.299, 0.587, 0.114)
    assert np.abs(marked[:, :250, 0] - grey).max() <= 1


@pytest.mark.parametrize("heat", [np.zeros((7, 7)), np.full((7, 7), 1 / 49), np.full((7, 7), np.nan)])
def test_heat_that_is_the_same_everywhere_colours_nothing(heat: NDArray[np.float64]) -> None:
    marked = decoded(draw(unit(NOISE), heat=heat.astype(np.float32))[1])

    assert (colourfulness(marked) == 0).all()


def test_what_lies_under_the_hottest_place_stays_readable() -> None:
    stripes = np.zeros((256, 256), np.float32)
    stripes[:, ::8] = 1.0
    heat = np.zeros((256, 256), np.float32)
    heat[100:156, 100:156] = 1.0

    marked = decoded(draw(stripes, heat=heat)[1]).astype(np.float64).mean(axis=-1)

    bright, dark = marked[128, 104:152:8].mean(), marked[128, 108:152:8].mean()
    assert bright - dark > 40


def test_a_mark_is_a_thin_circle_around_its_place() -> None:
    black = np.zeros((400, 400), np.float32)

    marked = decoded(draw(black, heat=None, marks=[Mark(row=100, col=300, diameter_px=60, label="7")])[1])

    rows, cols = np.nonzero(marked[:, :300].max(axis=-1))  # the left half: no label there
    distance = np.hypot(rows - 100, cols - 300)
    assert len(rows) > 50
    assert distance.min() > 27  # nothing inside hides what is marked
    assert distance.max() < 42
    assert marked[:, 336:].max() == 255  # the label, to the right


@pytest.mark.parametrize(("row", "col"), [(0, 0), (0, 399), (399, 0), (399, 399), (200, 396)])
def test_a_label_stays_inside_the_picture(row: int, col: int) -> None:
    black = np.zeros((400, 400), np.float32)

    alone = decoded(draw(black, heat=None, marks=[Mark(row=row, col=col, label=" ")])[1])
    labelled = decoded(draw(black, heat=None, marks=[Mark(row=row, col=col, label="88")])[1])

    inked = labelled.astype(int).sum() - alone.astype(int).sum()
    middle = decoded(draw(black, heat=None, marks=[Mark(row=200, col=200, label="88")])[1]).astype(int).sum()
    middle -= decoded(draw(black, heat=None, marks=[Mark(row=200, col=200, label=" ")])[1]).astype(int).sum()
    assert inked > 0.8 * middle


def test_a_mark_without_label_carries_its_number() -> None:
    black = np.zeros((400, 400), np.float32)
    places = [Mark(row=100, col=100), Mark(row=300, col=300)]
    named = [Mark(row=100, col=100, label="1"), Mark(row=300, col=300, label="2")]

    assert draw(black, heat=None, marks=places) == draw(black, heat=None, marks=named)


@pytest.mark.parametrize(
    "mark",
    [
        Mark(row=1e12, col=5),
        Mark(row=float("nan"), col=5),
        Mark(row=5, col=float("inf")),
        Mark(row=5, col=5, diameter_px=1e12),
        Mark(row=5, col=5, diameter_px=float("nan")),
        Mark(row=-30, col=5),
        Mark(row=5, col=5, label="\x1b[31m\u202e<b>" + "long" * 1000),
    ],
)
def test_no_mark_however_odd_stops_the_drawing(mark: Mark) -> None:
    assert decoded(draw(unit(NOISE), heat=None, marks=[mark])[1]).shape == NOISE.shape


def test_values_that_are_no_numbers_are_drawn_black_or_white() -> None:
    picture = np.array([[np.nan, np.inf], [-np.inf, 2.0]], np.float32).repeat(300, 0).repeat(300, 1)

    drawn = decoded(draw(picture, heat=None, limit_px=600)[0])

    assert (drawn[0, 0], drawn[0, -1], drawn[-1, 0], drawn[-1, -1]) == (0, 255, 0, 255)
