import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

import inspect_ai
from benchmarks.accuracy.running import code_files, is_finished, run_jobs
from tests.support.bench import fake, jobs_in, plan_of

SLOW = """
import sys
from functools import partial
from pathlib import Path
from benchmarks.accuracy.running import run_jobs
from tests.support.bench import fake, jobs_in, plan_of
jobs = jobs_in(Path(sys.argv[1]), plan_of({"name": "a"}, {"name": "b"}))
run_jobs(jobs, at_once=2, command=partial(fake, seconds=60.0))
"""


def started(folder: Path) -> list[str]:
    """Names of the trainings that were started, in order."""
    return [line.split()[0] for line in (folder / "out" / "caps" / "started.txt").read_text().splitlines()]


def pids(folder: Path) -> list[int]:
    path = folder / "out" / "caps" / "started.txt"
    return [int(line.split()[1]) for line in path.read_text().splitlines()] if path.is_file() else []


def is_alive(pid: int) -> bool:
    """Whether it runs; a zombie that nobody waits for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition: object, seconds: float = 60.0) -> None:
    last = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < last, "waited too long"
        time.sleep(0.1)


def interruptible() -> None:
    """A suite that runs in the background ignores SIGINT, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def slow_parent(folder: Path) -> subprocess.Popen[bytes]:
    """A process that runs two trainings of a minute each; both have started."""
    root = Path(__file__).resolve().parents[2]
    words = [sys.executable, "-c", SLOW, str(folder)]
    parent = subprocess.Popen(words, cwd=root, stderr=subprocess.DEVNULL, preexec_fn=interruptible)
    wait_until(lambda: len(pids(folder)) == 2)
    return parent


def test_the_same_call_trains_nothing_twice_and_notes_what_each_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    jobs = jobs_in(tmp_path, plan_of({"name": "a"}, {"name": "b"}))

    first = run_jobs(jobs, at_once=2, command=fake)
    again = run_jobs(jobs, at_once=2, command=fake)

    assert sorted(started(tmp_path)) == ["a-0", "b-0"]
    assert [ran.skipped for ran in first + again] == [False, False, True, True]
    noted = json.loads((jobs[0].folder / "job.json").read_text())
    assert 0.05 < noted["cpu_s"] <= noted["wall_s"] + 1.0
    assert "threads 1" in (jobs[0].folder / "train.log").read_text()
    assert not (jobs[0].folder / "checkpoints").exists()


def test_only_what_a_change_concerns_is_trained_again(tmp_path: Path) -> None:
    run_jobs(jobs_in(tmp_path, plan_of({"name": "a"}, {"name": "b"})), at_once=1, command=fake)

    longer = jobs_in(tmp_path, plan_of({"name": "a"}, {"name": "b", "train": {"epochs": 9}}))
    run_jobs(longer, at_once=1, command=fake)

    assert started(tmp_path) == ["a-0", "b-0", "b-0"]
    (tmp_path / "data" / "caps" / "labels.csv").write_text("file,label\na.png,flag\n")
    assert not any(is_finished(job, "cpu") for job in longer)


def test_another_device_is_another_job(tmp_path: Path) -> None:
    jobs = jobs_in(tmp_path, plan_of({"name": "a"}))
    run_jobs(jobs, at_once=1, command=fake)

    assert is_finished(jobs[0], "cpu")
    assert not is_finished(jobs[0], "cuda")


def test_a_failure_is_named_with_its_last_line_and_stops_only_its_students(tmp_path: Path) -> None:
    student = {"name": "student", "teacher": "broken"}
    jobs = jobs_in(tmp_path, plan_of({"name": "broken"}, student, {"name": "a"}))

    ran = {one.job.model: one for one in run_jobs(jobs, at_once=2, command=fake)}

    assert ran["broken"].error == "The plates are out of stock."
    assert "broken-0 is not trained, which it needs" in str(ran["student"].error)
    assert ran["a"].error is None
    assert sorted(started(tmp_path)) == ["a-0", "broken-0"]


def test_a_student_waits_for_its_teacher_and_learns_again_when_the_teacher_did(tmp_path: Path) -> None:
    student = {"name": "student", "teacher": "master"}
    run_jobs(jobs_in(tmp_path, plan_of({"name": "master"}, student)), at_once=2, command=partial(fake, seconds=0.5))
    assert started(tmp_path) == ["master-0", "student-0"]

    changed = jobs_in(tmp_path, plan_of({"name": "master", "train": {"epochs": 9}}, student))
    run_jobs(changed, at_once=2, command=fake)

    assert started(tmp_path) == ["master-0", "student-0", "master-0", "student-0"]


def test_an_interrupt_ends_the_children_and_the_next_call_goes_on(tmp_path: Path) -> None:
    parent = slow_parent(tmp_path)
    children = pids(tmp_path)

    parent.send_signal(signal.SIGINT)
    parent.wait(30)

    assert not any(is_alive(pid) for pid in children)
    jobs = jobs_in(tmp_path, plan_of({"name": "a"}, {"name": "b"}))
    assert [ran.error for ran in run_jobs(jobs, at_once=2, command=fake)] == [None, None]


def test_children_of_a_killed_command_keep_others_out_of_their_folders_until_they_end(tmp_path: Path) -> None:
    parent = slow_parent(tmp_path)
    children = pids(tmp_path)
    jobs = jobs_in(tmp_path, plan_of({"name": "a"}, {"name": "b"}))

    parent.kill()
    parent.wait(30)
    try:
        meanwhile = run_jobs(jobs, at_once=2, command=fake)
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)

    assert {ran.error for ran in meanwhile} == {"another process is at work in its folder"}
    wait_until(lambda: not any(is_alive(pid) for pid in children))
    assert [ran.error for ran in run_jobs(jobs, at_once=2, command=fake)] == [None, None]


def test_the_program_s_digest_covers_all_that_a_training_runs_and_no_command() -> None:
    package = Path(inspect_ai.__file__).parent
    names = {file.relative_to(package).as_posix() for file in code_files()}

    assert {"config.py", "model/trunk.py", "training/losses.py", "ingest/walk.py", "datasets/folder.py"} <= names
    assert not [name for name in names if name.startswith(("cli/", "report/"))]
