"""Monitor: a real log of decisions, looked at as a person would; rows are written once, and a person starts it anew."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import ANY

import numpy as np
import pytest
import typer

from inspect_ai.audit import Action, CertificateNote, Entry, Kind, Log, open_log, verify
from inspect_ai.audit.patients import key_path
from inspect_ai.cli import monitor as command
from inspect_ai.domain import Decision, Measure, Outcome
from inspect_ai.errors import UsageError
from inspect_ai.journeys.monitor import MISS_RATE, MonitorState, Watched, monitor
from inspect_ai.review import Case, decide, queue
from inspect_ai.review.random_audit import drawn
from inspect_ai.settings import Settings
from tests.support.logs import PROVENANCE, decision

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
KEY = "5e" * 32 + "\n"
CERTIFIED = replace(PROVENANCE, certificate_sha256="e" * 64)


def made(number: int, score: float, focus: float, outcome: Outcome = Outcome.CLEAR, **changes: object) -> Decision:
    measures = (
        Measure(name="focus", value=focus, limit=0.002, advice="clean the lens"),
        Measure(name="contrast", value=0.5, limit=0.02, advice="check light"),
    )
    plain = decision(number, score=score, outcome=outcome, provenance=CERTIFIED)
    return replace(plain, measures=measures, **changes)  # type: ignore[arg-type]


def production(count: int, *, first: int = 0, shift: float = 0.0, blur: float = 0.0) -> list[Decision]:
    """Scores and focus as a line makes them; `shift` and `blur` in standard deviations."""
    rng = np.random.default_rng(first)
    scores = 1 / (1 + np.exp(-(rng.standard_normal(count) - 3 + shift)))
    focus = 0.02 + 0.002 * (rng.standard_normal(count) - blur)
    return [made(first + i, float(s), float(f)) for i, (s, f) in enumerate(zip(scores, focus, strict=True))]


def look(db: Path, **kinds: object) -> Watched:
    with opened(db, operator="monitor") as log:
        (watched,) = monitor(log, Settings(db=db), **kinds)  # type: ignore[arg-type]
    return watched


def rows(db: Path, kind: Kind) -> list[Entry]:
    with opened(db) as log:
        return list(log.entries(kind=kind))


@contextmanager
def opened(db: Path, operator: str = "") -> Iterator[Log]:
    """The log at one moment, under one key and without sealed names, which differ each time: entries' hashes break
    ties, and of lines in control one in fifty would alarm by chance.
    """
    key_path(db).write_text(KEY)
    with open_log(db, operator=operator, clock=lambda: MOMENT, keep_names=False) as log:
        yield log


def write(db: Path, items: Sequence[object]) -> list[Entry]:
    with opened(db, operator="line") as log:
        return log.append(items)  # type: ignore[arg-type]


def enabled() -> CertificateNote:
    return CertificateNote(
        task=PROVENANCE.task,
        operating_point_sha256=PROVENANCE.operating_point_sha256,
        certified=True,
        statement="lens cleaned, twenty parts checked",
        action=Action.ENABLED,
        certificate_sha256=CERTIFIED.certificate_sha256,
    )


@pytest.fixture(scope="module")
def in_control(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("line") / "log.db"
    write(path, production(400))
    return path


@pytest.fixture
def db(in_control: Path, tmp_path: Path) -> Path:
    """400 decisions of a line in control."""
    return Path(shutil.copy(in_control, tmp_path / "log.db"))


def test_a_line_in_control_is_quiet_and_nothing_is_written(db: Path) -> None:
    watched = look(db)

    assert watched.state is MonitorState.QUIET
    assert [e.stream.name for e in watched.streams] == ["score", "focus", "contrast"]
    assert [len(e.stream.values) for e in watched.streams] == [400, 400, 400]
    assert all(e.limit == pytest.approx(60) and e.highest < e.limit for e in watched.streams)
    assert rows(db, Kind.ALARM) == rows(db, Kind.CERTIFICATE) == []


def test_scores_that_moved_raise_one_alarm_and_suspend_the_certificate_once(db: Path) -> None:
    write(db, production(40, first=400, shift=2))

    watched = look(db)
    again = look(db)

    (alarm,), (note,) = rows(db, Kind.ALARM), rows(db, Kind.CERTIFICATE)
    told, suspended = alarm.alarm(), note.certificate()
    assert (told.watched, told.first_entry, told.task) == ("score", 1, "metal_surface")
    assert told.certificate_sha256 == note.subject == CERTIFIED.certificate_sha256
    assert 400 < told.last_entry <= 425
    assert told.n == told.last_entry
    assert told.evidence >= told.limit == pytest.approx(60)
    assert watched.since is not None
    assert abs(watched.since - 401) <= 8
    assert watched.movements[0].name == "score"
    assert watched.movements[0].direction == "up"
    assert f"since about entry {watched.since}" in told.statement
    assert suspended.action is Action.SUSPENDED
    assert (suspended.alarm, note.refers) == (alarm.id, alarm.id)
    assert suspended.operating_point_sha256 == PROVENANCE.operating_point_sha256
    assert not suspended.certified
    assert watched.state is again.state is MonitorState.ALARM
    assert verify(db).ok


def test_a_lens_out_of_focus_is_named(db: Path) -> None:
    write(db, production(60, first=400, blur=2.5))

    watched = look(db)

    assert [entry.outcome for entry in watched.alarms] == ["focus"]
    assert watched.movements[0].direction == "down"
    assert "focus no longer comes as it did" in watched.reason


def test_a_dry_run_says_it_and_writes_nothing(db: Path) -> None:
    write(db, production(40, first=400, shift=2))

    assert look(db, dry_run=True).state is MonitorState.ALARM
    assert rows(db, Kind.ALARM) == rows(db, Kind.CERTIFICATE) == []


def test_later_decisions_add_no_second_alarm_of_one_period(db: Path) -> None:
    write(db, production(40, first=400, shift=2))
    look(db)
    write(db, production(60, first=440, shift=2, blur=4))

    assert look(db).state is MonitorState.ALARM
    assert look(db, eta=0.2).state is MonitorState.ALARM
    assert (len(rows(db, Kind.ALARM)), len(rows(db, Kind.CERTIFICATE))) == (1, 1)


def test_after_a_person_enables_it_watching_starts_afresh_and_can_alarm_again(db: Path) -> None:
    write(db, production(40, first=400, shift=2))
    look(db)
    row = write(db, [enabled()])[0].id
    write(db, production(100, first=440, shift=2))

    fresh = look(db)

    assert fresh.state is MonitorState.QUIET
    assert (fresh.start, fresh.first, fresh.cases) == (row, row + 1, 100)
    assert len(rows(db, Kind.ALARM)) == 1
    write(db, production(60, first=540, shift=-1))
    assert look(db).state is MonitorState.ALARM
    assert (len(rows(db, Kind.ALARM)), len(rows(db, Kind.CERTIFICATE))) == (2, 3)


def test_an_alarm_whose_suspension_was_cut_off_is_completed(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(db, production(40, first=400, shift=2))
    with monkeypatch.context() as cut:
        cut.setattr("inspect_ai.journeys.monitor.suspended", lambda *_: iter(()))
        look(db)
    assert rows(db, Kind.CERTIFICATE) == []

    look(db)
    look(db)

    assert [note.refers for note in rows(db, Kind.CERTIFICATE)] == [rows(db, Kind.ALARM)[0].id]


def test_what_a_person_suspended_gets_its_alarm_row_but_no_second_suspension(db: Path) -> None:
    write(db, [replace(enabled(), action=Action.SUSPENDED, statement="new lamp ordered")])
    assert look(db).state is MonitorState.SUSPENDED
    write(db, production(40, first=400, shift=2))

    assert look(db).state is MonitorState.ALARM
    assert (len(rows(db, Kind.ALARM)), len(rows(db, Kind.CERTIFICATE))) == (1, 1)


def test_a_revoked_certificate_raises_no_alarm(db: Path) -> None:
    write(db, [replace(enabled(), action=Action.REVOKED, statement="weights withdrawn")])
    write(db, production(40, first=400, shift=2))

    assert look(db).state is MonitorState.REVOKED
    assert rows(db, Kind.ALARM) == []


def test_a_study_decided_again_counts_once_and_changes_nothing_that_was_counted(db: Path) -> None:
    before = look(db)
    write(db, [replace(made(7, 0.9, 0.02), supersedes=8)])

    after = look(db)

    assert [(e.stream.values, e.log_highest) for e in after.streams] == [
        (e.stream.values, e.log_highest) for e in before.streams
    ]


def test_of_one_patient_one_study_is_evidence(tmp_path: Path) -> None:
    db = tmp_path / "log.db"
    eyes = [replace(d, study=replace(d.study, patient_hash=f"patient {i // 2}")) for i, d in enumerate(production(100))]
    write(db, eyes)

    watched = look(db)

    assert watched.cases == 100
    assert watched.streams[0].stream.entries == tuple(range(1, 100, 2))


def test_certificates_are_watched_apart(db: Path) -> None:
    other = replace(CERTIFIED, certificate_sha256="f" * 64, operating_point_sha256="d" * 64)
    write(db, [replace(d, provenance=other) for d in production(40, first=400, shift=3)])

    with opened(db) as log:
        found = monitor(log, Settings(db=db))

    assert [(w.statement.certificate_sha256[0], w.cases, w.state) for w in found] == [
        ("e", 400, MonitorState.QUIET),
        ("f", 40, MonitorState.QUIET),
    ]


def test_a_measure_that_could_not_be_taken_counts_as_the_lowest(db: Path) -> None:
    write(db, [made(400 + i, 0.04, float("nan")) for i in range(25)])

    watched = look(db)

    assert [entry.outcome for entry in watched.alarms] == ["focus"]
    assert next(m.direction for m in watched.movements if m.name == "focus") == "down"


# The audit of clear cases, and what reviewed labels say.


def test_clear_cases_drawn_by_their_hashes_join_the_queue_last(db: Path) -> None:
    write(db, [made(400, 0.9, 0.02, Outcome.FLAG), made(401, 0.5, 0.02, Outcome.ABSTAIN)])
    with opened(db) as log:
        waiting = [case.decision for case in queue(log, audit_rate=0.1)]
        more = {case.decision.id for case in queue(log, audit_rate=0.3)}
        every = list(log.entries(kind=Kind.DECISION, outcome=Outcome.CLEAR))
        assert [case.decision.id for case in queue(log)] == [401, 402]
        with pytest.raises(UsageError, match=r"The audit rate is 1\.5"):
            queue(log, audit_rate=1.5)

    sampled = {entry.id for entry in waiting[2:]}
    assert [entry.outcome for entry in waiting[:2]] == ["flag", "abstain"]
    assert {entry.outcome for entry in waiting[2:]} == {"clear"}
    assert 22 <= len(sampled) <= 60  # of 400, three standard deviations
    assert sampled == {entry.id for entry in every if drawn(entry, 0.1)}  # anybody draws the same
    assert sampled < more


def test_another_log_of_the_same_decisions_draws_others_so_nobody_knows_beforehand(db: Path, tmp_path: Path) -> None:
    with opened(tmp_path / "other.db", operator="somebody else") as log:
        log.append(production(100))

    first, other = (
        {case.decision.id for case in waiting_at(path, 0.3) if case.decision.id <= 100}
        for path in (db, tmp_path / "other.db")
    )

    assert first != other


def waiting_at(db: Path, rate: float) -> list[Case]:
    with opened(db) as log:
        return queue(log, audit_rate=rate)


def test_an_answered_sample_leaves_the_queue_and_bounds_escapes_and_sensitivity(db: Path) -> None:
    write(db, [made(400 + i, 0.9, 0.02, Outcome.FLAG) for i in range(12)])
    with opened(db, operator="anna") as log:
        waiting = queue(log, audit_rate=0.08)
        for case in waiting:
            flagged = case.decision.outcome == Outcome.FLAG
            decide(log, case.decision.id, "defect" if flagged else "good", "looked at the part")
        assert queue(log, audit_rate=0.08) == []

    audit = look(db, audit_rate=0.08).audit

    assert audit is not None
    n = len(waiting) - 12
    assert (audit.cleared, audit.audited, audit.escapes, audit.positives_found) == (400, n, 0, 12)
    assert audit.share_at_most == pytest.approx(1 - 0.05 ** (1 / n))
    assert audit.sensitivity_at_least == pytest.approx(12 / (12 + audit.escapes_at_most))
    assert look(db).audit is None  # without a rate nothing was drawn


def test_answers_after_a_case_that_still_waits_do_not_count_yet(db: Path) -> None:
    with opened(db, operator="anna") as log:
        ids = sorted(case.decision.id for case in queue(log, audit_rate=0.08))
        for entry in ids[:10] + ids[11:]:
            decide(log, entry, "good", "looked at the part")

    watched = look(db, audit_rate=0.08)

    assert watched.audit is not None
    assert watched.audit.audited == 10
    assert watched.misses is not None
    assert watched.misses.through == ids[10] - 1
    assert watched.waiting == 1


def test_missed_positives_among_the_audited_raise_an_alarm_of_their_own(db: Path) -> None:
    write(db, [made(400 + i, 0.9, 0.02, Outcome.FLAG) for i in range(30)])
    with opened(db, operator="anna") as log:
        for number, case in enumerate(queue(log, audit_rate=0.08)):
            flagged = case.decision.outcome == Outcome.FLAG
            bad = flagged or number % 3 == 0
            decide(log, case.decision.id, "defect" if bad else "good", "looked at the part")

    watched = look(db, audit_rate=0.08, sensitivity=0.987)

    assert MISS_RATE in {entry.outcome for entry in watched.alarms}
    assert watched.misses is not None
    assert watched.misses.bound.at_least > 0.013
    told = next(entry.alarm() for entry in watched.alarms if entry.outcome == MISS_RATE)
    assert "where at most 1.30% were promised" in told.statement
    assert len(rows(db, Kind.CERTIFICATE)) == 1
    unknown = look(db, audit_rate=0.08).misses  # the operating point of these decisions lies nowhere
    assert unknown is not None
    assert unknown.promised is None


# From the terminal.


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Exit code and output of the command."""
    try:
        left = typer.main.get_command(command.app).main(args=list(words), standalone_mode=False)
    except UsageError as e:
        return e.exit_code, str(e)
    return left or 0, capsys.readouterr().out


