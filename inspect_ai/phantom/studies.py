"""Study folder of the demo: chest CT, fundus photographs, metal surfaces, made from a seed, with their truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from inspect_ai.phantom.chest import make_chest
from inspect_ai.phantom.chest_frame import SLICES, to_voxel
from inspect_ai.phantom.dicom_files import ct_uid, jpeg_bytes, write_ct, write_photograph
from inspect_ai.phantom.fundus import Fundus, make_fundus
from inspect_ai.phantom.metal import Surface, make_surface


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Place of a made finding: file relative to the made folder, middle and diameter in pixels; for CT in mm too."""

    file: str
    row: float
    col: float
    diameter_px: float
    position_mm: tuple[float, float, float] | None = None
    diameter_mm: float | None = None
    sop_instance_uid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeStudy:
    """One made study: `folder_or_file` is relative to the folder, `truth` is "positive" or "negative".

    usable: False for one that no decision may rest on.
    """

    name: str
    folder_or_file: str
    task: str
    truth: str
    what: str
    places: tuple[Place, ...] = ()
    usable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Eye:
    file: str
    laterality: str
    lesions: float
    tint: str
    blur_px: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tile:
    file: str
    shape: tuple[int, int]
    defect: str | None
    exposure: float


EYES = (
    _Eye(file="healthy_1.jpg", laterality="R", lesions=0.0, tint="orange"),
    _Eye(file="healthy_2.jpg", laterality="L", lesions=0.0, tint="pink"),
    _Eye(file="healthy_3.dcm", laterality="L", lesions=0.0, tint="brown"),
    _Eye(file="lesions_1.jpg", laterality="R", lesions=1.0, tint="brown"),
    _Eye(file="lesions_2.jpg", laterality="L", lesions=1.3, tint="orange"),
    _Eye(file="lesions_3.dcm", laterality="R", lesions=1.1, tint="orange"),
    _Eye(file="out_of_focus.jpg", laterality="R", lesions=0.0, tint="orange", blur_px=9.0),
)
TILES = (
    _Tile(file="tile_1.jpg", shape=(356, 252), defect=None, exposure=72),
    _Tile(file="tile_2.png", shape=(330, 284), defect=None, exposure=84),
    _Tile(file="tile_3.bmp", shape=(296, 256), defect=None, exposure=92),
    _Tile(file="tile_4_blowhole.jpg", shape=(312, 260), defect="blowhole", exposure=86),
    _Tile(file="tile_5_crack.png", shape=(360, 256), defect="crack", exposure=84),
    _Tile(file="tile_6_break.bmp", shape=(320, 280), defect="break", exposure=90),
    _Tile(file="tile_7_fray.jpg", shape=(372, 300), defect="fray", exposure=85),
)
FUNDUS_PX = 720
MAKERS_STREAMS = {"chest": 100, "fundus": 200, "metal": 300}  # each study draws from its own stream of the seed


def write_studies(folder: Path, *, seed: int = 7) -> list[MadeStudy]:
    """Write every made study below folder and return each with its truth. The same seed gives the same bytes."""
    return [*write_chests(folder, seed=seed), *write_fundus(folder, seed=seed), *write_metal(folder, seed=seed)]


def write_chests(folder: Path, *, seed: int = 7) -> list[MadeStudy]:
    """Write two chest CT series, one of them with nodules."""
    made = []
    for number, with_nodules in enumerate((True, False)):
        name = "chest_nodules" if with_nodules else "chest_clear"
        chest = make_chest(_stream(seed, "chest", number), nodules=with_nodules)
        where = Path("ct") / name
        paths = write_ct(folder / where, chest.hu, name=f"{seed}/{name}", patient=f"MADE-{number + 1:04d}")
        places = []
        for nodule in chest.nodules:
            depth, row, col = (float(v) for v in to_voxel(np.array([nodule.centre]))[0])
            index = min(max(round(depth), 0), SLICES - 1)
            place = Place(
                file=(where / paths[SLICES - 1 - index].name).as_posix(),
                row=row,
                col=col,
                diameter_px=nodule.diameter_px,
                position_mm=nodule.centre,
                diameter_mm=nodule.diameter_mm,
                sop_instance_uid=ct_uid(f"{seed}/{name}", index),
            )
            places.append(place)
        listed = "; ".join(f"{n.diameter_mm:.0f} mm {n.place}" for n in chest.nodules)
        made.append(
            MadeStudy(
                name=name,
                folder_or_file=where.as_posix(),
                task="lung_nodule",
                truth="positive" if with_nodules else "negative",
                what=f"chest CT phantom with {len(places)} nodules: {listed}"
                if places
                else "chest CT phantom, no nodule",
                places=tuple(places),
            )
        )
    return made


