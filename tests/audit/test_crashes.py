"""Processes that are really killed, and processes that write at once: nothing lost or doubled, the chain holds."""

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from inspect_ai.audit import open_log, verify
from inspect_ai.audit.failpoint import reach
from tests.support.logs import chain_holds, decision, make_log, raw_rows

KILLED = -signal.SIGKILL

# Real processes, forked from a server that has imported everything, so that a test can afford to kill many of them.
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["pytest", "inspect_ai.audit", "tests.support.logs"])


def write(path: Path, numbers: range, group: int, failpoint: str, said: Connection) -> None:
    """In a process of its own: append decisions in groups, and say each group's last number when it stands."""
    os.environ["INSPECT_AI_FAILPOINT"] = failpoint
    with open_log(path, busy_s=60) as log:
        said.send(-1)
        for start in range(0, len(numbers), group):
            log.append([decision(n) for n in numbers[start : start + group]])
            said.send(numbers[start : start + group][-1])


class Writer:
    """A process that appends `numbers`; `said` is what it has told so far."""

    def __init__(self, path: Path, numbers: range, *, group: int, failpoint: str = "") -> None:
        self.pipe, theirs = SERVER.Pipe(duplex=False)
        self.process = SERVER.Process(target=write, args=(path, numbers, group, failpoint, theirs))
        self.process.start()
        theirs.close()

    def open(self) -> None:
        assert self.pipe.recv() == -1

    def end(self) -> tuple[int | None, list[int]]:
        """Exit code, and what it said before."""
        said = []
        try:
            while True:
                said.append(self.pipe.recv())
        except EOFError:
            self.process.join(60)
        return self.process.exitcode, said


def entry_number(row: tuple[object, ...]) -> int:
    """The number of the decision in a row, told by the size of its file."""
    size: int = json.loads(str(row[-3]))["decision"]["study"]["files"][0]["size_bytes"]
    return size - 1000


def test_a_kill_inside_the_transaction_leaves_nothing_of_the_group(tmp_path: Path) -> None:
    make_log(tmp_path / "log.db", 2)

    assert Writer(tmp_path / "log.db", range(100, 110), group=10, failpoint="inside_transaction").end()[0] == KILLED
    assert verify(tmp_path / "log.db").rows == 2


def test_a_kill_after_the_commit_loses_nothing_and_the_next_run_doubles_nothing(tmp_path: Path) -> None:
    make_log(tmp_path / "log.db", 2)

    told = Writer(tmp_path / "log.db", range(100, 110), group=10, failpoint="after_commit").end()

    assert told == (KILLED, [-1])  # nothing was shown, and yet
    assert verify(tmp_path / "log.db").rows == 12
    assert Writer(tmp_path / "log.db", range(100, 110), group=10).end() == (0, [-1, 109])
    assert verify(tmp_path / "log.db").rows == 12


def test_an_unknown_failpoint_is_a_mistake_in_the_program() -> None:
    with pytest.raises(ValueError, match="no failpoint 'before_lunch'"):
        reach("before_lunch")


def test_kills_at_random_moments_lose_and_double_nothing(tmp_path: Path) -> None:
    path, numbers = tmp_path / "log.db", range(300)
    choice = random.Random(4)  # noqa: S311 - moments, no secrets
    shown: set[int] = set()
    for _ in range(20):
        writer = Writer(path, numbers, group=3)
        writer.open()
        time.sleep(choice.uniform(0.0, 0.05))
        writer.process.kill()
        shown |= set(writer.end()[1])

        found = verify(path)
        assert found.ok, found.fault
        assert shown <= {entry_number(row) for row in raw_rows(path)}  # what was shown is on disk

    assert Writer(path, numbers, group=3).end()[0] == 0
    assert Counter(entry_number(row) for row in raw_rows(path)) == Counter(numbers)
    assert verify(path).ok
    assert chain_holds(raw_rows(path))


def test_a_journal_of_a_killed_writer_is_rolled_back_at_the_next_opening(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    make_log(path, 3)
    program = (
        "import os, signal, sqlite3, sys\n"
        f"c = sqlite3.connect({str(path)!r}, isolation_level=None); c.execute('PRAGMA cache_size = 1')\n"
        "c.execute('BEGIN IMMEDIATE'); c.execute('CREATE TABLE junk (x)')\n"
        "c.executemany('INSERT INTO junk VALUES (?)', [('x' * 3000,)] * 500)\n"  # spills into the file before commit
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", program], timeout=60, check=False)
    assert path.with_name("log.db-journal").stat().st_size > 0

    with open_log(path) as log:
        log.append([decision(50)])

    assert verify(path).rows == 4
    assert not path.with_name("log.db-journal").exists()


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [(range(0, 120, 2), range(1, 120, 2)), (range(60), range(60))],
    ids=["other work", "the same work"],
)
def test_two_processes_append_to_one_log_in_turns_and_write_the_same_once(
    mine: range, theirs: range, tmp_path: Path
) -> None:
    path = tmp_path / "log.db"  # which both of them make

    both = [Writer(path, mine, group=2), Writer(path, theirs, group=3)]

    assert [writer.end()[0] for writer in both] == [0, 0]
    assert Counter(entry_number(row) for row in raw_rows(path)) == Counter({*mine, *theirs})
    assert verify(path).ok
    assert chain_holds(raw_rows(path))
