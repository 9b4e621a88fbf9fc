"""Benchmarks as a person starts them: `python -m benchmarks.NAME`."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
NAMES = (
    "accuracy",
    "desk",
    "finder",
    "fuzz",
    "gate",
    "guarantee",
    "heat",
    "index",
    "landmarks",
    "line_soak",
    "monitor",
    "moves",
    "mutants",
    "near_copies",
    "own_folder",
    "pacs_round_trip",
    "phantoms",
    "routing",
    "speed",
    "stacks",
    "viewer",
    "volumes",
)


def run(name: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"benchmarks.{name}", *options]
    env = os.environ | {"PYTHONPATH": str(CHECKOUT)}
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, env=env, check=False)


@pytest.mark.parametrize("name", NAMES)
def test_help_shows_an_example_that_names_the_command(name: str) -> None:
    shown = run(name, "--help")

    assert shown.returncode == 0, shown.stderr
    assert f"Example: python -m benchmarks.{name}" in shown.stdout
    assert f"Usage: python -m benchmarks.{name}" in shown.stdout


@pytest.mark.parametrize(
    ("name", "options", "code", "said"),
    [
        ("accuracy", ("--data", "nowhere", "--dry-run"), 3, "is not there"),
        ("gate", ("metal_surface", "--data", ".", "--out", "x", "--measures-by", "taste"), 2, "no distance 'taste'"),
        ("guarantee", ("--out", "x", "--scores", "a.csv"), 2, "names no task"),
        ("mutants", ("a change that nobody made",), 2, "no mutant 'a change that nobody made'"),
        ("heat", ("metal_surface", "--data", ".", "--out", "x", "--method", "lime"), 2, "no method 'lime'"),
    ],
)
def test_an_error_is_one_sentence_and_its_exit_code(name: str, options: tuple[str, ...], code: int, said: str) -> None:
    ended = run(name, *options)

    assert ended.returncode == code, ended.stderr
    assert said in ended.stderr
    assert ended.stderr.startswith("inspect-ai: ")
    assert "Traceback" not in ended.stderr


def test_an_option_that_does_not_exist_is_a_usage_error() -> None:
    assert run("gate", "--nonsense").returncode == 2


def test_every_benchmark_with_a_command_is_named_here_and_in_the_makefile() -> None:
    there = {path.parent.name for path in (CHECKOUT / "benchmarks").glob("*/__main__.py")}
    (line,) = [line for line in (CHECKOUT / "Makefile").read_text().splitlines() if line.startswith("BENCHMARKS :=")]

    assert there == set(NAMES) == set(line.removeprefix("BENCHMARKS :=").split())


def test_moves_ends_with_its_two_figures() -> None:
    told = run("moves")

    assert told.returncode == 0, told.stderr
    files, moves = map(int, re.findall(r"^(\d+) files, (\d+) moves between files$", told.stdout, re.MULTILINE)[0])
    assert 0 < files < moves
