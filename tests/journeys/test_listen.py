"""Listen journey against a real PACS and real processes: decided once, answered once, whatever is killed."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread

from benchmarks.pacs_round_trip.by_dicomweb import by_dicomweb
from inspect_ai import review
from inspect_ai.audit import open_log, verify
from inspect_ai.phantom.chest_frame import SIDE
from inspect_ai.phantom.dicom_files import write_ct
from tests.dicom_out.reading import code, named
from tests.support.dicom_factory import save
from tests.support.pacs import (
    PATIENT,
    PLUGIN,
    TASK,
    Listener,
    Orthanc,
    free_port,
    needs,
    photograph,
    until,
    write_photographs,
    write_series,
)
from tests.support.tasks import make_task

pytest.importorskip("pynetdicom", reason="needs the extra pacs")
pytestmark = pytest.mark.slow


@pytest.fixture
def place(tmp_path: Path) -> Path:
    make_task(tmp_path / "tasks", task_py=TASK)
    return tmp_path


@pytest.fixture
def listener(place: Path) -> Iterator[Listener]:
    made = Listener(place)
    yield made
    made.kill()


@pytest.fixture
def pair(place: Path) -> Iterator[tuple[Orthanc, Listener]]:
    """Orthanc and a listener that answers to it."""
    port = free_port()
    orthanc = Orthanc(place / "orthanc", port)
    web = f"http://127.0.0.1:{orthanc.http}/dicom-web"
    made = Listener(place, port, {"archive": f"dimse://ORTHANC@127.0.0.1:{orthanc.dicom}", "web": web})
    yield orthanc, made
    made.kill()
    orthanc.kill()


def storescu(port: int, *paths: Path, title: str = "ORTHANC") -> None:
    command = [needs("storescu"), "-aet", title, "-aec", "INSPECT_AI", "--scan-directories", "--recurse"]
    subprocess.run([*command, "127.0.0.1", str(port), *map(str, paths)], check=True, capture_output=True, timeout=120)


def rows(db: Path, kind: str) -> list[dict[str, Any]]:
    with open_log(db, create=False) as log:
        return [json.loads(entry.document)[kind] for entry in log.entries(kind=kind)]


def received_files(listener: Listener) -> list[Path]:
    return [path for path in listener.into.glob("*/*/*.dcm") if path.parent.parent.name != "outbox"]


def check_once(db: Path, decisions: int) -> None:
    """Each content was decided once and the chain holds."""
    digests = [row["study"]["digest"] for row in rows(db, "decision")]
    assert len(digests) == len(set(digests)) == decisions
    assert verify(db).ok


def phantom_series(folder: Path) -> list[Path]:
    hu = np.full((6, SIDE, SIDE), -1000, np.int16)
    for index in range(6):
        hu[index, 80:330, 60:350] = 40 + index
    return write_ct(folder, hu, name="phantom", patient="made")


def test_a_phantom_series_is_decided_once_and_a_late_slice_makes_a_new_version(listener: Listener, place: Path) -> None:
    slices = phantom_series(place / "ct")
    early = place / "early"
    early.mkdir()
    for path in slices[:-1]:
        (early / path.name).write_bytes(path.read_bytes())
    listener.start()

    storescu(listener.port, early)
    (first,) = until(lambda: listener.events("received"), "the decision")
    storescu(listener.port, early)  # sent again: nothing new
    storescu(listener.port, place / "ct")
    _, second = until(lambda: listener.events("received")[1:] and listener.events("received"), "the second version")

    assert (first["instances"], second["instances"]) == (5, 6)
    assert [len(event["decisions"]) for event in (first, second)] == [1, 1]
    assert listener.stop() == 130
    check_once(listener.db, 2)
    (row,) = listener.listed()
    assert (row["state"], row["instances"]) == ("decided", 6)
    assert row["entries"] == [second["decisions"][0]["entry"]]


def test_flagged_studies_stand_first_in_the_list(listener: Listener, place: Path) -> None:
    write_photographs(place / "source", 4)
    listener.start()
    storescu(listener.port, place / "source")
    until(lambda: len(listener.events("received")) == 4, "four decisions")

    listed = listener.listed()

    assert [row["outcome"] for row in listed] == ["flag", "flag", "clear", "clear"]
    assert {row["state"] for row in listed} == {"decided"}
    (text,) = [listener.run("list", "--into", "received", "--db", "log.db").stdout]
    assert text.splitlines()[1].split("\t")[2] == "flag"


def test_killed_between_receipt_and_decision_a_restart_decides_each_once(listener: Listener, place: Path) -> None:
    write_photographs(place / "source", 3)
    listener.start("--quiet", "1h")
    storescu(listener.port, place / "source")  # every object was answered with success
    listener.kill()
    assert {row["state"] for row in listener.listed()} <= {"receiving", "waiting"}

    listener.start()
    until(lambda: len(listener.events("received")) == 3, "three decisions")
    listener.kill()

    check_once(listener.db, 3)


@pytest.mark.parametrize("point", ["inside_transaction", "after_commit"])
def test_killed_while_it_decides_a_restart_decides_each_once(listener: Listener, place: Path, point: str) -> None:
    write_photographs(place / "source", 3)
    listener.start(INSPECT_AI_FAILPOINT=point)
    storescu(listener.port, place / "source")
    process = listener.process
    assert process is not None
    assert process.wait(timeout=120) == -signal.SIGKILL

    listener.start()
    until(lambda: len(listener.events("received")) == 3, "three decisions")

    check_once(listener.db, 3)
    assert {row["state"] for row in listener.listed()} == {"decided"}


def test_what_pacs_sends_is_decided_and_answered_once_though_both_are_killed(
    pair: tuple[Orthanc, Listener], place: Path
) -> None:
    orthanc, listener = pair
    studies = [orthanc.upload(path) for path in write_photographs(place / "source", 4)]
    listener.start()
    for study in studies[:2]:
        orthanc.send(study)
    until(lambda: len(listener.events("sent")) == 2, "the first results")
    for study in studies[2:]:
        orthanc.send(study)
    orthanc.kill()
    until(lambda: listener.events("not_sent"), "a failed attempt")
    until(lambda: len(listener.events("received")) == 4, "all decisions")
    assert "failed" in {row["state"] for row in listener.listed()}
    listener.kill()

    listener.start()
    orthanc.start()
    until(lambda: {row["state"] for row in listener.listed()} == {"sent"}, "all results")

    assert [orthanc.modalities(study) for study in studies] == [["OP", "SR"]] * 4
    steps = rows(listener.db, "delivery")
    assert sorted(row["entry_id"] for row in steps if row["state"] == "queued") == sorted(
        row["entry_id"] for row in steps if row["state"] == "sent"
    )
    assert {row["destination"] for row in steps} == {"archive"}
    check_once(listener.db, 4)
    for study in studies:  # the PACS sends everything again, our reports among it: nothing new comes of it
        orthanc.send(study)
    until(lambda: not list((listener.into / "incoming").iterdir()), "the end of receiving")
    assert len(received_files(listener)) == 4
    assert len(rows(listener.db, "delivery")) == len(steps)


def test_report_segments_and_picture_of_a_flagged_series_stand_in_the_pacs_under_its_study_once(
    pair: tuple[Orthanc, Listener], place: Path
) -> None:
    pytest.importorskip("highdicom", reason="needs the extra dicom")
    orthanc, listener = pair
    listener.real_results = True
    (study,) = {orthanc.upload(path) for path in write_series(place / "source", 1)}
    listener.start()
    orthanc.send(study)
    until(lambda: len(listener.events("sent")) == 1, "the results")
    before = orthanc.modalities(study)

    orthanc.send(study)
    until(lambda: not list((listener.into / "incoming").iterdir()), "the end of receiving")

    assert before == [*["CT"] * 6, "OT", "SEG", "SR"]
    assert orthanc.modalities(study) == before
    (sent,) = [row for row in rows(listener.db, "delivery") if row["state"] == "sent"]
    assert len(sent["objects"]) == 3
    check_once(listener.db, 1)


def answer(listener: Listener, entry: int, verdict: str) -> None:
    """What a reader says, in a process that is not the listener's."""
    with open_log(listener.db, create=False) as log:
        review.decide(log, entry, verdict, f"{verdict} it is", operator="anna")


