"""File formats: one file is the same thing to scan, to watch and to a labelled folder."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from inspect_ai.config import parse_config
from inspect_ai.datasets.folder import read_folder
from inspect_ai.datasets.samples import study_of
from inspect_ai.domain import Rejection, StudyRef
from inspect_ai.errors import UsageError
from inspect_ai.ingest import DecoderPool, discover, load
from inspect_ai.ingest.formats import PICTURE_ENDINGS, TEMPORARY_ENDINGS
from inspect_ai.ingest.walk import walk
from inspect_ai.ingest.watching.watched_files import WatchedFile, list_files, watched_file
from tests.ingest.conftest import SETTINGS, Given
from tests.support.dicom_factory import ct_slice, save
from tests.support.pictures import bigtiff, encoded, moving

Ingest = Callable[[Path], Given]


def dicom(folder: Path, *, preamble: bool = True) -> bytes:
    path = save(ct_slice(0.0), folder / "made")
    content = path.read_bytes()
    path.unlink()
    return content if preamble else content[132:]


# name -> content, the reader that is tried, and whether a file of that content may lie beside pictures as a sidecar
FILES: dict[str, tuple[Callable[[Path], bytes], str | None, bool]] = {
    "a.png": (lambda _: encoded("PNG"), "image", False),
    "a.jpg": (lambda _: encoded("JPEG"), "image", False),
    "a.bmp": (lambda _: encoded("BMP"), "image", False),
    "little.tif": (lambda _: encoded("TIFF"), "image", False),
    "big.tif": (lambda _: bigtiff(), "image", False),
    "big_motorola.tif": (lambda _: bigtiff(order=">"), "image", False),
    "png_without_ending": (lambda _: encoded("PNG"), "image", False),
    "png_under.dcm": (lambda _: encoded("PNG"), "image", False),
    "slice.dcm": (dicom, "dicom", False),
    "slice_without_ending": (dicom, "dicom", False),
    "no_preamble.dcm": (lambda folder: dicom(folder, preamble=False), "dicom", False),
    "no_preamble": (lambda folder: dicom(folder, preamble=False), "dicom", False),
    "unknown.bin": (lambda _: bytes(range(256)) * 4, "dicom", False),
    "unknown.png": (lambda _: bytes(600), "dicom", False),
    "a.gif": (lambda _: encoded("GIF"), "image", False),
    "a.webp": (lambda _: encoded("WEBP", lossless=True), "image", False),
    "a.pbm": (lambda _: b"P4\n8 8\n" + bytes(range(8)), "image", False),
    "a.pgm": (lambda _: b"P5\n8 8\n255\n" + b"A" * 63 + b"B", "image", False),
    "a.ppm": (lambda _: encoded("PPM"), "image", False),
    "text.ppm": (lambda _: b"P3 8 8 9\n" + b"1 2 3\n" * 63 + b"3 2 1", "image", False),
    "a.jp2": (lambda _: encoded("JPEG2000"), "image", False),
    "a.j2k": (lambda _: encoded("JPEG2000", no_jp2=True), "image", False),
    "a.avif": (lambda _: encoded("AVIF"), "image", False),
    "pgm_under.jpg": (lambda _: b"P5\n8 8\n255\n" + b"A" * 63 + b"B", "image", False),
    "webp_under.png": (lambda _: encoded("WEBP"), "image", False),
    "moves.gif": (lambda _: moving("GIF"), "image", False),
    "moves.webp": (lambda _: moving("WEBP"), "image", False),
    "moves.avif": (lambda _: moving("AVIF"), "image", False),
    "sound.wav": (lambda _: b"RIFF\x24\0\0\0WAVEfmt " + bytes(64), None, False),
    "a.heic": (lambda _: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64), None, False),
    "a.mp4": (lambda _: b"\0\0\0\x18ftypisom\0\0\0\0isomavc1" + bytes(64), None, False),
    "a.cr3": (lambda _: b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(64), None, False),
    "a.jxl": (lambda _: b"\xff\x0a" + bytes(64), None, False),
    "a.pam": (lambda _: b"P7\nWIDTH 8\nHEIGHT 8\n" + bytes(64), None, False),
    "a.pfm": (lambda _: b"Pf\n8 8\n-1.0\n" + bytes(256), None, False),
    "a.nii": (lambda _: bytes(344) + b"n+1\0" + bytes(64), None, False),
    "a.nii.gz": (lambda _: gzip.compress(bytes(344) + b"n+1\0" + bytes(range(256)) * 8), None, False),
    "pair.hdr": (lambda _: bytes(344) + b"ni1\0", None, False),
    "two.nii": (lambda _: b"\x1c\x02\0\0n+2\0\r\n\x1a\n" + bytes(600), None, False),
    "analyze.hdr": (lambda _: b"\x5c\x01\0\0" + bytes(28) + b"\0\x40\0\0" + bytes(312), None, False),
    "a.mhd": (lambda _: b"ObjectType = Image\nNDims = 3\nElementDataFile = a.raw\n", None, False),
    "a.mha": (lambda _: b"NDims = 3\nDimSize = 4 4 4\nElementDataFile = LOCAL\n" + bytes(64), None, False),
    "a.nrrd": (lambda _: b"NRRD0004\ntype: short\n", None, False),
    "logs.gz": (lambda _: gzip.compress(b"lot 7\n" * 300), None, True),
    "note.json": (lambda _: b'{"lot": 7}', None, True),
    "note.xml": (lambda _: b"<?xml version='1.0'?><lot>7</lot>", None, True),
    "note.txt": (lambda _: "Prüfstück 7".encode("cp1252"), None, True),
    "verdict.txt": (lambda _: b"PF\nlot 7 passed", None, True),
    "wide.csv": (lambda _: "lot;7".encode("utf-16"), None, True),
    "paper.pdf": (lambda _: b"%PDF-1.7\n" + bytes(64), None, True),
    "lots.zip": (lambda _: b"PK\x03\x04" + bytes(64), None, True),
    "log.db": (lambda _: b"SQLite format 3\0" + bytes(64), None, True),
    "text.png": (lambda _: b"this is no picture, whatever its name says", None, False),
    "grey.raw": (lambda _: b"A" * 64, None, False),
    "page.jpg": (lambda _: b"<!doctype html><b>", None, False),
}


def as_scan_sorts(folder: Path, name: str, pool: DecoderPool) -> StudyRef | Rejection:
    (item,) = discover(folder / name, settings=SETTINGS, pool=pool)
    return item


def as_watch_sorts(folder: Path, name: str) -> WatchedFile | None:
    return watched_file(folder, name, list_files(folder)[name])


@pytest.mark.parametrize("name", FILES)
def test_scan_and_watch_try_the_same_reader_on_a_file_or_refuse_it_in_the_same_words(
    name: str, tmp_path: Path, pool: DecoderPool
) -> None:
    make, reader, is_sidecar = FILES[name]
    (tmp_path / name).write_bytes(make(tmp_path))

    scanned = as_scan_sorts(tmp_path, name, pool)
    watched = as_watch_sorts(tmp_path, name)

    assert (watched is None) == is_sidecar
    if reader is None:
        assert isinstance(scanned, Rejection)
        assert watched is None or watched.problem == scanned.reason
        return
    assert watched is not None
    assert (watched.ref.kind, watched.problem) == (reader, None)
    if isinstance(scanned, StudyRef):
        assert scanned.kind == reader
    else:  # a forced try as DICOM, which finds no header
        assert reader == "dicom"
        assert "no DICOM file" in scanned.reason


@pytest.mark.parametrize("name", FILES)
def test_a_labelled_file_is_read_as_scan_reads_it_or_refused_in_its_words(
    name: str, tmp_path: Path, pool: DecoderPool
) -> None:
    (tmp_path / name).write_bytes(FILES[name][0](tmp_path))

    scanned = as_scan_sorts(tmp_path, name, pool)

    if isinstance(scanned, StudyRef):
        refusals = [rejection.reason for rejection in load(tmp_path / name, scanned, SETTINGS).rejections]
    else:
        refusals = [scanned.reason]
    if refusals:
        with pytest.raises(UsageError) as refused:
            study_of(tmp_path, name, SETTINGS)
        assert refusals[0] in str(refused.value)
    else:
        assert isinstance(scanned, StudyRef)
        assert study_of(tmp_path, name, SETTINGS).ref.kind == scanned.kind


def test_a_big_endian_bigtiff_is_refused_by_name(tmp_path: Path, ingest: Ingest) -> None:
    (tmp_path / "part.tif").write_bytes(bigtiff(order=">"))

    assert "BigTIFF of big-endian byte order" in ingest(tmp_path).rejections[0].reason


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("tiled", [False, True])
def test_a_cut_bigtiff_ends_early_on_both_roads(
    order: str, share: float, tiled: bool, tmp_path: Path, ingest: Ingest
) -> None:
    whole = bigtiff(order=order, tiled=tiled)
    (tmp_path / "part.tif").write_bytes(whole[: int(len(whole) * share)])

    watched = as_watch_sorts(tmp_path, "part.tif")
    scanned = ingest(tmp_path)

    assert watched is not None
    assert watched.unfinished == "its BigTIFF data end in the middle"
    assert [r.reason for r in scanned.rejections] == ["the BigTIFF is cut: its end is missing"]


def test_a_whole_bigtiff_is_decided_on_both_roads(tmp_path: Path, ingest: Ingest) -> None:
    (tmp_path / "part.tif").write_bytes(bigtiff())

    watched = as_watch_sorts(tmp_path, "part.tif")

    assert watched is not None
    assert (watched.unfinished, watched.problem) == (None, None)
    (study,) = ingest(tmp_path).studies
    assert np.array_equal(study.images[0].pixels, np.asarray(Pillow.open(tmp_path / "part.tif")))


@pytest.mark.parametrize("ending", TEMPORARY_ENDINGS)
def test_a_temporary_name_is_left_alone_on_every_road(ending: str, tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / f"lot{ending}").mkdir()
    for name in ("good/a.png", "bad/b.png", f"bad/c.png{ending}", f"bad/d.PNG{ending.upper()}", f"lot{ending}/e.png"):
        (tmp_path / name).write_bytes(encoded("PNG"))

    scanned = {found.file: found.reason for found in walk(tmp_path, 1 << 20) if isinstance(found, Rejection)}

    assert set(list_files(tmp_path)) == {"good/a.png", "bad/b.png"}
    assert set(scanned) == {f"bad/c.png{ending}", f"bad/d.PNG{ending.upper()}", f"lot{ending}"}
    assert all("temporary" in reason for reason in scanned.values())
    assert class_folder_files(tmp_path) == {"good/a.png", "bad/b.png"}


@pytest.mark.parametrize("name", [".part", ".tmp", ".crdownload", ".partial", "~", ".temp", ".filepart", ".lock"])
def test_names_that_cameras_copiers_and_browsers_use_meanwhile_are_temporary(name: str) -> None:
    assert name in TEMPORARY_ENDINGS


def class_folder_files(root: Path) -> set[str]:
    """The files that class folders give where every folder below `root` may be a class."""
    classes = sorted({"good", "bad", *(folder.name for folder in root.iterdir())})
    labels = [{"name": "parts", "classes": classes, "positive": ["bad"]}]
    return {row.file for row in read_folder(root, parse_config({"name": "parts", "labels": labels}, "test")).rows}


@pytest.mark.parametrize("ending", [*sorted(PICTURE_ENDINGS), "", ".PNG"])
def test_an_ending_that_names_a_picture_names_one_to_watch_and_to_class_folders(ending: str, tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / f"1{ending}").write_bytes(encoded("PNG"))
    (tmp_path / "good" / "text.png").write_bytes(b"text under the name of a picture")

    assert class_folder_files(tmp_path) == {f"good/1{ending}", "good/text.png"}
    assert {path for path in list_files(tmp_path) if as_watch_sorts(tmp_path, path)} == class_folder_files(tmp_path)


def test_class_folders_and_watch_pass_over_the_same_sidecars(tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    for name, (make, _, _) in FILES.items():
        (tmp_path / "good" / name).write_bytes(make(tmp_path))

    kept = {f"good/{name}" for name, (_, _, is_sidecar) in FILES.items() if not is_sidecar}
    assert class_folder_files(tmp_path) == kept
    assert {path for path in list_files(tmp_path) if as_watch_sorts(tmp_path, path)} == kept
