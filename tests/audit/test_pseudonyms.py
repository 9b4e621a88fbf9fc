"""Names of files and folders: pseudonyms in the log, sealed beside them, and opened by the log's key alone."""

import json
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from inspect_ai.audit import Pseudonyms, key_path, open_log, patient_key, verify
from inspect_ai.domain import Rejection, SourceFile, StudyRef
from inspect_ai.errors import AuditError
from inspect_ai.ingest.watching.watched_files import part_digest
from tests.support.logs import decision, raw_rows

NAMES = Pseudonyms(b"k" * 32)


def series(*paths: str, key: str, source: str, notes: tuple[str, ...] = (), problems: tuple[str, ...] = ()) -> StudyRef:
    files = tuple(SourceFile(path=path, sha256=f"{n:064x}", size_bytes=1) for n, path in enumerate(paths))
    return StudyRef(
        key=key, source=source, kind="dicom", digest="d" * 64, files=files, notes=notes, problems=problems,
        study_uid="1.2.3", series_uid="Müller^Anna", sop_class_uid="Müller",
    )  # fmt: skip


def test_a_path_keeps_its_slashes_and_a_known_ending_and_nothing_else() -> None:
    hidden = NAMES.path("Müller_Anna/CT 1/Bild.DCM")

    assert re.fullmatch(r"[0-9a-f]{12}/[0-9a-f]{12}/[0-9a-f]{12}\.dcm", hidden)
    assert NAMES.path("Müller_Anna/x").split("/")[0] == hidden.split("/")[0]
    assert re.fullmatch(r"[0-9a-f]{12}", NAMES.path("scan.Müller"))
    assert NAMES.path("a.nii.gz").endswith(".nii.gz")
    assert NAMES.path(".") == "."
    assert Pseudonyms(b"l" * 32).path("Müller_Anna") != NAMES.path("Müller_Anna")


@pytest.mark.parametrize(
    ("paths", "key", "source"),
    [
        (["Anna/1.dcm", "Anna/2.dcm"], "Anna#0123abcd", "Anna"),
        (["Anna/1.dcm"], "Anna/1.dcm#0123abcd", "Anna/1.dcm"),
        (["Anna/1.dcm", "Otto/2.dcm"], "Anna#0123abcd.2", "Anna"),
        (["Anna#19650101/1.dcm"], "Anna#19650101#0123abcd", "Anna#19650101"),
        (["1.dcm"], ".#0123abcd", "."),
        (["x/1.dcm"], "Anna/Otto#0123abcd", "x"),
    ],
)
def test_the_key_of_a_series_keeps_what_tells_it_from_others(paths: list[str], key: str, source: str) -> None:
    hidden = NAMES.hidden_study(series(*paths, key=key, source=source)).key

    assert "#0123abcd" in hidden
    assert not re.search("Anna|Otto|19650101", hidden)


def test_sentences_name_no_file_folder_or_part_of_its_path() -> None:
    paths = ["Müller Anna/CT1965/a (1).dcm", "Müller Anna/CT1965/b.dcm"]
    told = "; ".join([paths[0], "b.dcm", "in Müller Anna", "/mnt/x/Müller Anna/CT1965/b.dcm", "Müller Anna/CT1965:"])
    study = series(*paths, key="k", source="Müller Anna/CT1965", notes=(told,), problems=(told,))
    made = replace(decision(1), study=study, verdict=replace(decision(1).verdict, reason=told))

    hidden = NAMES.hidden(made)

    for text in (hidden.verdict.reason, *hidden.study.notes, *hidden.study.problems):
        assert not re.search(r"Müller|Anna|CT1965|\(1\)|b\.dcm", text)
        assert NAMES.path(paths[1]) in text
    assert NAMES.in_clear(hidden, study) == replace(made, findings=hidden.findings)


def test_words_and_figures_of_a_sentence_stay_where_a_name_is_as_short_as_they_are() -> None:
    rejection = Rejection(file="3/a/CT", reason="a CT of 3 slices: 0.3 mm")

    assert NAMES.hidden(rejection).reason == rejection.reason


def test_what_is_no_uid_is_left_out() -> None:
    hidden = NAMES.hidden_study(series("1.dcm", key="k", source="1.dcm"))

    assert (hidden.study_uid, hidden.series_uid, hidden.sop_class_uid) == ("1.2.3", None, "")


def test_the_log_holds_no_name_and_its_key_opens_the_sealed_ones(tmp_path: Path) -> None:
    file = tmp_path / "log.db"
    with open_log(file) as log:
        first, second = log.append([decision(1), Rejection(file="Anna/Brief an Otto.txt", reason="text: no picture")])
        assert log.names.opened(first.sealed) == ("parts/1.png", "parts/1.png", "parts/1.png")
        assert log.names.opened(second.sealed) == ("Anna/Brief an Otto.txt",)
    assert not re.search(rb"parts/|Anna|Otto", file.read_bytes())
    assert verify(file).ok

    key_path(file).unlink()
    patient_key(file)  # another one
    with open_log(file) as log, pytest.raises(AuditError, match="not the one that sealed them"):
        log.names.opened(log.entry(1).sealed)


def test_names_are_not_kept_where_the_settings_say_so(tmp_path: Path) -> None:
    with open_log(tmp_path / "log.db", keep_names=False) as log:
        (entry,) = log.append([decision(1)])

    assert entry.sealed == ""


def test_an_entry_of_an_earlier_version_with_its_names_is_found_and_not_written_again(tmp_path: Path) -> None:
    file = tmp_path / "log.db"
    rejection = Rejection(file="Anna.txt", reason="text: no picture", sha256="1" * 64)
    part = replace(decision(1).study, digest=part_digest("parts/1.png", decision(1).study.files[0].sha256))
    made = replace(decision(1), study=part)
    with open_log(file) as log:
        log.__dict__["names"] = type("Clear", (), {"hidden": lambda _, item: item, "sealed": lambda _, item: ""})()
        log.append([rejection, made])
    assert b"Anna.txt" in file.read_bytes()

    with open_log(file) as log:
        assert [entry.id for entry in log.append([rejection, made])] == [1, 2]
        found = log.find(part.digest, made.provenance)
    assert found is not None
    assert found.id == 2


def test_a_guessed_path_cannot_be_tested_against_the_digest_of_a_part(tmp_path: Path) -> None:
    path, sha256 = "parts/1.png", decision(1).study.files[0].sha256
    part = replace(decision(1).study, digest=part_digest(path, sha256))
    with open_log(tmp_path / "log.db") as log:
        (entry,) = log.append([replace(decision(1), study=part)])
        assert log.append([replace(decision(1), study=part)])[0].id == entry.id
        assert log.find(part.digest, decision(1).provenance) is not None

    assert part.digest not in json.dumps([str(row) for row in raw_rows(tmp_path / "log.db")])


def test_log_key_and_journal_are_for_their_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "new" / "log.db"
    with open_log(file) as log:
        log.append([decision(1)])
        with closing(sqlite3.connect(file)) as other:
            other.execute("BEGIN IMMEDIATE")
            other.execute("PRAGMA user_version = 1")
            modes = {found.name: found.stat().st_mode & 0o777 for found in file.parent.iterdir()}
    assert set(modes.values()) == {0o600}
    assert "log.db-journal" in modes
    assert file.parent.stat().st_mode & 0o777 == 0o700
