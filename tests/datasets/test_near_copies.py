"""Copies of a picture are found however they were turned, moved or recompressed; look-alikes of one type are not."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inspect_ai.datasets.looks import thumbnail
from inspect_ai.datasets.near_copies import ALIKE, likeness, near_pairs, turned
from inspect_ai.datasets.samples import study_of
from inspect_ai.settings import Settings
from tests.support.labelled import look_alike, texture

Picture = NDArray[np.uint8]


def jpeg(picture: Picture, quality: int) -> Picture:
    coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8)


def moved(picture: Picture, down: int, right: int) -> Picture:
    size = picture.shape[::-1]
    move = np.array([[1, 0, right], [0, 1, down]], np.float32)
    return np.asarray(cv2.warpAffine(picture, move, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)


COPIES: dict[str, Callable[[Picture], Picture]] = {
    **{f"turn {turn}": lambda p, turn=turn: turned(p, turn) for turn in range(1, 8)},
    "jpeg 60": lambda p: jpeg(p, 60),
    "jpeg 90 twice": lambda p: jpeg(jpeg(p, 90), 90),
    "moved": lambda p: moved(p, 3, -2),
    "cropped": lambda p: np.ascontiguousarray(p[2:, 2:]),
    "smaller": lambda p: np.asarray(cv2.resize(p, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA), np.uint8),
    "larger": lambda p: np.asarray(cv2.resize(p, None, fx=1.15, fy=1.15), np.uint8),
    "brighter": lambda p: np.clip(p * 1.1 + 12.0, 0, 255).astype(np.uint8),
    "darker": lambda p: (p * 0.6).astype(np.uint8),
    "gamma": lambda p: (255.0 * (p / 255.0) ** 0.8).astype(np.uint8),
    "turned, moved and recompressed": lambda p: jpeg(moved(turned(p, 5), 2, 2), 75),
}


def thumbnails(pictures: list[Picture]) -> Picture:
    return np.stack([thumbnail(picture.astype(np.float32) / 255.0) for picture in pictures])


CASES = [(texture, change) for change in COPIES] + [(look_alike, change) for change in COPIES if change != "cropped"]


@pytest.mark.parametrize(("make", "change"), CASES)
def test_a_changed_copy_is_found_among_others(make: Callable[[int], Picture], change: str) -> None:
    pictures = [make(seed) for seed in range(6)]
    pictures.append(COPIES[change](pictures[2]))

    pairs = near_pairs(thumbnails(pictures), [160] * 7, range(7))

    assert [(pair.first, pair.second) for pair in pairs] == [(2, 6)]
    assert pairs[0].alike >= ALIKE


def test_parts_of_one_type_with_a_surface_of_their_own_are_not_joined() -> None:
    pictures = [look_alike(seed) for seed in range(60)]
    small = thumbnails(pictures)

    assert near_pairs(small, [200] * 60, range(60)) == []
    outline = [cv2.resize(p, (8, 8), interpolation=cv2.INTER_AREA).ravel().astype(float) for p in pictures[:2]]
    assert np.corrcoef(outline)[0, 1] > 0.99  # they are as alike as parts of one type are


def test_parts_that_differ_by_one_defect_each_are_not_joined() -> None:
    """A printed board or a fixtured part: all pictures agree but for a small spot, which is what it is about."""
    base = texture(3)
    pictures = []
    for number in range(6):
        noise = np.random.default_rng(number).normal(0.0, 2.0, base.shape)
        part = np.clip(base + noise, 0, 255).astype(np.uint8)
        cv2.circle(part, (36 + 18 * number, 130 - 14 * number), 6, 255 if number % 2 else 0, -1)
        pictures.append(part)

    assert near_pairs(thumbnails(pictures), [160] * 6, range(6)) == []


def test_pictures_of_one_unit_are_not_compared() -> None:
    one = texture(1)

    assert near_pairs(thumbnails([one, jpeg(one, 70), texture(2)]), [160] * 3, [7, 7, 8]) == []


def test_many_copies_of_one_picture_all_end_in_one_set() -> None:
    random = np.random.default_rng(0)
    pictures = [texture(seed) for seed in range(5)]
    for _ in range(60):
        quality, turn = int(random.integers(60, 95)), int(random.integers(8))
        pictures.append(jpeg(moved(turned(pictures[3], turn), *random.integers(-2, 3, 2).tolist()), quality))

    pairs = near_pairs(thumbnails(pictures), [160] * len(pictures), range(len(pictures)))

    assert len(pairs) == 60  # as many as connect 61 pictures, and no one else
    assert {i for pair in pairs for i in (pair.first, pair.second)} == {3, *range(5, 65)}


def test_pictures_without_contrast_resemble_nothing() -> None:
    flat = [np.full((60, 80), grey, np.uint8) for grey in (10, 10, 200)]

    assert not thumbnails(flat).any()
    assert near_pairs(thumbnails([*flat, texture(1)]), [60] * 4, range(4)) == []
    assert likeness(thumbnails(flat)[0], thumbnails(flat)[2], 60) == 0.0


def test_one_picture_and_none_are_no_pairs() -> None:
    assert near_pairs(thumbnails([texture(0)]), [160], [0]) == []
    assert near_pairs(np.empty((0, 128, 128), np.uint8), [], []) == []


@pytest.mark.parametrize("seed", range(4))
def test_noise_of_its_own_is_no_copy(seed: int) -> None:
    random = np.random.default_rng(seed)
    low, high = (140, 250) if seed % 2 else (10, 110)
    pictures = [random.integers(low, high, (72, 96), dtype=np.uint8) for _ in range(40)]

    assert near_pairs(thumbnails(pictures), [72] * 40, range(40)) == []


def test_a_real_tile_and_its_recompressed_turn_are_one(shared: Path, tmp_path: Path) -> None:
    import zipfile

    folder = shared / "data" / "metal_surface" / "magnetic_tile"
    names = ["exp1_num_10181.jpg", "exp4_num_13589.jpg", "exp5_num_258619.jpg"]
    with zipfile.ZipFile(folder / "images.zip") as packed:
        packed.extractall(tmp_path, names)
    tiles = [study_of(tmp_path, name, Settings()).images[0].pixels for name in names]
    pictures = [np.asarray(tile, np.uint8) for tile in tiles]

    pairs = near_pairs(thumbnails([*pictures, jpeg(turned(pictures[1], 6), 70)]), [180] * 4, range(4))

    assert [(pair.first, pair.second) for pair in pairs] == [(1, 3)]
