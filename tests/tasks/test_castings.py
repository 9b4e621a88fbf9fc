"""Pictures of round cast parts: what the network sees of them, what is refused, and what turning them shows."""

import csv
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inspect_ai.config import Augment
from inspect_ai.domain import Image, Study, StudyRef, UnitOutput
from inspect_ai.plugins import task_named
from inspect_ai.training.augment import PictureAugment

REF = StudyRef(key="a", source="a", kind="image", digest="0" * 64, files=())


def study(picture: NDArray[np.uint8]) -> Study:
    return Study(ref=REF, images=(Image(pixels=np.ascontiguousarray(picture)),))


def part(side: int = 300, light: float = 1.0) -> NDArray[np.uint8]:
    """[side, side] a bright ring on a darker ground, as near the border as castings are, with grain."""
    rows, columns = np.mgrid[:side, :side]
    radius = np.hypot(rows - side / 2, columns - side / 2) / side
    grey = np.where(radius < 0.44, 200.0, 120.0)
    grey[radius < 0.22] = 30.0
    grey += np.random.default_rng(0).normal(0, 4, grey.shape)
    return np.clip(light * cv2.GaussianBlur(grey, (0, 0), 0.7), 0, 255).astype(np.uint8)


def test_a_picture_is_looked_at_whole_and_pixel_by_pixel() -> None:
    (unit,) = task_named("castings").units(study(part()))

    assert unit.pixels.shape == (1, 300, 300)
    assert unit.scale_px == (1.0, 1.0)
    assert 0.0 <= float(unit.pixels.min()) < 0.2
    assert 0.5 < float(unit.pixels.max()) <= 1.0


def test_darker_light_leaves_the_network_s_view_as_it_is() -> None:
    (bright,), (dark,) = (list(task_named("castings").units(study(part(light=light)))) for light in (1.0, 0.6))

    assert float(np.abs(bright.pixels - dark.pixels).mean()) < 0.01


def test_a_finding_on_a_larger_picture_is_placed_in_its_own_pixels() -> None:
    task = task_named("castings")
    (unit,) = task.units(study(part(side=600)))
    heat = np.zeros((1, 40, 40), np.float32)
    heat[0, 5, 10] = 1.0  # cells of 8 px of a unit of 300: its pixel (44, 84)

    (finding,) = task.findings(unit, UnitOutput(logits=np.zeros(1, np.float32), heat=heat))

    assert unit.pixels.shape == (1, 300, 300)
    assert (finding.row, finding.col) == (88, 168)


def test_what_nobody_could_read_and_what_has_colours_is_refused() -> None:
    task, colours = task_named("castings"), np.stack([part(), part() // 2, part()], axis=-1)

    def failed(picture: NDArray[np.uint8]) -> set[str]:
        return {measure.name for measure in task.quality(study(picture)) if not measure.passed}

    assert "greyness" in failed(colours)
    assert "fine detail" in failed(cv2.GaussianBlur(part(), (0, 0), 6.0))
    assert task.accepts(study(part())) == "a grey picture of a part"
    assert task.accepts(study(colours)) is None
    assert task.accepts(study(part(side=64))) is None


@pytest.mark.shared
def test_pictures_of_the_set_pass_the_gate(shared: Path) -> None:
    folder = shared / "data" / "metal_surface" / "castings"
    with (folder / "labels.csv").open(newline="") as f:
        files = [row["file"] for row in csv.DictReader(f) if row["split"] == "val"][::12]
    with zipfile.ZipFile(folder / "images.zip") as archive:
        pictures = [cv2.imdecode(np.frombuffer(archive.read(name), np.uint8), 0) for name in files]

    task = task_named("castings")
    assert [m for p in pictures for m in task.quality(study(p)) if not m.passed] == []


def rims_in_the_corners(border: str) -> int:
    """Bright pixels farther out than the part, over twenty turns of it."""
    turns = Augment(rotate_degrees=180, border=border, rotate90=False, scale=0, shift=0, brightness=0, contrast=0)  # type: ignore[arg-type]  # pydantic reads the word
    augment, picture = PictureAugment(turns, seed=0), np.where(part() > 160, 200, 100).astype(np.uint8)[..., None]
    rows, columns = np.mgrid[:300, :300]
    outside = np.hypot(rows - 150, columns - 150) > 0.46 * 300
    return sum(int((augment(picture, None)[0][..., 0][outside] > 150).sum()) for _ in range(20))


def test_a_turned_part_shows_its_ground_in_the_corners_and_no_rims_of_other_parts() -> None:
    assert rims_in_the_corners("replicate") == 0
    assert rims_in_the_corners("reflect") > 1000  # so the border is what does it
