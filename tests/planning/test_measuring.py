"""A fingerprint says what the made pictures of a folder are: sizes, colours, objects, noise, copies, splits."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from inspect_ai.datasets.folder import read_folder
from inspect_ai.datasets.prepare import prepared
from inspect_ai.planning.detail import LEVELS, SHRINKS, detail_of, shrink_limit
from inspect_ai.planning.fingerprint import Fingerprint
from inspect_ai.planning.measuring import fingerprint_of
from inspect_ai.planning.rim import rim_of
from inspect_ai.settings import Settings
from tests.support.labelled import parts_config, table, texture, write


def measured(root: Path, **labels: object) -> Fingerprint:
    own = {"name": "parts", "classes": ["pass", "flag"], "positive": ["flag"], **labels}
    config = parts_config(labels=[own])
    folder = read_folder(root, config)
    given = any(row.split for row in folder.rows)
    return fingerprint_of(prepared([folder], config, Settings()), Settings(), given_splits=given)


def pictures(root: Path, count: int, *, colour: bool = False, masked_px: int = 0) -> Path:
    """COUNT pictures of 200 x 160 px in train, every second flagged; a flagged one has a mask of one square."""
    rows = []
    for i in range(count):
        grey = texture(i)
        picture = cv2.merge([grey, grey // 2, np.full_like(grey, 90)]) if colour else grey
        write(root / f"{i}.png", picture)
        mask = ""
        if masked_px and i % 2:
            spot = np.zeros_like(grey)
            spot[20 : 20 + masked_px, 30 : 30 + masked_px] = 255
            write(root / f"masks/{i}.png", spot)
            mask = f"masks/{i}.png"
        split = "train" if i < count - 4 else "val"
        rows.append((f"{i}.png", "flag" if i % 2 else "pass", split, f"part{i // 2}", mask))
    return table(root, rows, "file,label,split,group,mask")


def test_sizes_colour_depth_and_counts_are_those_of_the_files(tmp_path: Path) -> None:
    found = measured(pictures(tmp_path / "grey", 24))
    coloured = measured(pictures(tmp_path / "colour", 8, colour=True))

    assert (found.width_px.median, found.height_px.median, found.depth_bits) == (200, 160, 8)
    assert found.aspect.median == 1.25
    assert (found.grey, coloured.grey) == (True, False)
    assert found.pictures("val", positive=True) == 2
    assert sum(found.pictures(split) for split in ("train", "val", "calibration")) == 24
    groups = [c.groups for c in found.counts if (c.split, c.label) == ("val", "flag")]
    assert groups == [2]  # two pictures of either label in each of two groups
    assert found.given_splits


def test_the_scale_of_masks_is_the_diameter_of_a_circle_of_their_area(tmp_path: Path) -> None:
    found = measured(pictures(tmp_path, 24, masked_px=10), mask_column="mask")

    assert found.objects is not None
    assert found.objects.marked_by == "masks"
    assert found.objects.median_px == pytest.approx(2 * (100 / np.pi) ** 0.5, abs=0.1)
    assert found.objects.share == pytest.approx(100 / (200 * 160), abs=1e-5)


def test_a_disc_on_its_ground_has_a_plain_rim_and_a_texture_has_none() -> None:
    rows, columns = np.mgrid[:100, :120]
    disc = np.where((rows - 50) ** 2 + (columns - 60) ** 2 < 40**2, 0.9, 0.3).astype(np.float32)

    assert rim_of(disc + 0.02 * rows / 100) < 0.05
    assert rim_of(texture(3).astype(np.float32) / 255) > 0.5
    assert rim_of(np.full((40, 40), 0.5, np.float32)) == 1.0


def test_boxes_give_the_scale_too(tmp_path: Path) -> None:
    for i in range(12):
        write(tmp_path / f"{i}.png", texture(i))
    boxes = [(f"{i}.png", "flag" if i % 2 else "pass", "10 10 30 50" if i % 2 else "") for i in range(12)]

    found = measured(table(tmp_path, boxes, "file,label,boxes"))

    assert found.objects is not None
    assert (found.objects.marked_by, found.objects.median_px) == (
        "boxes",
        pytest.approx((4 * 800 / np.pi) ** 0.5, abs=0.1),
    )
    assert not found.given_splits


def test_copies_are_counted(tmp_path: Path) -> None:
    root = pictures(tmp_path, 12)
    write(root / "0.png", texture(2))  # as 2.png

    assert measured(root).copies == 1


def test_noise_is_measured_in_grey_levels() -> None:
    random = np.random.default_rng(0)
    flat = np.full((256, 256), 0.5, np.float32) + random.normal(0, 3 / LEVELS, (256, 256)).astype(np.float32)

    assert detail_of(flat).noise == pytest.approx(3.0, abs=0.3)


@pytest.mark.parametrize(("blur", "least", "most"), [(0.0, 1.0, 1.25), (4.0, 1.5, 4.0)])
def test_blurred_pictures_may_shrink_and_sharp_ones_may_not(blur: float, least: float, most: float) -> None:
    blocks = np.random.default_rng(1).random((52, 52), np.float32)
    sharp = np.kron(blocks, np.ones((5, 5), np.float32))  # edges, and no noise between them
    picture = cv2.GaussianBlur(sharp, (0, 0), blur) if blur else sharp
    picture = 0.5 + 0.15 * (picture - picture.mean()) / picture.std()

    found = detail_of(np.asarray(picture, np.float32))

    assert least <= shrink_limit(found.lost, found.noise) <= most
    assert list(found.lost) == sorted(found.lost)
    assert len(found.lost) == len(SHRINKS)


def test_what_is_pure_noise_may_shrink() -> None:
    random = np.random.default_rng(2)
    noisy = (0.5 + random.normal(0, 5 / LEVELS, (256, 256))).astype(np.float32)

    found = detail_of(noisy)

    assert shrink_limit(found.lost, found.noise) >= 4.0
