"""Headers of a whole tree wait on disk, where nobody else can read them, and come back as they were."""

import stat
from pathlib import Path

import pytest

from inspect_ai.domain import SourceFile
from inspect_ai.errors import SetupError
from inspect_ai.ingest.discover import read_headers
from inspect_ai.ingest.foreign_objects import ForeignObject
from inspect_ai.ingest.header import Header
from inspect_ai.ingest.volumes import header_index
from inspect_ai.ingest.volumes.header_index import HeaderIndex
from tests.support.dicom_factory import ct_slice, save


def file(path: str) -> SourceFile:
    return SourceFile(path=path, sha256=path.ljust(64, "0"), size_bytes=1)


@pytest.fixture
def header(tmp_path: Path) -> Header:
    (found,) = read_headers([save(ct_slice(2.5), tmp_path / "slice")], 10**8, None, False)
    assert isinstance(found, Header)
    return found


def test_files_come_back_by_study_and_series_in_order_of_path(header: Header) -> None:
    report = ForeignObject(what="a structured report", study_uid=header.study_uid, series_uid="1.9")
    with HeaderIndex() as index:
        for path in ("b/2", "a/1", "b/1"):
            index.add(file(path), header)
        index.add(file("c"), report)
        index.close_input()

        assert list(index.studies()) == [header.study_uid]
        assert list(index.series(header.study_uid)) == [header.series_uid, "1.9"]
        members = index.members(header.study_uid, header.series_uid)
        assert members == [(file("a/1"), header), (file("b/1"), header), (file("b/2"), header)]
        assert index.original_slices(header.study_uid) == {header.frame_of_reference: 3}
        assert {series: dict(kinds) for series, kinds in index.aside(header.study_uid).items()} == {
            "1.9": {"a structured report": 1}
        }


def test_pictures_without_identifiers_are_studies_of_their_own(header: Header) -> None:
    nameless = ForeignObject(what="raw data", study_uid="", series_uid="")
    with HeaderIndex() as index:
        index.add(file("a"), nameless)
        index.add(file("b"), nameless)
        index.close_input()

        assert len(list(index.studies())) == 2


def open_files() -> dict[str, int]:
    """Target and mode of each regular file that this process has open."""
    found = {}
    for fd in Path("/proc/self/fd").iterdir():
        if fd.exists() and stat.S_ISREG(fd.stat().st_mode):  # the listing's own descriptor is gone by now
            found[str(fd.readlink())] = fd.stat().st_mode
    return found


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_the_file_has_no_name_and_is_readable_by_nobody_else(header: Header, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(header_index, "CACHE_KIB", 64)  # so that it must be written to disk
    before = open_files()
    with HeaderIndex() as index:
        for number in range(2000):
            index.add(file(f"{number}"), header)
        index.close_input()
        new = {target: mode for target, mode in open_files().items() if target not in before}

        assert new
        assert all(target.endswith("(deleted)") for target in new)
        assert all(mode & 0o077 == 0 for mode in new.values())
        assert len(index.members(header.study_uid, header.series_uid)) == 2000


def test_a_full_disk_is_said_in_a_sentence(header: Header) -> None:
    with HeaderIndex() as index:
        index._db.execute("PRAGMA max_page_count=4")  # as if there was no more room
        with pytest.raises(SetupError, match="SQLITE_TMPDIR"):
            [index.add(file(f"{number}"), header) for number in range(200)]
