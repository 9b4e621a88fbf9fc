"""Files of a watched folder: which are listed, which are parts, and which are still written."""

import os
from pathlib import Path

from inspect_ai.ingest.watching.watched_files import list_files, part_digest, watched_file
from tests.support.pictures import encoded


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
    (tmp_path / "unnamed").write_bytes(encoded("PNG"))
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


def test_a_picture_that_is_still_written_is_a_part_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "begun.png").write_bytes(b"\x89PN")
    (tmp_path / "half.png").write_bytes(encoded("PNG")[:300])

    said = {}
    for path, state in list_files(tmp_path).items():
        part = watched_file(tmp_path, path, state)
        assert part is not None
        said[path] = part.unfinished

    assert said == {
        "empty.png": "it is empty",
        "begun.png": "it holds only the first bytes of a picture",
        "half.png": "its PNG data end in the middle",
    }


def test_a_file_that_grew_since_the_look_is_no_part_yet(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded("PNG")[:-12])
    state = list_files(tmp_path)["a.png"]
    (tmp_path / "a.png").write_bytes(encoded("PNG"))

    assert watched_file(tmp_path, "a.png", state) is None


def test_a_file_over_the_limit_is_a_part_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded("PNG"))
    state = list_files(tmp_path)["a.png"]

    part = watched_file(tmp_path, "a.png", state, max_bytes=1000)

    assert part is not None
    assert "larger than the limit" in (part.problem or "")