def test_the_report_of_an_answer_follows_the_decision_once_though_the_listener_is_killed(
    pair: tuple[Orthanc, Listener], place: Path
) -> None:
    pytest.importorskip("highdicom", reason="needs the extra dicom")
    orthanc, listener = pair
    listener.real_results = True
    first, second = (orthanc.upload(path) for path in write_photographs(place / "source", 2))
    listener.start()
    orthanc.send(first)
    until(lambda: len(listener.events("sent")) == 1, "the results of the first")
    orthanc.send(second)
    until(lambda: len(listener.events("sent")) == 2, "the results of the second")
    before = orthanc.modalities(first), orthanc.modalities(second)
    one, two = (event["entry"] for event in listener.events("sent"))

    answer(listener, one, "positive")
    until(lambda: len(listener.events("sent")) == 3, "the report of the answer")
    listener.kill()
    answer(listener, one, "reopen")  # while nobody listens: the archive has what is taken back
    answer(listener, one, "negative")
    answer(listener, two, "positive")
    answer(listener, two, "reopen")  # the archive never had it
    listener.start()
    until(lambda: len(listener.events("sent")) == 2, "what was said meanwhile")
    listener.kill()
    listener.start()
    answer(listener, two, "negative")
    until(lambda: listener.events("sent"), "the last answer")

    assert orthanc.modalities(first) == sorted([*before[0], "SR", "SR", "SR"])
    assert orthanc.modalities(second) == sorted([*before[1], "SR"])
    said = ["negative 99INSPECT", "positive 99INSPECT", "withdrawn 99INSPECT"]
    assert answers_at(orthanc, first, place) == said
    assert answers_at(orthanc, second, place) == ["negative 99INSPECT"]
    steps = [(row["entry_id"], row["state"]) for row in rows(listener.db, "delivery")]
    assert len(steps) == len(set(steps)) == 12
    assert {row["state"] for row in listener.listed()} == {"sent"}
    check_once(listener.db, 2)


