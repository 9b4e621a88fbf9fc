"""Children may crash, hang and swell; each costs its one job and no other."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inspect_ai.errors import InputError
from inspect_ai.ingest import DecoderDied, DecoderPool, DecoderTimeout
from tests.support.tasks import make_pictures, make_task


def double(x: int) -> int:
    return 2 * x


def die(number: int) -> None:
    os.kill(os.getpid(), number)


def sleep(seconds: float) -> None:
    time.sleep(seconds)


def swell(gib: int) -> int:
    return len(bytearray(gib << 30))


def refuse(reason: str) -> None:
    raise InputError(reason)


def fail(secret: str) -> None:
    raise RuntimeError(secret)


def shout() -> None:
    os.write(2, b"noise of a C library")


def test_a_crash_costs_one_job_and_names_the_signal() -> None:
    with DecoderPool(1, 4.0) as pool:
        doomed, next_one = pool.submit(die, int(signal.SIGABRT), timeout_s=30), pool.submit(double, 21, timeout_s=30)

        with pytest.raises(DecoderDied, match="SIGABRT"):
            doomed.result()
        assert next_one.result() == 42


def test_a_late_job_is_stopped() -> None:
    with DecoderPool(1, 4.0) as pool:
        late, next_one = pool.submit(sleep, 600.0, timeout_s=1), pool.submit(double, 1, timeout_s=30)

        with pytest.raises(DecoderTimeout, match="longer than 1 s"):
            late.result()
        assert next_one.result() == 2


def test_memory_is_bounded() -> None:
    with DecoderPool(1, 1.0) as pool, pytest.raises(InputError, match="MemoryError"):
        pool.submit(swell, 2, timeout_s=30).result()


def test_a_reason_comes_back_whole_and_a_strange_error_without_its_words() -> None:
    with DecoderPool(1, 4.0) as pool:
        with pytest.raises(InputError, match=r"^bits are missing$"):
            pool.submit(refuse, "bits are missing", timeout_s=30).result()
        with pytest.raises(InputError) as error:
            pool.submit(fail, "Patient^Name", timeout_s=30).result()
    assert "RuntimeError" in str(error.value)
    assert "Patient" not in str(error.value)


def test_leaving_the_pool_stops_what_runs() -> None:
    started = time.monotonic()
    with DecoderPool(1, 4.0) as pool:
        pool.submit(sleep, 600.0, timeout_s=600)
        time.sleep(0.5)
    assert time.monotonic() - started < 60


def test_children_say_nothing_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    with DecoderPool(1, 4.0) as pool:
        pool.submit(shout, timeout_s=30).result()

    assert "noise" not in capfd.readouterr().err


def test_children_die_with_a_killed_parent() -> None:
    code = (
        "import time\nfrom inspect_ai.ingest import DecoderPool\n"
        "from tests.ingest.test_decoder_pool import sleep, pid\n"
        "if __name__ == '__main__':\n"
        "    with DecoderPool(1, 4.0) as p:\n"
        "        print(p.submit(pid, timeout_s=30).result(), flush=True)\n"
        "        p.submit(sleep, 600.0, timeout_s=600)\n        time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())

    parent.kill()
    parent.wait()

    deadline = time.monotonic() + 30
    while os.path.exists(f"/proc/{child}/stat") and time.monotonic() < deadline:  # noqa: PTH110
        time.sleep(0.05)
    assert not os.path.exists(f"/proc/{child}/stat")  # noqa: PTH110


def pid() -> int:
    return os.getpid()


def test_a_script_from_stdin_decodes_in_children_and_keeps_its_own_name(tmp_path: Path) -> None:
    make_task(tmp_path / "tasks")
    make_pictures(tmp_path / "in", 2)
    given = f"task='bright', tasks={str(tmp_path / 'tasks')!r}, workers=2"
    script = (
        f"import inspect_ai\nends = list(inspect_ai.scan({str(tmp_path / 'in')!r}, {given}))\n"
        "print(ends[-1].studies, ends[-1].rejected, __file__)\n"
    )

    done = subprocess.run(
        [sys.executable, "-"], cwd=tmp_path, input=script, capture_output=True, text=True, timeout=300
    )

    assert done.stdout.split() == ["2", "0", "<stdin>"], done.stderr


def test_a_script_without_its_guard_ends_with_a_sentence_and_not_in_a_wait(tmp_path: Path) -> None:
    make_task(tmp_path / "tasks")
    make_pictures(tmp_path / "in", 1)
    script = tmp_path / "script.py"
    given = f"task='bright', tasks={str(tmp_path / 'tasks')!r}, workers=1"
    script.write_text(f"import inspect_ai\nlist(inspect_ai.scan({str(tmp_path / 'in')!r}, {given}))\n")

    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=120)

    assert done.returncode != 0
    assert "SetupError" in done.stderr
    assert "Put what the script does under" in done.stderr
