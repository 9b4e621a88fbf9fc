"""Reports of answers go where the results of their decision went, once, and none is sent that was taken back before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from inspect_ai import review
from inspect_ai.audit import Entry, Log
from inspect_ai.errors import InputError
from inspect_ai.pacs.answers import AnswerReports
from inspect_ai.pacs.deliveries import queue
from inspect_ai.pacs.received import Received
from tests.support.dicom_factory import save
from tests.support.pacs import photograph


def make(entry: Entry, log: Log, root: Path, folder: Path) -> Sequence[Path]:
    return (save(photograph(entry.id), folder / "report.dcm"),)


class Reports:
    """Answers' reports below a folder, and what they told of."""

    def __init__(self, folder: Path) -> None:
        self.store = Received(folder / "received")
        self.told: list[tuple[int, str]] = []
        self.broken: set[int] = set()
        self.made: list[int] = []
        self.start()

    def start(self) -> None:
        self.reports = AnswerReports(self.store, self.make, lambda entry, there: self.told.append((entry, there)))

    def make(self, entry: Entry, log: Log, root: Path, folder: Path) -> Sequence[Path]:
        self.made.append(entry.id)
        if entry.id in self.broken:
            raise InputError("The source file 1 of 1 is not there.")
        return make(entry, log, root, folder)

    def results(self, log: Log, entry_id: int, destination: str = "archive") -> None:
        """Results of a decision are queued."""
        queue(log, entry_id, destination, make(log.entry(entry_id), log, self.store.root, self.store.outbox(entry_id)))

    def look(self, log: Log, now: float = 0.0) -> list[tuple[int, str]]:
        """Look once; what was queued then."""
        before = len(self.told)
        self.failures = [event.reason for event in self.reports.queue_new(log, lambda: now)]
        return self.told[before:]


@pytest.fixture
def reports(tmp_path: Path) -> Reports:
    return Reports(tmp_path)


def say(log: Log, entry_id: int, verdict: str) -> int:
    last = review.decide(log, entry_id, verdict, "why", operator="anna").last
    assert last is not None
    return last.id


def test_an_answer_goes_to_each_destination_of_its_decision_once(log: Log, reports: Reports) -> None:
    reports.results(log, 1)
    reports.results(log, 1, "web")
    reports.results(log, 2)
    answer = say(log, 1, "positive")

    assert reports.look(log) == [(answer, "archive"), (answer, "web")]
    assert reports.look(log) == []
    reports.start()  # another process
    assert reports.look(log) == []


def test_an_answer_waits_for_the_results_of_its_decision(log: Log, reports: Reports) -> None:
    answer = say(log, 1, "negative")
    assert reports.look(log) == []

    reports.results(log, 1)

    assert reports.look(log) == [(answer, "archive")]


def test_what_was_taken_back_before_it_was_queued_is_never_sent(log: Log, reports: Reports) -> None:
    reports.results(log, 1)
    say(log, 1, "positive")
    say(log, 1, "reopen")
    assert reports.look(log) == []

    last = say(log, 1, "negative")

    assert reports.look(log) == [(last, "archive")]


def test_what_was_queued_and_taken_back_is_followed_by_that(log: Log, reports: Reports) -> None:
    reports.results(log, 1)
    say(log, 1, "positive")
    reports.look(log)
    withdrawn, again = say(log, 1, "reopen"), say(log, 1, "positive")

    assert reports.look(log) == [(withdrawn, "archive"), (again, "archive")]


def test_a_destination_that_comes_later_gets_only_what_holds(log: Log, reports: Reports) -> None:
    reports.results(log, 1)
    say(log, 1, "positive")
    reports.look(log)
    say(log, 1, "reopen")
    last = say(log, 1, "negative")
    reports.results(log, 1, "web")

    assert [where for where in reports.look(log) if where[1] == "web"] == [(last, "web")]


@pytest.mark.parametrize("verdict", ["retake", "second_reader"])
def test_what_settles_nothing_is_not_sent(log: Log, reports: Reports, verdict: str) -> None:
    reports.results(log, 1)
    say(log, 1, verdict)

    assert reports.look(log) == []
    assert reports.made == []


def test_a_report_that_cannot_be_made_holds_up_no_other_and_is_tried_again(log: Log, reports: Reports) -> None:
    reports.results(log, 1)
    reports.results(log, 2)
    lost, other = say(log, 1, "positive"), say(log, 2, "positive")
    reports.broken = {lost}

    assert reports.look(log) == [(other, "archive")]
    assert reports.failures == ["The source file 1 of 1 is not there."]
    assert reports.look(log, 1.0) == []
    assert reports.failures == []  # its pause is not over

    reports.broken = set()
    assert reports.look(log, 60.0) == [(lost, "archive")]
