import hashlib
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest

from inspect_ai.errors import InputError
from inspect_ai.phantom import MadeStudy, Place, write_corrupt_files, write_fundus, write_metal
from tests.phantom.conftest import Made


def _grey(path: Path) -> np.ndarray:
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert picture is not None, path
    return picture


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_every_task_has_positive_and_negative_studies_and_says_where_positives_are(made: Made) -> None:
    truths = {(study.task, study.truth) for study in made.studies}
    assert truths == {(t, s) for t in ("lung_nodule", "fundus", "metal_surface") for s in ("positive", "negative")}
    for study in made.studies:
        assert (made.folder / study.folder_or_file).exists()
        assert bool(study.places) == (study.truth == "positive"), study.name
        assert all((made.folder / place.file).is_file() for place in study.places)
    assert len({study.name for study in made.studies}) == len(made.studies)


def test_files_on_disk_are_the_studies_and_the_rubbish_and_nothing_else(made: Made) -> None:
    told = {item.file for item in made.rubbish}
    for study in made.studies:
        path = made.folder / study.folder_or_file
        told |= {p.relative_to(made.folder).as_posix() for p in (path.iterdir() if path.is_dir() else [path])}
    assert set(_digests(made.folder)) == told
    assert sum(p.stat().st_size for p in made.folder.rglob("*") if p.is_file()) < 60e6


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(made: Made, tmp_path: Path) -> None:
    write_fundus(tmp_path / "7", seed=7)
    for seed in (7, 8):
        write_metal(tmp_path / str(seed), seed=seed)
    before = _digests(made.folder)
    again = _digests(tmp_path / "7")
    assert again == {name: before[name] for name in again}
    assert not set(again.values()) & set(_digests(tmp_path / "8").values())


@pytest.mark.parametrize("defect", ["blowhole", "crack", "break", "fray"])
def test_a_made_defect_is_darker_than_the_face_around_it(made: Made, defect: str) -> None:
    study = next(study for study in made.studies if study.name.endswith(defect))
    (place,) = study.places
    picture = _grey(made.folder / study.folder_or_file).astype(float)
    clean = _grey(made.folder / made.one("tile_2").folder_or_file).astype(float)
    assert 5 < place.row < picture.shape[0] - 5
    assert _darkness(picture, place) < 0.58 < _darkness(clean, place)


def _darkness(picture: np.ndarray, place: Place) -> float:
    """The darkest hundredth of the place over the median of the ring around it; the dark borders left out."""
    rows, cols = np.mgrid[: picture.shape[0], : picture.shape[1]]
    away = np.hypot(rows - place.row, cols - place.col) / (place.diameter_px / 2)
    away[:22], away[-22:], away[:, :22], away[:, -22:] = np.inf, np.inf, np.inf, np.inf
    inside, around = picture[away < 0.8], picture[(away > 1.3) & (away < 2.0)]
    return float(np.percentile(inside, 1) / np.median(around))


def test_tiles_come_in_three_formats_and_in_grey(made: Made) -> None:
    tiles = [study for study in made.studies if study.task == "metal_surface"]
    assert {Path(tile.folder_or_file).suffix for tile in tiles} == {".jpg", ".png", ".bmp"}
    for tile in tiles:
        picture = _grey(made.folder / tile.folder_or_file)
        assert picture.ndim == 2
        assert all(250 <= side <= 400 for side in picture.shape)


@pytest.mark.shared
def test_grain_of_made_tiles_lies_within_that_of_real_tiles(made: Made, shared: Path) -> None:
    import csv
    import zipfile

    def grain(picture: np.ndarray) -> np.ndarray:
        across, along = (np.abs(np.diff(picture.astype(float), axis=axis)).mean() for axis in (1, 0))
        return np.array([picture.mean(), picture.std(), across, along])

    folder = shared / "data" / "metal_surface" / "magnetic_tile"
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as rows:
        names = [row["file"] for row in csv.DictReader(rows) if row["label"] == "pass"][:200]
    with zipfile.ZipFile(folder / "images.zip") as images:
        real = [grain(cv2.imdecode(np.frombuffer(images.read(n), np.uint8), cv2.IMREAD_GRAYSCALE)) for n in names]
    low, high = np.percentile(real, [2, 98], axis=0)
    for study in made.studies:
        if study.task == "metal_surface" and study.truth == "negative":
            values = grain(_grey(made.folder / study.folder_or_file))
            assert (low <= values).all(), (study.name, values, low)
            assert (values <= high).all(), (study.name, values, high)