def test_the_command_shows_a_table_and_leaves_with_1_while_an_alarm_stands(
    db: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    code, told = run(capsys, "--db", str(db))
    assert code == 0
    assert "State: quiet" in told
    write(db, production(40, first=400, shift=2))

    code, told = run(capsys, "--db", str(db), "--audit-rate", "0.02")

    assert code == 1
    assert "State: alarm" in told
    assert "miss rate" in told
    code, told = run(capsys, "--db", str(db), "--json")
    plain = json.loads(told)
    assert (code, plain["state"], plain["alarms"], plain["studies"]) == (1, "alarm", [441], 440)
    assert plain["streams"][0]["crossed_entry"] == rows(db, Kind.ALARM)[0].alarm().last_entry
    assert run(capsys, "--db", str(db), "--eta", "2") == (UsageError.exit_code, ANY)


def test_follow_looks_again_when_the_log_has_grown(db: Path) -> None:
    program = "from inspect_ai.cli.monitor import app; app()"
    words = ["--follow", "--every", "0.1", "--db", str(db), "--json"]
    with subprocess.Popen([sys.executable, "-c", program, *words], stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        first = json.loads(follower.stdout.readline())
        write(db, production(40, first=400, shift=2))
        second = json.loads(follower.stdout.readline())
        follower.terminate()

    assert (first["state"], second["state"]) == ("quiet", "alarm")
