"""Append, find, read: exactly once, all or nothing, in order."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from inspect_ai.audit import CertificateNote, Review, open_log, verify
from inspect_ai.domain import Outcome, Rejection
from inspect_ai.errors import AuditError, UsageError
from tests.support.logs import PROVENANCE, chain_holds, decision, make_log, raw_rows, rejection, tamper


def test_a_decision_is_read_back_equal_by_another_opening(tmp_path: Path) -> None:
    with open_log(tmp_path / "log.db", operator="anna") as log:
        written = log.append([decision(1)])[0]

    with open_log(tmp_path / "log.db") as log:
        read = log.entry(written.id)

        names = log.names
    assert read == written
    assert read.decision() == names.hidden(decision(1))
    assert names.in_clear(read.decision(), decision(1).study) == decision(1)
    assert (read.operator, read.kind, read.outcome, read.score) == ("anna", "decision", "flag", 0.1)


def test_the_chain_is_what_the_page_on_reliability_says(tmp_path: Path) -> None:
    make_log(tmp_path / "log.db", 7)

    rows = raw_rows(tmp_path / "log.db")
    assert len(rows) == 7
    assert chain_holds(rows)


def test_scores_stand_in_the_document_as_hexadecimal_text(tmp_path: Path) -> None:
    entry = make_log(tmp_path / "log.db", 1)[0]

    written = json.loads(entry.document, parse_float=lambda text: pytest.fail(f"a float stands there: {text}"))
    assert float.fromhex(written["decision"]["score"]) == 0.1


def test_the_same_decision_is_written_once_and_told_again(tmp_path: Path) -> None:
    with open_log(tmp_path / "log.db") as log:
        first = log.append([decision(1), decision(2), decision(1)])
        again = log.append([decision(2)])

    assert [entry.id for entry in first] == [1, 2, 1]
    assert again == [first[1]]
    assert len(raw_rows(tmp_path / "log.db")) == 2


@pytest.mark.parametrize("changed", ["task", "model_sha256", "config_sha256", "operating_point_sha256"])
def test_another_task_model_configuration_or_operating_point_decides_anew(changed: str, tmp_path: Path) -> None:
    other = replace(PROVENANCE, **{changed: "other"})
    with open_log(tmp_path / "log.db") as log:
        log.append([decision(1), decision(1, provenance=other)])

        assert log.find(decision(1).study.digest, PROVENANCE).id == 1  # type: ignore[union-attr]
        assert log.find(decision(1).study.digest, other).id == 2  # type: ignore[union-attr]


def test_another_engine_or_version_of_the_program_does_not(tmp_path: Path) -> None:
    other = replace(PROVENANCE, engine="torch", software="9.9.9", task_version="7")
    with open_log(tmp_path / "log.db") as log:
        log.append([decision(1), decision(1, provenance=other)])

    assert len(raw_rows(tmp_path / "log.db")) == 1


def test_a_study_decided_again_on_demand_is_found_by_its_newest_decision(tmp_path: Path) -> None:
    with open_log(tmp_path / "log.db") as log:
        log.append([decision(1), decision(2)])
        log.append([decision(1, supersedes=1)])
        log.append([decision(1, supersedes=3)])

        found = log.find_any(decision(1).study.digest, [PROVENANCE])

        assert found is not None
        assert (found.id, found.refers) == (4, 3)
        assert log.find_any("0" * 64, [PROVENANCE]) is None


def test_a_rejection_is_written_once_for_its_content_path_and_reason(tmp_path: Path) -> None:
    twin = replace(rejection(1), sha256=None)
    with open_log(tmp_path / "log.db") as log:
        entries = log.append([rejection(1), rejection(1), twin, twin, Rejection(file="note1.txt", reason="too large")])

    assert [entry.id for entry in entries] == [1, 1, 2, 2, 3]
    assert entries[0].rejection() == log.names.hidden(rejection(1))


def test_a_note_on_a_certificate_may_be_written_twice(tmp_path: Path) -> None:
    note = CertificateNote(
        task="fundus", operating_point_sha256="d" * 64, certified=False, statement="too few positives"
    )
    with open_log(tmp_path / "log.db") as log:
        entries = log.append([note, note])

    assert [(entry.id, entry.outcome) for entry in entries] == [(1, "refused"), (2, "refused")]
    assert entries[1].certificate() == note


def test_a_review_points_to_its_decision_and_carries_who_said_it(tmp_path: Path) -> None:
    make_log(tmp_path / "log.db", 2)
    with open_log(tmp_path / "log.db", operator="anna") as log:
        log.append([Review(entry_id=2, verdict="negative", reason="dust")])
        log.append([Review(entry_id=1, verdict="positive", reason="crack", operator="ben")])

        said = [(e.refers, e.outcome, e.operator, e.review().operator) for e in log.entries(kind="review")]

    assert said == [(2, "negative", "anna", "anna"), (1, "positive", "ben", "ben")]


def test_of_two_reviews_after_the_same_one_the_second_hears_of_the_first(tmp_path: Path) -> None:
    make_log(tmp_path / "log.db", 1)
    with open_log(tmp_path / "log.db", operator="anna") as log:
        log.append([Review(entry_id=1, verdict="positive", reason="crack")])

        with pytest.raises(UsageError, match="reviewed meanwhile by anna"):
            log.append([Review(entry_id=1, verdict="negative", reason="dust")])


def test_a_review_of_nothing_is_refused(tmp_path: Path) -> None:
    make_log(tmp_path / "log.db", 1)
    with open_log(tmp_path / "log.db") as log, pytest.raises(UsageError, match="no entry 9"):
        log.append([decision(5), Review(entry_id=9, verdict="positive", reason="crack")])

    assert len(raw_rows(tmp_path / "log.db")) == 1  # nothing of the group was written


def test_entries_are_filtered_and_come_in_pages_from_both_ends(tmp_path: Path) -> None:
    with open_log(tmp_path / "log.db") as log:
        log.append([decision(n, outcome=list(Outcome)[n % 3]) for n in range(1100)])

        assert [e.id for e in log.entries()] == list(range(1, 1101))
        assert [e.id for e in log.entries(newest_first=True)] == list(range(1100, 0, -1))
        assert [e.id for e in log.entries(outcome="flag", limit=3)] == [2, 5, 8]
        assert [e.id for e in log.entries(outcome="flag", after=1095)] == [1097, 1100]
        assert list(log.entries(kind="rejection")) == []
        assert list(log.entries(task="fundus")) == []
        assert log.head().rows == 1100
        assert log.head().hash == log.entry(1100).hash


def test_reading_entries_slowly_holds_up_no_writer(tmp_path: Path) -> None:
    make_log(tmp_path / "log.db", 4)
    with open_log(tmp_path / "log.db") as reader, open_log(tmp_path / "log.db", busy_s=0.0) as writer:
        entries = reader.entries()
        next(entries)

        writer.append([decision(99)])

        assert len(list(entries)) >= 3


def test_an_entry_that_is_something_else_says_so(tmp_path: Path) -> None:
    make_log(tmp_path / "log.db", 3)
    with open_log(tmp_path / "log.db") as log:
        with pytest.raises(UsageError, match="Entry 3 of the audit log is a rejection, not a decision"):
            log.entry(3).decision()
        with pytest.raises(UsageError, match="has no entry 4"):
            log.entry(4)


def test_a_clock_that_goes_back_is_tolerated_and_noted(tmp_path: Path) -> None:
    times = iter([datetime(2026, 3, 1, 12, 0, 0, 5, UTC), datetime(2026, 3, 1, 11, 59, 58, tzinfo=UTC)])
    with open_log(tmp_path / "log.db", clock=lambda: next(times)) as log:
        entries = log.append([decision(1), decision(2)])

    assert [entry.time for entry in entries] == ["2026-03-01T12:00:00.000005Z", "2026-03-01T11:59:58.000000Z"]
    found = verify(tmp_path / "log.db")
    assert found.ok
    assert found.remarks == ("The clock went back by 2.000005 s at entry 2.",)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET reason = 'nothing' WHERE seq = 2",
        "DELETE FROM entry WHERE seq = 4",
        "INSERT OR REPLACE INTO entry SELECT * FROM entry WHERE seq = 4",
        "REPLACE INTO entry SELECT 5, time, kind, subject, task, outcome, score, reason, refers, key, document,"
        " (SELECT hash FROM entry WHERE seq = 4), hash FROM entry WHERE seq = 1",
        "INSERT INTO entry SELECT 6, time, kind, subject, task, outcome, score, reason, refers, NULL, document,"
        " (SELECT hash FROM entry WHERE seq = 4), hash FROM entry WHERE seq = 1",
        "INSERT INTO entry SELECT 5, time, kind, subject, task, outcome, score, reason, refers, NULL, document,"
        " previous, hash FROM entry WHERE seq = 1",
        "UPDATE OR REPLACE entry SET seq = 1 WHERE seq = 2",
    ],
)
def test_the_file_itself_refuses_changes_even_from_a_tool_without_our_pragmas(statement: str, tmp_path: Path) -> None:
    make_log(tmp_path / "log.db", 4)
    with (
        closing(sqlite3.connect(tmp_path / "log.db")) as foreign,
        pytest.raises(sqlite3.IntegrityError, match="append"),
    ):
        foreign.execute(statement)

    assert verify(tmp_path / "log.db").ok


def test_nothing_is_written_after_a_last_entry_that_was_altered(tmp_path: Path) -> None:
    make_log(tmp_path / "log.db", 4)
    tamper(tmp_path / "log.db", "UPDATE entry SET document = replace(document, '0x1', '0x2') WHERE seq = 4")

    with open_log(tmp_path / "log.db") as log, pytest.raises(AuditError, match="Entry 4, the last of the audit log"):
        log.append([decision(9)])
