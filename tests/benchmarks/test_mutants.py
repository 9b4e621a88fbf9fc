"""Mutants: a rule that a test holds, one that no test holds, and a catalogue that no longer fits the code."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.mutants import __main__ as command
from benchmarks.mutants import catalogue
from benchmarks.mutants.catalogue import MUTANTS
from benchmarks.mutants.study import Mutant, cells, examine, markdown
from inspect_ai.cli import run
from inspect_ai.errors import SetupError, UsageError

CHECKOUT = Path(__file__).resolve().parents[2]
PAGE = CHECKOUT / "docs" / "mutants.md"
KILLED = Mutant(
    rule="a tie is flagged",
    name="a tie is cleared",
    file="made_rule.py",
    old="score >= line",
    new="score > line",
    tests=("test_made_rule.py::test_a_tie_is_flagged",),
)
BLIND = "test_made_rule.py::test_a_low_score_is_cleared"
SURVIVING = replace(KILLED, name="a tie is cleared, of which one test knows", tests=(*KILLED.tests, BLIND))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A module, its tests, and a file that git does not track."""
    (tmp_path / "made_rule.py").write_text("def flagged(score, line):\n    return score >= line\n")
    (tmp_path / "test_made_rule.py").write_text(
        "from pathlib import Path\n\nfrom made_rule import flagged\n\n\n"
        "def test_a_tie_is_flagged():\n    assert flagged(0.5, 0.5)\n\n\n"
        "def test_a_low_score_is_cleared():\n    assert not flagged(0.1, 0.5)\n\n\n"
        "def test_of_another_rule():\n    assert not Path('untracked').exists()\n"
    )
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True)
    (tmp_path / "untracked").write_text("")
    return tmp_path


def test_a_mutant_that_its_test_notices_is_killed_and_the_checkout_stays_as_it_is(checkout: Path) -> None:
    before = (checkout / "made_rule.py").read_text()
    done: list[int] = []

    (found,) = examine(checkout, [KILLED], done.append)

    assert found.killed
    assert cells(found) == ("a tie is flagged", "a tie is cleared", "made_rule.py", KILLED.tests[0], "killed")
    assert (checkout / "made_rule.py").read_text() == before
    assert done == [1]


def test_a_mutant_survives_where_one_of_its_tests_passes_and_the_page_names_that_test(checkout: Path) -> None:
    found = examine(checkout, [KILLED, SURVIVING], lambda done: None)

    assert [one.killed for one in found] == [True, False]
    assert found[1].blind == (BLIND,)
    assert "1 of 2 mutants were killed." in markdown(found)
    assert f"| {BLIND} | SURVIVED |" in markdown(found)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"old": "score <= line"}, "stands 0 times in made_rule.py, not once"),
        ({"old": "score"}, "stands 2 times in made_rule.py, not once"),
        ({"file": "nothing.py"}, r"nothing\.py of the mutant 'a tie is cleared' cannot be read"),
        ({"new": "score >"}, "did not run under its mutant"),  # no Python, so no test could notice a broken rule
        ({"tests": ("test_made_rule.py::test_that_is_not_there",)}, "do not pass without any change"),
    ],
)
def test_a_mutant_that_does_not_fit_the_code_is_refused(change: dict[str, str], said: str, checkout: Path) -> None:
    with pytest.raises(UsageError, match=said):
        examine(checkout, [replace(KILLED, **change)], lambda done: None)  # type: ignore[arg-type]


def test_a_test_that_fails_without_any_change_proves_nothing_and_is_refused(checkout: Path) -> None:
    (checkout / "made_rule.py").write_text("def flagged(score, line):\n    return not score >= line\n")

    with pytest.raises(UsageError, match="do not pass without any change"):
        examine(checkout, [KILLED], lambda done: None)


def test_only_tracked_files_are_copied_and_a_folder_without_git_is_refused(checkout: Path, tmp_path: Path) -> None:
    other = replace(KILLED, tests=("test_made_rule.py::test_of_another_rule",))

    assert not examine(checkout, [other], lambda done: None)[0].killed  # it passes, so `untracked` is not there
    (checkout / ".git").rename(checkout / "no longer git")
    with pytest.raises(SetupError, match="git cannot list"):
        examine(checkout, [KILLED], lambda done: None)


@pytest.mark.parametrize(("mutants", "code"), [([KILLED], 0), ([KILLED, SURVIVING], 1)])
def test_the_command_writes_its_page_and_ends_with_1_where_a_mutant_survived(
    mutants: list[Mutant],
    code: int,
    checkout: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(command, "CHECKOUT", checkout)
    monkeypatch.setattr(catalogue, "MUTANTS", mutants)

    assert run(["--out", str(checkout / "docs")], app=command.app) == code

    assert f"1 of {len(mutants)} mutants were killed." in (checkout / "docs" / "mutants.md").read_text("utf-8")
    assert (f"{BLIND} noticed nothing" in capsys.readouterr().out) == bool(code)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mutant_of_the_catalogue_finds_its_text_and_the_files_of_its_tests(mutant: Mutant) -> None:
    assert mutant.applied(CHECKOUT) != (CHECKOUT / mutant.file).read_text("utf-8")
    assert mutant.tests
    for test in mutant.tests:
        file, name = test.split("[")[0].split("::")
        assert f"def {name}(" in (CHECKOUT / file).read_text("utf-8")


def test_the_page_tells_every_mutant_of_the_catalogue_once_and_none_that_survived() -> None:
    rows = [line.split(" | ") for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")][2:]

    assert [row[1] for row in rows] == [mutant.name for mutant in MUTANTS]
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    assert {row[-1] for row in rows} == {"killed |"}