def answers_at(orthanc: Orthanc, study: str, place: Path) -> list[str]:
    """Answers of the reports that a study has at Orthanc, sorted."""
    found = []
    for instance in orthanc.get(f"/studies/{study}/instances"):
        report = dcmread(BytesIO(orthanc.file(instance["ID"])), stop_before_pixels=True)
        found += [code(report, "answer 99INSPECT")] if named(report, "answer 99INSPECT") else []
    return sorted(found)


@pytest.mark.parametrize("point", ["inside_transaction", "after_commit"])
def test_killed_while_an_answer_is_queued_a_restart_sends_it_once(
    pair: tuple[Orthanc, Listener], place: Path, point: str
) -> None:
    orthanc, listener = pair
    study = orthanc.upload(write_photographs(place / "source", 1)[0])
    listener.start()
    orthanc.send(study)
    until(lambda: listener.events("sent"), "the results")
    listener.kill()
    (entry,) = [event["entry"] for event in listener.events("sent")]
    listener.start(INSPECT_AI_FAILPOINT=point)  # of its next row: there is nothing else to do
    answer(listener, entry, "positive")
    process = listener.process
    assert process is not None
    assert process.wait(timeout=120) == -signal.SIGKILL

    listener.start()
    until(lambda: {row["state"] for row in listener.listed()} == {"sent"} and len(orthanc.modalities(study)) == 3, "it")

    assert orthanc.modalities(study) == ["OP", "SR", "SR"]
    states = [(row["entry_id"], row["state"]) for row in rows(listener.db, "delivery")]
    assert states == [(entry, "queued"), (entry, "sent"), (entry + 3, "queued"), (entry + 3, "sent")]
    check_once(listener.db, 1)


def test_results_that_nobody_could_be_sent_are_queued_by_decide_once_there_is_somebody(
    pair: tuple[Orthanc, Listener], place: Path
) -> None:
    orthanc, listener = pair
    listened, scanned = (orthanc.upload(path) for path in write_photographs(place / "source", 2))
    destinations = (place / "inspect_ai.toml").read_text()
    (place / "inspect_ai.toml").write_text("")
    listener.start()
    orthanc.send(listened)
    until(lambda: len(listener.events("received")) == 1, "the decision")
    listener.kill()
    listener.start("--quiet", "1h")
    orthanc.send(scanned)
    listener.kill()
    settings = ["--task", "bright", "--tasks", "tasks", "--db", str(listener.db), "--out", "out"]
    listener.run_other("scan", str(listener.into), *settings)
    assert len(rows(listener.db, "decision")) == 2
    answer(listener, rows_of(listener.db, "decision")[0], "negative")
    assert rows(listener.db, "delivery") == []

    (place / "inspect_ai.toml").write_text(destinations)
    done = listener.decide()

    assert done.returncode == 0, done.stdout + done.stderr
    assert [json.loads(line)["type"] for line in done.stdout.splitlines()] == ["received", "sent", "sent", "sent"]
    assert [len(orthanc.modalities(study)) for study in (listened, scanned)] == [3, 2]
    assert listener.decide().stdout == ""
    check_once(listener.db, 2)


def rows_of(db: Path, kind: str) -> list[int]:
    """Numbers of the entries of a kind."""
    with open_log(db, create=False) as log:
        return [entry.id for entry in log.entries(kind=kind)]


