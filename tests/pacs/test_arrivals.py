"""Arrivals: when a study is complete, and what a late slice does."""

import time
from pathlib import Path

from inspect_ai.pacs.arrivals import Arrivals, Completeness
from inspect_ai.pacs.identity import identity_of
from inspect_ai.pacs.received import Received
from tests.support.dicom_factory import save
from tests.support.pacs import photograph


def add(store: Received, number: int, instance: int, folder: Path) -> str:
    path = save(photograph(number, instance=instance), folder / f"{number}-{instance}.dcm")
    key = store.add(identity_of(path), path.read_bytes(), "TESTER")
    assert key is not None
    return key


def made(tmp_path: Path) -> Received:
    store = Received(tmp_path / "received")
    store.prepare()
    return store


def test_a_study_is_complete_after_its_quiet_time_and_not_before(tmp_path: Path) -> None:
    store = made(tmp_path)
    key = add(store, 1, 0, tmp_path)

    assert list(Arrivals(store, Completeness(quiet_s=3600)).complete()) == []
    assert [study.key for study in Arrivals(store, Completeness(quiet_s=0)).complete()] == [key]


def test_a_study_that_lay_there_before_the_start_need_not_be_quiet_again(tmp_path: Path) -> None:
    import os

    store = made(tmp_path)
    key = add(store, 1, 0, tmp_path)
    past = time.time() - 100
    for folder in (store.root / key).iterdir():
        os.utime(folder, (past, past))
    os.utime(store.root / key, (past, past))

    assert [study.key for study in Arrivals(store, Completeness(quiet_s=60)).complete()] == [key]


def test_a_number_of_instances_or_a_commitment_ends_the_wait(tmp_path: Path) -> None:
    store = made(tmp_path)
    key = add(store, 1, 0, tmp_path)
    arrivals = Arrivals(store, Completeness(quiet_s=3600, instances=2))
    assert list(arrivals.complete()) == []
    add(store, 1, 1, tmp_path)
    arrivals.touched(key)
    (study,) = arrivals.complete()
    assert study.instances == 2

    other = add(store, 2, 0, tmp_path)
    waiting = store.study(other)
    assert waiting is not None
    store.keep_note(other, committed=waiting.version)
    assert {study.key for study in arrivals.complete()} == {key, other}


def test_a_late_file_makes_a_new_version_and_a_decided_one_is_left_alone(tmp_path: Path) -> None:
    store = made(tmp_path)
    key = add(store, 1, 0, tmp_path)
    arrivals = Arrivals(store, Completeness(quiet_s=0))
    (first,) = arrivals.complete()
    store.keep_note(key, version=first.version)
    assert list(arrivals.complete()) == []

    add(store, 1, 1, tmp_path)
    arrivals.touched(key)
    (second,) = arrivals.complete()
    assert second.version != first.version


def test_a_file_that_another_process_puts_there_counts(tmp_path: Path) -> None:
    store = made(tmp_path)
    arrivals = Arrivals(store, Completeness(quiet_s=0))
    assert list(arrivals.complete()) == []

    key = add(Received(store.root), 1, 0, tmp_path)
    (study,) = arrivals.complete()
    store.keep_note(key, version=study.version)
    assert list(arrivals.complete()) == []

    add(Received(store.root), 1, 1, tmp_path)
    arrivals._everything_at = 0.0  # its next look at studies that were decided
    assert [study.key for study in arrivals.complete()] == [key]


def test_what_is_gathered_is_what_was_listed(tmp_path: Path) -> None:
    store = made(tmp_path)
    key = add(store, 1, 0, tmp_path)
    study = store.study(key)
    assert study is not None
    add(store, 1, 1, tmp_path)

    with store.gathered([study]) as folder:
        found = [path.relative_to(folder).as_posix() for path in folder.rglob("*.dcm")]

    assert found == [study.files[0].relative_to(store.root).as_posix()]
    assert not folder.exists()
    assert len(list(store.root.glob("*/*/*.dcm"))) == 2


def test_half_written_files_of_a_killed_process_go_and_whole_ones_stay(tmp_path: Path) -> None:
    store = made(tmp_path)
    key = add(store, 1, 0, tmp_path)
    (store.root / "incoming" / "half.part").write_bytes(b"half")

    again = Received(store.root)
    again.prepare()

    assert list((store.root / "incoming").iterdir()) == []
    assert [study.key for study in again.studies()] == [key]


def test_an_object_that_was_made_here_is_not_taken_for_a_new_one(tmp_path: Path) -> None:
    store = made(tmp_path)
    result = save(photograph(5), store.outbox(1) / "result.dcm")
    store.settle([result])

    assert store.add(identity_of(result), result.read_bytes(), "TESTER") is None
    assert list(store.studies()) == []
