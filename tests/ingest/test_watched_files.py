"""Whether a file of a watched folder is whole, and which files are parts."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inspect_ai.ingest.watched_files import ends_early, list_files, part_digest, watched_file

RANDOM = np.random.default_rng(7)


def encoded(kind: str, **options: object) -> bytes:
    pixels = RANDOM.integers(0, 255, (40, 50, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


WHOLE = {
    "a.png": encoded("PNG"),
    "a.jpg": encoded("JPEG"),
    "progressive.jpg": encoded("JPEG", progressive=True),
    "a.bmp": encoded("BMP"),
    "a.tif": encoded("TIFF"),
    "lzw.tif": encoded("TIFF", compression="tiff_lzw"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_picture_is_whole(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(WHOLE[name])

    assert ends_early(tmp_path / name) is None


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.66, 0.95])
@pytest.mark.parametrize("name", WHOLE)
def test_a_picture_cut_anywhere_ends_early(name: str, share: float, tmp_path: Path) -> None:
    whole = WHOLE[name]
    (tmp_path / name).write_bytes(whole[: int(len(whole) * share)])

    assert ends_early(tmp_path / name) is not None


@pytest.mark.parametrize("name", WHOLE)
def test_a_picture_that_lacks_its_last_two_bytes_ends_early(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(WHOLE[name][:-2])

    early = ends_early(tmp_path / name)

    # TIFF may end in bytes that no strip needs (padding, tags); then every pixel is there
    assert early is not None or name.endswith(".tif")


def test_a_thumbnail_does_not_make_a_cut_jpeg_whole(tmp_path: Path) -> None:
    thumbnail = encoded("JPEG")
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    whole = WHOLE["a.jpg"][:2] + segment + WHOLE["a.jpg"][2:]
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) - 300])
    (tmp_path / "whole.jpg").write_bytes(whole)

    assert ends_early(tmp_path / "cut.jpg") is not None
    assert ends_early(tmp_path / "whole.jpg") is None


def test_only_regular_files_under_final_names_are_listed(tmp_path: Path) -> None:
    (tmp_path / "lot").mkdir()
    for name in ("a.png", "lot/b.png", ".c.png.part", "d.png.tmp", "e.png~", ".hidden.png", "note.json"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "link.png").symlink_to(tmp_path / "a.png")
    os.mkfifo(tmp_path / "pipe.png")

    assert sorted(list_files(tmp_path)) == ["a.png", "lot/b.png", "note.json"]


def test_a_sidecar_is_no_part_but_garbage_under_a_pictures_name_is_one_with_a_problem(tmp_path: Path) -> None:
    (tmp_path / "note.json").write_text('{"lot": 7}')
    (tmp_path / "bad.png").write_text("this is no picture at all")
    (tmp_path / "unnamed").write_bytes(WHOLE["a.png"])
    states = list_files(tmp_path)

    assert watched_file(tmp_path, "note.json", states["note.json"]) is None
    bad = watched_file(tmp_path, "bad.png", states["bad.png"])
    assert bad is not None
    assert bad.problem is not None
    unnamed = watched_file(tmp_path, "unnamed", states["unnamed"])
    assert unnamed is not None
    assert unnamed.problem is None


def test_the_same_content_under_another_name_is_another_part() -> None:
    assert part_digest("a.png", "0" * 64) != part_digest("b.png", "0" * 64)
    assert part_digest("a.png", "0" * 64) != part_digest("a.png", "1" * 64)