def write_fundus(folder: Path, *, seed: int = 7) -> list[MadeStudy]:
    """Write six sharp fundus photographs, half of them with signs of referable retinopathy, and a blurred one."""
    made = []
    for number, eye in enumerate(EYES):
        rng = _stream(seed, "fundus", number)
        photo = make_fundus(rng, size=FUNDUS_PX, laterality=eye.laterality, lesions=eye.lesions, tint=eye.tint)
        if eye.blur_px:
            photo = replace(photo, picture=np.asarray(cv2.GaussianBlur(photo.picture, (0, 0), eye.blur_px), np.uint8))
        path = Path("fundus") / eye.file
        write_picture(folder / path, photo, name=f"{seed}/{eye.file}", patient=f"MADE-{11 + number:04d}")
        made.append(
            MadeStudy(
                name=path.stem,
                folder_or_file=path.as_posix(),
                task="fundus",
                truth="positive" if eye.lesions else "negative",
                what=_what_eye(eye),
                usable=not eye.blur_px,
                places=tuple(
                    Place(file=path.as_posix(), row=s.row, col=s.col, diameter_px=s.diameter) for s in photo.spots
                ),
            )
        )
    return made


def _what_eye(eye: _Eye) -> str:
    if eye.blur_px:
        return "healthy eye, out of focus"
    return "haemorrhages, hard exudates, cotton-wool spots" if eye.lesions else "healthy eye"


def write_picture(path: Path, made: Fundus | Surface, *, name: str = "", patient: str = "") -> None:
    """Write a photograph of an eye or a tile in the format of its path's ending, with the folders above it.

    name, patient: of a DICOM file. One of a sick eye holds a JPEG, as cameras write it, one of a healthy eye plain
    pixels.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(made, Surface):
        path.write_bytes(_ENCODERS[path.suffix](made.picture))
    elif path.suffix == ".dcm":
        jpeg = bool(made.spots)
        write_photograph(path, made.picture, laterality=made.laterality, name=name, patient=patient, jpeg=jpeg)
    else:
        path.write_bytes(jpeg_bytes(made.picture, 92))


def write_metal(folder: Path, *, seed: int = 7) -> list[MadeStudy]:
    """Write seven ground metal faces, four of them with one defect each, as JPEG, PNG and BMP."""
    made = []
    for number, tile in enumerate(TILES):
        rng = _stream(seed, "metal", number)
        surface = make_surface(rng, tile.shape, defect=tile.defect, exposure=tile.exposure)
        path = Path("metal") / tile.file
        write_picture(folder / path, surface)
        spots = [surface.spot] if surface.spot else []
        made.append(
            MadeStudy(
                name=path.stem,
                folder_or_file=path.as_posix(),
                task="metal_surface",
                truth="positive" if tile.defect else "negative",
                what=f"ground metal face with a {tile.defect}" if tile.defect else "ground metal face without a defect",
                places=tuple(Place(file=path.as_posix(), row=s.row, col=s.col, diameter_px=s.diameter) for s in spots),
            )
        )
    return made


_Picture = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
_ENCODERS: dict[str, Callable[[_Picture], bytes]] = {
    ".jpg": lambda picture: jpeg_bytes(picture, 88),
    ".png": lambda picture: cv2.imencode(".png", picture)[1].tobytes(),
    ".bmp": lambda picture: cv2.imencode(".bmp", picture)[1].tobytes(),
}


def _stream(seed: int, kind: str, number: int) -> np.random.Generator:
    return np.random.default_rng([seed, MAKERS_STREAMS[kind] + number])