def _photograph(made: Made, study: MadeStudy) -> np.ndarray:
    """[H, W, 3] RGB."""
    path = made.folder / study.folder_or_file
    if path.suffix == ".jpg":
        return _grey(path)[..., ::-1]
    item = pydicom.dcmread(path)
    return pydicom.pixels.pixel_array(item)


def test_photographs_show_a_bright_disc_a_dark_macula_and_a_black_surround(made: Made) -> None:
    for study in made.studies:
        if study.task != "fundus":
            continue
        picture = _photograph(made, study).astype(float)
        size = len(picture)
        green = cv2.GaussianBlur(picture[..., 1], (0, 0), size / 60)
        red, blue = picture[..., 0].mean(), picture[..., 2].mean()
        row, col = np.unravel_index(green.argmax(), green.shape)
        assert picture.shape == (720, 720, 3)
        assert picture[:12, :12].max() < 25
        assert red > 1.5 * blue
        assert abs(row - size / 2) < 0.12 * size
        assert 0.18 * size < abs(col - size / 2) < 0.46 * size
        middle = green[int(0.4 * size) : int(0.6 * size), int(0.35 * size) : int(0.65 * size)]
        assert middle.min() < 0.9 * np.median(middle)


def test_lesions_stand_out_from_the_fundus_around_them(made: Made) -> None:
    for study in made.studies:
        if study.task != "fundus" or study.truth == "negative":
            continue
        green = _photograph(made, study)[..., 1].astype(float)
        rows, cols = np.mgrid[: len(green), : len(green)]
        seen = 0
        for place in study.places:
            away = np.hypot(rows - place.row, cols - place.col) / (place.diameter_px / 2)
            inside, around = green[away < 1.2], green[(away > 1.8) & (away < 3)]
            dark, bright = np.percentile(inside, 3) - around.mean(), np.percentile(inside, 97) - around.mean()
            seen += dark < -2.2 * around.std() or bright > 2.2 * around.std()
        assert seen >= 0.7 * len(study.places) >= 8, study.name


def test_dicom_photographs_declare_what_they_hold(made: Made) -> None:
    for name, photometric in (("healthy_3", "RGB"), ("lesions_3", "YBR_FULL_422")):
        item = pydicom.dcmread(made.folder / made.one(name).folder_or_file)
        assert item.SOPClassUID == "1.2.840.10008.5.1.4.1.1.77.1.5.1"
        assert (item.Modality, item.PhotometricInterpretation) == ("OP", photometric)
        assert item.ImageLaterality in {"L", "R"}
        assert str(item.PatientName) == "Made^Phantom"


def test_rubbish_is_what_it_says(made: Made) -> None:
    folder = made.folder / "rubbish"
    assert {path.name for path in folder.iterdir()} == {Path(item.file).name for item in made.rubbish}
    assert (folder / "empty.dcm").read_bytes() == b""
    assert (folder / "tile_1_copy.jpg").read_bytes() == (made.folder / "metal" / "tile_1.jpg").read_bytes()
    item = pydicom.dcmread(folder / "cut_transfer.dcm")
    with pytest.raises(ValueError, match="pixel data"):
        _ = item.pixel_array
    others = {pydicom.dcmread(p).SeriesInstanceUID for p in (made.folder / "fundus").glob("*.dcm")}
    assert item.SeriesInstanceUID not in others


def test_rubbish_without_studies_is_refused_with_advice(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="write the made studies"):
        write_corrupt_files(tmp_path)
