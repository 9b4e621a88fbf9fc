"""The run: each mutant is one change to a copy of the checkout, and each test named for it must fail there.

After mutation testing (DeMillo, Lipton, Sayward 1978), with changes chosen by hand for the rules that must not break
unseen instead of operators that change every line. A test that stays green under its mutant does not test the rule.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.writing import markdown_table
from inspect_ai.errors import SetupError, UsageError

COLUMNS = ("rule", "mutant", "file", "killed by", "result")
INTRODUCTION = """\
# Safety rules and the tests that hold them

`python -m benchmarks.mutants` (or `make bench-mutants`) makes this page again. Each line is a change to one file that
breaks a safety rule. The change is made in a copy of the checkout, and the named tests run there. Killed: each of them
failed. SURVIVED: those named passed, so the rule could be broken unseen. Without any change all of them pass.
"""
KILLED, SURVIVED = "killed", "SURVIVED"
PASSED, FAILED = 0, 1  # exit codes of pytest; any other says that the tests did not run


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change that breaks one rule, and the tests (pytest's node ids) that must each fail under it."""

    rule: str
    name: str
    file: str
    old: str  # stands exactly once in the file
    new: str
    tests: tuple[str, ...]

    def applied(self, checkout: Path) -> str:
        """The file's text with the change. Raises UsageError unless the old text stands there exactly once."""
        try:
            text = (checkout / self.file).read_text("utf-8")
        except OSError as e:
            raise UsageError(f"{self.file} of the mutant {self.name!r} cannot be read ({e.strerror}).") from e
        found = text.count(self.old)
        if found != 1:
            raise UsageError(
                f"The text that the mutant {self.name!r} changes stands {found} times in {self.file}, not once. "
                "Bring the catalogue (benchmarks/mutants/catalogue.py) up to the code."
            )
        return text.replace(self.old, self.new)


@dataclass(frozen=True, slots=True)
class Examined:
    """A mutant and those of its tests that passed all the same."""

    mutant: Mutant
    blind: tuple[str, ...]

    @property
    def killed(self) -> bool:
        """True when every named test noticed the change."""
        return not self.blind


def examine(checkout: Path, mutants: Sequence[Mutant], progress: Callable[[int], None]) -> list[Examined]:
    """Run the named tests unchanged, then each under its mutant, always in a fresh copy of the checkout.

    Raises UsageError for a text that does not stand exactly once and for tests that fail unchanged or cannot run.
    """
    changed = [mutant.applied(checkout) for mutant in mutants]
    with _copy(checkout) as copy:
        unchanged = _pytest(copy, list(dict.fromkeys(test for mutant in mutants for test in mutant.tests)))
        if unchanged.returncode != PASSED:
            raise UsageError(f"The named tests do not pass without any change:\n{_end(unchanged)}")
    examined = []
    for mutant, text in zip(mutants, changed, strict=True):
        with _copy(checkout) as copy:
            (copy / mutant.file).write_text(text, "utf-8")
            blind = tuple(test for test in mutant.tests if _passes(copy, test))
        examined.append(Examined(mutant, blind))
        progress(len(examined))
    return examined


def cells(found: Examined) -> tuple[str, ...]:
    """One line of the table, by COLUMNS. Of a survivor the tests are those that passed."""
    mutant = found.mutant
    tests = _brief(mutant.tests if found.killed else found.blind)
    return mutant.rule, mutant.name, mutant.file, tests, KILLED if found.killed else SURVIVED


def _brief(tests: Sequence[str]) -> str:
    """Node ids with the parameters of one test together: file::name[a, b]."""
    parameters: dict[str, list[str]] = {}
    for test in tests:
        name, _, parameter = test.partition("[")
        parameters.setdefault(name, []).extend([parameter.removesuffix("]")] if parameter else [])
    return ", ".join(f"{name}[{', '.join(told)}]" if told else name for name, told in parameters.items())


def markdown(examined: Sequence[Examined]) -> str:
    """The page with the table of all mutants."""
    killed = sum(found.killed for found in examined)
    return f"{INTRODUCTION}\n{killed} of {len(examined)} mutants were killed.\n\n" + markdown_table(
        COLUMNS, map(cells, examined)
    )


@contextmanager
def _copy(checkout: Path) -> Iterator[Path]:
    """The tracked files as they are now in a temporary folder, and the environment linked into it."""
    with TemporaryDirectory(prefix="mutant-") as folder:
        copy = Path(folder)
        for name in _tracked(checkout):
            if (checkout / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(checkout / name, copy / name)
        if (checkout / ".venv").is_dir():
            (copy / ".venv").symlink_to((checkout / ".venv").resolve(), target_is_directory=True)
        yield copy


def _tracked(checkout: Path) -> list[str]:
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=checkout, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as e:
        raise SetupError(f"git cannot list the files of {checkout}; mutants need a checkout and git.") from e
    return [os.fsdecode(name) for name in listed.stdout.split(b"\0") if name]


def _passes(copy: Path, test: str) -> bool:
    done = _pytest(copy, (test,))
    if done.returncode not in (PASSED, FAILED):
        raise UsageError(f"{test} did not run under its mutant (pytest ended with {done.returncode}):\n{_end(done)}")
    return done.returncode == PASSED


def _pytest(copy: Path, tests: Sequence[str]) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", f"--rootdir={copy}", *tests]
    return subprocess.run(command, cwd=copy, env=env, capture_output=True, text=True, check=False)


def _end(done: subprocess.CompletedProcess[str]) -> str:
    """The last lines that were printed."""
    return "\n".join((done.stdout + done.stderr).splitlines()[-20:])
