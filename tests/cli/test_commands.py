"""The tree of commands, its help, and how errors leave it. Each in a process of its own, as a person starts it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from inspect_ai import cli
from inspect_ai.cli.commands import NAMES

HEAVY = {
    "torch",
    "lightning",
    "monai",
    "albumentations",
    "sklearn",
    "scipy",
    "cv2",
    "numpy",
    "pydicom",
    "sqlalchemy",
    "rich",
}


def run(*args: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    command = [sys.executable, "-c", "from inspect_ai.cli import main; main()", *args]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, env=os.environ | environment, timeout=120, check=False
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_help_with_an_example_that_names_it(name: str) -> None:
    result = run(name, "--help")

    assert result.returncode == 0, result.stderr
    assert f"Example: inspect-ai {name}" in " ".join(result.stdout.split())


def test_help_of_the_whole_names_every_command_and_loads_nothing_heavy() -> None:
    code = (
        "import sys; from inspect_ai.cli import run; run(['--help']);"
        "print('LOADED', ' '.join(sorted({m.split('.')[0] for m in sys.modules})))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    help_text, _, loaded = result.stdout.partition("LOADED")
    assert [name for name in NAMES if f"  {name} " not in help_text] == []
    assert HEAVY & set(loaded.split()) == set()


def test_an_unknown_command_is_a_usage_error_that_says_so() -> None:
    result = run("scna")

    assert result.returncode == 2
    assert "scna" in result.stderr


def test_a_path_that_is_not_there_ends_in_one_sentence(tmp_path: Path) -> None:
    result = run("scan", "nowhere", cwd=tmp_path)

    assert result.returncode == 2
    assert result.stdout == ""
    assert "nowhere is not there" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_unknown_setting_in_the_environment_names_its_nearest_neighbour(tmp_path: Path) -> None:
    result = run("scan", ".", cwd=tmp_path, INSPECT_AI_TAKS="auto")

    assert result.returncode == 2
    assert "'tasks'" in result.stderr


def test_plan_prints_the_positives_that_a_promise_costs() -> None:
    result = run("plan", "--sensitivity", "0.987", "--confidence", "0.95", "--misses", "1", "--json")

    rows = [json.loads(line) for line in result.stdout.splitlines()]
    least = next(n for n in range(1, 2000) if 0.987**n <= 0.05)  # no miss among n, had the promise been false
    assert rows[0] == {"misses": 0, "positives": least}
    assert rows[1]["positives"] > least


def test_the_command_alone_shows_its_help_and_a_wrong_option_is_a_usage_error_that_names_it() -> None:
    alone, wrong, missing = run(), run("plan", "--sensitivty", "0.9"), run("scan")

    assert "Commands" in alone.stdout + alone.stderr
    assert (wrong.returncode, missing.returncode) == (2, 2)
    assert "--sensitivty" in wrong.stderr
    assert "Traceback" not in wrong.stderr + missing.stderr + alone.stderr


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("return", 0),
        ("raise typer.Exit(3)", 3),
        ("raise typer.BadParameter('no such task')", 2),
        ("raise KeyboardInterrupt", 130),
        ("raise typer.Abort", 130),
        ("raise EOFError", 70),
        ("raise OSError('disk')", 70),
        ("raise InputError('nothing readable')", 3),
    ],
)
def test_a_command_leaves_with_the_code_of_its_end(end: str, code: int, tmp_path: Path) -> None:
    program = (
        "import sys, types, typer; from inspect_ai import cli; from inspect_ai.errors import InputError\n"
        "from inspect_ai.cli import common\n"
        "plan = types.ModuleType('inspect_ai.cli.plan'); plan.app = common.app()\n"
        f"@plan.app.command()\ndef plan_() -> None:\n    {end}\n"
        "sys.modules['inspect_ai.cli.plan'] = plan; cli.main(['plan'])"
    )

    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False
    )

    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    assert ("Interrupted" in result.stderr) == (code == 130)


def test_the_command_line_uses_public_names_of_typer_alone() -> None:
    folder = Path(cli.__file__).parent

    assert [file.name for file in folder.glob("*.py") if re.search(r"typer\.\w*\.?_\w+|_click", file.read_text())] == []


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        ("UsageError('the column is missing')", 2, "the column is missing"),
        ("InputError('nothing readable')", 3, "nothing readable"),
        ("AuditError('row 3 was altered')", 4, "row 3 was altered"),
        ("SetupError('no weights')", 5, "no weights"),
        ("ZeroDivisionError('secret of a patient')", 70, "A fault in the program (ZeroDivisionError)"),
    ],
)
def test_every_kind_of_error_leaves_with_its_code_and_no_traceback(
    fault: str, code: int, words: str, tmp_path: Path
) -> None:
    program = (
        "from inspect_ai import cli; from inspect_ai.cli import commands; from inspect_ai.errors import *\n"
        f"class Root:\n    def main(self, **k): raise {fault}\n"
        "commands.root = Root; cli.main(['scan', '.'])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False
    )

    assert result.returncode == code
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert "secret" not in result.stderr
