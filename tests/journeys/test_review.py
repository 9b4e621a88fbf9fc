"""Review: the queue, the table of moves, and the commands as a person types them."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TypeAlias

import pytest

from inspect_ai import cli
from inspect_ai.audit import Review, open_log, verify
from inspect_ai.cli.review import VERDICTS
from inspect_ai.domain import Decision, Outcome, Rejection
from inspect_ai.errors import UsageError
from inspect_ai.inspection.pictures.image_store import ImageStore
from inspect_ai.review import MOVES, WAITING, WORDS, Answer, ReviewState, case, decide, history, queue
from tests.support.logs import decision, raw_rows, rejection, tamper

# Written down once more by hand: what may be said in which state, and where it leads. All else is refused.
ALLOWED = {
    ("open", "positive"): "positive",
    ("open", "negative"): "negative",
    ("open", "retake"): "retake",
    ("open", "second_reader"): "second_reader",
    ("second_reader", "positive"): "positive",
    ("second_reader", "negative"): "negative",
    ("second_reader", "retake"): "retake",
    ("positive", "reopen"): "open",
    ("negative", "reopen"): "open",
    ("retake", "reopen"): "open",
}
Run: TypeAlias = Callable[..., "Told"]
WAY_TO = {"open": [], "second_reader": ["second_reader"], **{s: [s] for s in ("positive", "negative", "retake")}}


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """Entries 1 to 8, among them flags 2, 5, 6, abstentions 3, 4, 8; a clear one and a rejection."""
    made: list[Decision | Rejection] = [
        decision(1, outcome=Outcome.CLEAR, score=0.01),
        decision(2, score=0.7),
        decision(3, outcome=Outcome.ABSTAIN, score=None),
        decision(4, outcome=Outcome.ABSTAIN, score=0.4),
        decision(5, score=0.95),
        decision(6, score=0.7),
        rejection(7),
        decision(8, outcome=Outcome.ABSTAIN, score=0.6),
    ]
    with open_log(tmp_path / "log.db", operator="tester") as log:
        log.append(made)
    return tmp_path / "log.db"


def waiting(db: Path) -> list[int]:
    with open_log(db) as log:
        return [case.decision.id for case in queue(log)]


def test_the_worst_comes_first(db: Path) -> None:
    # flags by falling score, the older of two alike first; then abstentions with a score, then those without
    assert waiting(db) == [5, 2, 6, 8, 4, 3]


def test_what_is_decided_leaves_the_queue_and_what_is_reopened_comes_back(db: Path) -> None:
    with open_log(db) as log:
        decide(log, 5, "positive", "crack from edge to edge", operator="anna")
        decide(log, 8, "second_reader", "not sure", operator="anna")
        assert [c.decision.id for c in queue(log)] == [2, 6, 8, 4, 3]
        decide(log, 8, "retake", "out of focus", operator="ben")
        assert [c.decision.id for c in queue(log)] == [2, 6, 4, 3]
        decide(log, 5, "reopen", "the crack is a hair", operator="ben")
        assert [c.decision.id for c in queue(log)] == [5, 2, 6, 4, 3]
        assert queue(log, task="fundus") == []


@pytest.mark.parametrize(("state", "answer"), list(product(ReviewState, Answer)))
def test_every_pair_of_state_and_answer_moves_as_the_table_says(state: ReviewState, answer: Answer, db: Path) -> None:
    with open_log(db) as log:
        for word in WAY_TO[state]:
            decide(log, 5, word, "on the way", operator="anna")
        assert case(log, 5).state == state
        rows = log.head().rows

        if (state, answer) in ALLOWED:
            after = decide(log, 5, answer, "seen", operator="ben")

            assert after.state == ALLOWED[state, answer]
            assert case(log, 5) == after
            assert log.head().rows == rows + 1
            assert log.entry(5).decision() == log.names.hidden(decision(5, score=0.95))
        else:
            with pytest.raises(UsageError, match=f"Entry 5 is {state}; now it takes"):
                decide(log, 5, answer, "seen", operator="ben")
            assert log.head().rows == rows


def test_every_state_has_a_way_out_and_every_answer_a_use() -> None:
    assert set(MOVES) == set(ReviewState)
    assert all(MOVES.values())
    assert {answer for moves in MOVES.values() for answer in moves} == set(Answer)
    assert set(ALLOWED) == {(s.value, a.value) for s, moves in MOVES.items() for a in moves}
    assert {ReviewState.OPEN, ReviewState.SECOND_READER} == WAITING


def test_no_answer_leads_to_two_states_so_the_last_review_tells_the_state() -> None:
    for answer in Answer:
        assert len({moves[answer] for moves in MOVES.values() if answer in moves}) == 1


def test_the_second_reader_is_somebody_else(db: Path) -> None:
    with open_log(db) as log:
        decide(log, 5, "second_reader", "not sure", operator="anna")
        with pytest.raises(UsageError, match="anna asked for a second reader of entry 5, so somebody else"):
            decide(log, 5, "positive", "now I am", operator="anna")

        assert decide(log, 5, "positive", "a crack", operator="ben").state == ReviewState.POSITIVE
        said = [(entry.operator, entry.outcome, entry.reason) for entry in history(log, 5)]

    assert said == [("anna", "second_reader", "not sure"), ("ben", "positive", "a crack")]
    assert verify(db).ok


def test_of_two_people_who_answer_at_once_one_hears_of_the_other(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_log(db) as mine, open_log(db) as theirs:
        append = mine.append

        def slowly(items: list[Review]) -> object:
            monkeypatch.undo()
            decide(theirs, 5, "negative", "dust", operator="ben")
            return append(items)

        monkeypatch.setattr(mine, "append", slowly)
        with pytest.raises(UsageError, match="reviewed meanwhile by ben"):
            decide(mine, 5, "positive", "a crack", operator="anna")

        assert case(mine, 5).state == ReviewState.NEGATIVE


def test_words_of_the_line_mean_the_same_as_those_of_the_reader(db: Path) -> None:
    with open_log(db) as log:
        assert decide(log, 5, "defect", "crack").state == ReviewState.POSITIVE
        assert decide(log, 2, " Good ", "dust").state == ReviewState.NEGATIVE
    assert [word for word in WORDS if word.replace("-", "_") not in VERDICTS] == []


@pytest.mark.parametrize(
    ("verdict", "reason", "said"),
    [
        ("perhaps", "seen", "'perhaps' is no verdict. Say one of: positive"),
        ("positive", " \n ", "needs its reason"),
        ("positive", "x" * 2001, "has 2001 characters"),
    ],
)
def test_a_verdict_without_sense_or_reason_is_refused(verdict: str, reason: str, said: str, db: Path) -> None:
    with open_log(db) as log, pytest.raises(UsageError, match=said):
        decide(log, 5, verdict, reason)


@pytest.mark.parametrize(("entry", "said"), [(7, "Entry 7 is a rejection; only decisions"), (99, "has no entry 99")])
def test_only_decisions_are_reviewed(entry: int, said: str, db: Path) -> None:
    with open_log(db) as log, pytest.raises(UsageError, match=said):
        decide(log, entry, "positive", "seen")


def test_a_clear_study_can_be_contradicted_though_it_never_waits(db: Path) -> None:
    with open_log(db) as log:
        assert decide(log, 1, "positive", "there is a crack").state == ReviewState.POSITIVE


def test_a_decision_made_again_replaces_the_case_unless_it_is_clear_now(db: Path) -> None:
    with open_log(db) as log:
        again = log.append([decision(5, score=0.8, supersedes=5)])[0].id
        log.append([decision(2, outcome=Outcome.CLEAR, score=0.01, supersedes=2)])

    assert waiting(db) == [again, 2, 6, 8, 4, 3]


def test_clear_cases_drawn_for_audit_come_last_and_a_clear_one_decided_again_is_not_drawn(db: Path) -> None:
    with open_log(db) as log:
        log.append([decision(1, outcome=Outcome.CLEAR, score=0.02, supersedes=1)])

        assert [case.decision.id for case in queue(log, audit_rate=1.0)] == [5, 2, 6, 8, 4, 3, 1]
        decide(log, 1, "good", "looked at the part", operator="anna")
        assert [case.decision.id for case in queue(log, audit_rate=1.0)] == [5, 2, 6, 8, 4, 3]


def test_the_audit_rate_is_said_at_the_terminal(db: Path, run: Run) -> None:
    listed = [
        json.loads(line)["entry"]
        for line in run("review", "list", "--db", db, "--audit-rate", "1", "--json").stdout.splitlines()
    ]

    assert listed == [5, 2, 6, 8, 4, 3, 1]
    run("review", "list", "--db", db, "--audit-rate", "2", code=2)


def test_pictures_are_named_only_if_they_belong_to_this_log(db: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out" / "pictures"
    folder.mkdir(parents=True)
    (folder / "5.png").touch()
    (folder / "5_heat.png").touch()
    (folder / "2.png").touch()
    with open_log(db) as log:
        assert ImageStore(tmp_path / "out").find(5, log) == (None, None)  # nobody says whose they are
        (folder / "log.txt").write_text(log.entry(1).hash + "\n")
        assert ImageStore(tmp_path / "out").find(5, log) == (folder / "5.png", folder / "5_heat.png")
        assert ImageStore(tmp_path / "out").find(2, log) == (folder / "2.png", None)
        (folder / "log.txt").write_text("0" * 64)
        assert ImageStore(tmp_path / "out").find(5, log) == (None, None)


@dataclass
class Told:
    """What a command left behind."""

    stdout: str
    stderr: str


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command as its process would, in the temporary folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def typed(*args: str | Path, code: int = 0) -> Told:
        capsys.readouterr()
        left_with = cli.run([str(arg) for arg in args])
        told = Told(*capsys.readouterr())
        assert left_with == code, told.stderr
        return told

    return typed


def lines(result: Told) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_case_is_found_shown_and_decided_from_the_terminal(db: Path, tmp_path: Path, run: Run) -> None:
    listed = lines(run("review", "--db", db, "--json"))
    assert [line["entry"] for line in listed] == [5, 2, 6, 8, 4, 3]

    shown = lines(run("review", "show", "5", "--db", db, "--json"))[0]
    assert shown["answers"] == ["positive", "negative", "retake", "second_reader"]
    assert shown["picture"] is None
    assert shown["findings"][0]["position_mm"] == [-1.5, 1 / 3, 1e-9]  # type: ignore[index]

    told = run("review", "decide", "5", "--verdict", "defect", "--reason", "a crack", "--db", db)
    assert "Entry 5 is positive now" in told.stdout
    assert "flagged, " in told.stdout
    assert "left open: 5 waiting. Next: inspect-ai review show 2" in told.stdout

    text = run("review", "--db", db, "show", "5", "--operator", "x", code=2).stderr
    assert "operator" in text  # showing takes none
    text = run("review", "--db", db, "show", "5").stdout
    assert "a crack" in text
    assert re.search(r"source\s+[0-9a-f]{12}/[0-9a-f]{12}\.png", text)
    assert lines(run("review", "show", "5", "--reveal", "--db", db, "--json"))[0]["source"] == "parts/5.png"
    assert "parts/5.png" in run("review", "show", "5", "--reveal", "--db", db).stdout
    named = lines(run("audit", "show", "5", "--reveal", "--db", db, "--json"))[0]["document"]
    assert named["decision"]["study"]["source"] == "parts/5.png"  # type: ignore[index]
    assert "reopen" in text

    refused = run("review", "decide", "5", "--verdict", "good", "--reason", "dust", "--db", db, code=2)
    assert refused.stdout == ""
    assert "Entry 5 is positive; now it takes reopen, not negative" in refused.stderr


def test_the_log_is_listed_shown_verified_and_exported_from_the_terminal(db: Path, tmp_path: Path, run: Run) -> None:
    listed = lines(run("audit", "--db", db, "--json", "--limit", "3"))
    assert [line["entry"] for line in listed] == [6, 7, 8]
    assert [line["kind"] for line in listed] == ["decision", "rejection", "decision"]
    flags = lines(run("audit", "list", "--db", db, "--outcome", "flag", "--limit", "0", "--json"))
    assert [line["score"] for line in flags] == [0.7, 0.95, 0.7]
    assert "8 of 8 entries. Head: " + str(raw_rows(db)[-1][-1]) in run("audit", "--db", db).stdout

    shown = lines(run("audit", "show", "5", "--db", db, "--json"))[0]
    assert shown["hash"] == raw_rows(db)[4][-1]
    assert "decision.findings[0].name" in run("audit", "show", "5", "--db", db).stdout

    export = tmp_path / "export.jsonl"
    run("audit", "export", "--db", db, "--to", export)
    piped = run("audit", "export", "--db", db)
    assert piped.stdout == export.read_text()
    head = json.loads(piped.stdout.splitlines()[-1])
    assert (head["type"], head["rows"], head["head"]) == ("head", 8, raw_rows(db)[-1][-1])
    table = run("audit", "--db", db, "export", "--csv").stdout.splitlines()
    assert (len(table), table[0].split(",")[0]) == (9, "id")

    told = run("audit", "verify", "--db", db, "--anchor", export).stdout
    assert "is sound: 8 entries, head " in told
    tamper(db, "DELETE FROM entry WHERE seq = 8")
    assert lines(run("audit", "verify", "--db", db, "--json"))[0]["ok"] is True
    told = run("audit", "verify", "--db", db, "--anchor", export, code=4).stdout
    assert "FAULT after 7 sound entries: Entry 8 is missing" in told
    tamper(db, "UPDATE entry SET task = 'fundus' WHERE seq = 2")
    found = lines(run("audit", "verify", "--db", db, "--json", code=4))[0]
    assert (found["ok"], found["rows"]) == (False, 1)
    assert "Entry 2 of" in str(found["fault"])


@pytest.mark.parametrize("command", [["audit"], ["audit", "verify"], ["review"], ["review", "show", "1"]])
def test_a_log_that_is_not_there_is_a_sentence(command: list[str], tmp_path: Path, run: Run) -> None:
    result = run(*command, code=2)

    assert "There is no audit log at inspect_ai.db" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words", ["audit list|audit show|audit verify|audit export", "review list|review show|review decide"]
)
def test_every_command_has_help_with_an_example(words: str, run: Run) -> None:
    for word in words.split("|"):
        told = " ".join(run(*word.split(), "--help").stdout.split())
        assert f"Example: inspect-ai {word}" in told
        assert "--json" in told
        assert "--db" in told


def test_neither_room_loads_tensors_tables_of_numbers_or_alembic(db: Path) -> None:
    program = (
        "import sys; from inspect_ai.cli import run\n"
        f"run(['review', 'show', '5', '--db', {str(db)!r}, '--json']); run(['audit', 'verify', '--db', {str(db)!r}])\n"
        "print(sorted({'torch', 'scipy', 'sklearn', 'cv2', 'pydicom', 'alembic', 'jinja2'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert result.stdout.splitlines()[-1] == "[]"


def test_text_from_a_header_reaches_the_terminal_without_control_codes(tmp_path: Path, run: Run) -> None:
    hostile = "\x1b[31mred\u202e\r\nrm -rf"
    made = decision(1)
    made = replace(made, study=replace(made.study, key=hostile), verdict=replace(made.verdict, reason=hostile))
    with open_log(tmp_path / "log.db", operator=hostile) as log:
        log.append([made])

    for words in (["audit"], ["audit", "show", "1"], ["review"], ["review", "show", "1"], ["audit", "export", "--csv"]):
        for extra in ([], ["--json"]) if "--csv" not in words else ([],):
            shown = run(*words, "--db", tmp_path / "log.db", *extra).stdout
            assert "\x1b" not in shown
            assert "\u202e" not in shown
            assert "\nrm" not in shown
