"""Processes that are really killed, and processes that write at once: nothing lost or doubled, the chain holds."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from subprocess import Popen

import pytest

from inspect_ai.audit import open_log, verify
from inspect_ai.audit.failpoint import reach
from tests.audit.making import chain_holds, decision, make_log, raw_rows

# Appends decisions FIRST, FIRST + STEP ... below END, GROUP at a time, and says each group's last number.
WRITER = """
import sys
from pathlib import Path
from inspect_ai.audit import open_log
from tests.audit.making import decision
path, first, end, step, group = Path(sys.argv[1]), *map(int, sys.argv[2:])
with open_log(path, busy_s=60) as log:
    print("open", flush=True)
    numbers = list(range(first, end, step))
    for start in range(0, len(numbers), group):
        entries = log.append([decision(n) for n in numbers[start:start + group]])
        print(numbers[start:start + group][-1], flush=True)
"""


def writer(path: Path, first: int, end: int, step: int = 1, *, group: int, failpoint: str = "") -> Popen[str]:
    environment = os.environ | {"INSPECT_AI_FAILPOINT": failpoint}
    command = [sys.executable, "-c", WRITER, str(path), *map(str, (first, end, step, group))]
    return Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def subjects(path: Path) -> Counter[object]:
    return Counter(row[3] for row in raw_rows(path))


def test_a_kill_inside_the_transaction_leaves_nothing_of_the_group(tmp_path: Path) -> None:
    make_log(tmp_path / "log.db", 2)
    process = writer(tmp_path / "log.db", 100, 110, group=10, failpoint="inside_transaction")

    assert process.wait(60) == -signal.SIGKILL
    assert verify(tmp_path / "log.db").rows == 2


def test_a_kill_after_the_commit_loses_nothing_and_the_next_run_doubles_nothing(tmp_path: Path) -> None:
    make_log(tmp_path / "log.db", 2)
    process = writer(tmp_path / "log.db", 100, 110, group=10, failpoint="after_commit")
    said = process.communicate(timeout=60)[0]

    assert process.returncode == -signal.SIGKILL
    assert said == "open\n"  # nothing was shown, and yet
    assert verify(tmp_path / "log.db").rows == 12
    assert writer(tmp_path / "log.db", 100, 110, group=10).wait(60) == 0
    assert verify(tmp_path / "log.db").rows == 12


def test_an_unknown_failpoint_is_a_mistake_in_the_program() -> None:
    with pytest.raises(ValueError, match="no failpoint 'before_lunch'"):
        reach("before_lunch")


def test_kills_at_random_moments_lose_and_double_nothing(tmp_path: Path) -> None:
    path, end = tmp_path / "log.db", 240
    choice = random.Random(4)  # noqa: S311 - moments, no secrets
    last_said, kills = -1, 0
    for _ in range(60):
        process = writer(path, 0, end, group=3)
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        if kills < 20:
            next(lines, "")
            time.sleep(choice.uniform(0.0, 0.15))
            process.kill()
            kills += 1
        said = [int(line) for line in lines if line.strip().isdigit()]
        last_said = max([last_said, *said])
        finished = process.wait(60) == 0
        with open_log(path) as log:  # as the next scan would
            assert log.find(decision(max(last_said, 0)).study.digest, decision(0).provenance) or last_said < 0
        assert verify(path).ok
        if finished:
            break

    assert finished
    assert set(subjects(path).values()) == {1}
    assert len(raw_rows(path)) == end
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


def test_two_processes_append_to_one_log_in_turns(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    both = [writer(path, 0, 120, step=2, group=2), writer(path, 1, 120, step=2, group=3)]

    assert [process.wait(120) for process in both] == [0, 0]
    assert len(raw_rows(path)) == 120
    assert verify(path).ok
    assert set(subjects(path).values()) == {1}


def test_two_processes_with_the_same_work_write_it_once(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    both = [writer(path, 0, 60, group=4), writer(path, 0, 60, group=5)]

    assert [process.wait(120) for process in both] == [0, 0]
    assert set(subjects(path).values()) == {1}
    assert len(raw_rows(path)) == 60
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