def test_the_same_through_dicomweb(pair: tuple[Orthanc, Listener], place: Path) -> None:
    if not PLUGIN.exists():
        pytest.skip("needs the Debian package orthanc-dicomweb")
    orthanc, listener = pair
    studies = [orthanc.upload(path) for path in write_photographs(place / "source", 2)]
    offered = listener.run("list", "--into", "received", "--db", "log.db", "--from", "web", "--json")
    keys = [json.loads(line)["study"] for line in offered.stdout.splitlines()]
    assert len(keys) == 2
    assert "Secret" not in offered.stdout + offered.stderr

    for key in keys:
        fetched = listener.run("fetch", "--from", "web", "--study", key[:12], "--into", "received")
        assert fetched.returncode == 0, fetched.stderr
    again = listener.run("fetch", "--from", "web", "--study", keys[0], "--into", "received", "--json")
    assert json.loads(again.stdout)["new"] == 0
    orthanc.kill()
    away = listener.decide()
    assert away.returncode == 5, away.stderr
    assert [json.loads(line)["type"] for line in away.stdout.splitlines()] == ["received", "received", "not_sent"]

    orthanc.start()
    done = listener.decide()

    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["type"] for line in done.stdout.splitlines()] == ["sent", "sent"]
    assert listener.decide().stdout == ""
    assert [orthanc.modalities(study) for study in studies] == [["OP", "SR"]] * 2
    assert {row["destination"] for row in rows(listener.db, "delivery")} == {"web"}
    check_once(listener.db, 2)


def test_real_results_go_back_through_dicomweb_once_though_both_sides_are_killed(tmp_path: Path) -> None:
    pytest.importorskip("highdicom", reason="needs the extra dicom")
    needs("Orthanc")
    if not PLUGIN.exists():
        pytest.skip("needs the Debian package orthanc-dicomweb")

    found = by_dicomweb(tmp_path, studies=3, slices=6)

    assert (found.reports, found.segments, found.pictures) == (3, 1, 3)
    assert (found.lacking, found.surplus, found.doubled) == (0, 0, 0)
    assert found.happened.again == 3 * 6 + 7
    assert found.holds


def test_orthanc_gets_its_storage_commitment(pair: tuple[Orthanc, Listener], place: Path) -> None:
    orthanc, listener = pair
    study = orthanc.upload(write_photographs(place / "source", 1)[0])
    listener.start("--quiet", "1h")
    orthanc.send(study)
    asked = orthanc.post("/modalities/ai/storage-commitment", json.dumps({"Resources": [study]}).encode())

    until(lambda: orthanc.get(asked["Path"])["Status"] == "Success", "the commitment")
    until(lambda: listener.events("received"), "the decision, long before the quiet time")


def test_nothing_of_a_header_stands_in_log_output_or_names(pair: tuple[Orthanc, Listener], place: Path) -> None:
    orthanc, listener = pair
    study = orthanc.upload(write_photographs(place / "source", 1)[0])
    listener.start()
    orthanc.send(study)
    until(lambda: listener.events("sent"), "the result")
    orthanc.kill()
    listener.stop()

    shown = "".join(listener.lines) + (place / "stderr").read_text() + json.dumps(listener.listed())
    shown += "\n".join(str(path) for path in listener.into.rglob("*"))
    with closing(sqlite3.connect(listener.db)) as connection:
        shown += "\n".join(connection.iterdump())
    for text in (PATIENT, "Marker", "SECRET-"):
        assert text not in shown


def test_bytes_that_are_no_message_leave_no_traceback_and_hold_up_nobody(listener: Listener, place: Path) -> None:
    from inspect_ai.pacs.destinations import Dimse
    from inspect_ai.pacs.dimse import DimseSender, associated

    listener.start()
    here = Dimse(name="here", aet="INSPECT_AI", host="127.0.0.1", port=listener.port)
    random = np.random.default_rng(0)
    for number in range(12):
        with associated(here, "ORTHANC", [("1.2.840.10008.1.1", None)]) as association:
            body = b"Secret^Name" + random.bytes(60)
            head = bytes([number % 8 + 1, 0]) + len(body).to_bytes(4, "big")
            association.dul.socket.socket.sendall(head + body)
            association.abort()

    assert DimseSender(here, "ORTHANC").echo()
    listener.stop()
    said = (place / "stderr").read_text() + "".join(listener.lines)
    assert "Traceback" not in said
    assert "Secret" not in said


def test_a_second_listener_on_one_folder_is_refused(listener: Listener) -> None:
    listener.start()

    second = listener.decide()

    assert second.returncode == 2
    assert "Another process decides the studies" in second.stderr


def test_without_allowed_titles_it_says_so_and_refuses(listener: Listener, place: Path) -> None:
    listener.start(allow=())

    with pytest.raises(subprocess.CalledProcessError):
        storescu(listener.port, save(photograph(1), place / "a.dcm").parent / "a.dcm")

    assert "every association is refused" in (place / "stderr").read_text()
    until(lambda: any("refused" in event["message"] for event in listener.events("notice")), "the sentence")
    assert received_files(listener) == []
