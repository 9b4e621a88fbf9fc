"""The gate's measurement: pictures spoilt as a camera would spoil them, counted as scans would decide."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.gate.corruptions import CORRUPTIONS, quality_of, written
from benchmarks.gate.results import WAYS
from benchmarks.gate.study import bench_gate
from inspect_ai.errors import InputError
from inspect_ai.quality import noise_of
from inspect_ai.settings import Settings
from tests.support.tasks import make_task


def part(random: np.random.Generator) -> np.ndarray:
    clouds = cv2.GaussianBlur(random.standard_normal((40, 48)), (0, 0), random.uniform(1.5, 3))
    grey = random.uniform(0.35, 0.65) + 0.1 * clouds / clouds.std() + 0.02 * random.standard_normal((40, 48))
    return np.repeat(np.clip(255 * grey, 0, 255).astype(np.uint8)[..., None], 3, axis=-1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, random, rows = tmp_path_factory.mktemp("parts"), np.random.default_rng(0), []
    for i in range(280):
        shown = part(random)
        cv2.imwrite(str(folder / f"{i}.jpg"), shown, [cv2.IMWRITE_JPEG_QUALITY, 90])
        label = "flag" if shown.mean() > 127 else "pass"
        rows.append([f"{i}.jpg", label, "calibration" if i < 240 else "val" if i < 270 else "train", f"part{i}"])
    with (folder / "labels.csv").open("w", newline="") as f:
        csv.writer(f).writerows([["file", "label", "split", "group"], *rows])
    return folder


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stripes")
    stripes = np.repeat((np.indices((40, 48)).sum(axis=0) % 8 * 30).astype(np.uint8)[..., None], 3, axis=-1)
    cv2.imwrite(str(folder / "0.png"), stripes)
    (folder / "labels.csv").write_text("file,label\n0.png,whatever\n")
    return folder


def test_spoilt_and_foreign_pictures_are_counted_beside_good_ones(data: Path, foreign: Path, tmp_path: Path) -> None:
    folder = make_task(tmp_path / "tasks")
    settings = Settings(tasks=str(folder.parent))

    result = bench_gate("bright", data, [foreign], out=tmp_path / "out", settings=settings, most=8)

    found = {row.name: row for row in result.rows}
    everything = WAYS.index("whole gate")
    assert found["good pictures"].n == 30
    assert found["good pictures"].caught[everything] <= 2
    assert found["defocus 5 px"].caught[everything] == 8
    assert found["dark: a twentieth"].caught[everything] == 8
    assert result.rows[-1].kind == "foreign"
    assert result.rows[-1].caught[everything] == 1
    assert result.calibration == 240
    written_ = json.loads((tmp_path / "out" / "gate.json").read_text())
    assert len(written_["rows"]) == len(result.rows) == 2 + len(CORRUPTIONS) + 1
    assert "| good pictures | 30 |" in (tmp_path / "out" / "gate.md").read_text()


def test_a_folder_without_labels_is_refused(data: Path, tmp_path: Path) -> None:
    folder = make_task(tmp_path / "tasks")

    with pytest.raises(InputError, match=r"labels\.csv"):
        bench_gate("bright", data, [tmp_path], out=tmp_path / "o", settings=Settings(tasks=str(folder.parent)), most=1)


def test_a_blurred_picture_keeps_the_noise_of_its_camera() -> None:
    random = np.random.default_rng(1)
    clouds = cv2.GaussianBlur(random.standard_normal((128, 128)), (0, 0), 6.0)
    shown = (0.5 + 0.1 * clouds / clouds.std() + 0.02 * random.standard_normal((128, 128))).astype(np.float32)
    (defocus,) = (c for c in CORRUPTIONS if c.name == "defocus 3 px")

    assert noise_of(defocus.apply(shown, random)) == pytest.approx(0.02, rel=0.15)


@pytest.mark.parametrize("quality", [20, 50, 75, 95])
def test_the_quality_of_a_jpeg_is_read_from_its_tables(quality: int) -> None:
    assert quality_of(written(np.full((16, 16), 0.5, np.float32), quality)) == quality


def test_what_is_no_jpeg_is_written_at_full_quality() -> None:
    assert quality_of(cv2.imencode(".png", np.zeros((8, 8), np.uint8))[1].tobytes()) == 100
