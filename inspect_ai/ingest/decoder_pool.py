"""Pool of decoding child processes with limits of memory and time, in which decoders read untrusted bytes.

Spawned, not forked (threads and fork deadlock). A child that crashes or is late loses one job and is replaced.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from inspect_ai.errors import InputError, InspectError, SetupError
from inspect_ai.ingest import decoder_warnings

R = TypeVar("R")
_STARTING = threading.Lock()  # one child at a time: starting may hide the main script from it
GIB = 1 << 30
CHILD = "inspect_ai decoder"
UNGUARDED = 78  # EX_CONFIG of sysexits.h: a child that ran the script again
GUARD = (
    "A decoding process imports the script that started it, and would run it again. "
    'Put what the script does under `if __name__ == "__main__":`.'
)


class DecoderDied(InputError):
    """Crash of the child on this job; the message names the signal."""


class DecoderTimeout(InputError):
    """Timeout of the child on this job."""


class DecoderFailed(InputError):
    """Unexpected error raised by the job; the message names its class alone."""


@dataclass(slots=True)
class _Job:
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    timeout_s: float
    future: Future[Any]


class DecoderPool:
    """Context manager of `workers` children. Leaving it kills running jobs and cancels waiting ones."""

    def __init__(self, workers: int, memory_gib: float) -> None:
        self._memory = int(memory_gib * GIB)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._serve, daemon=True, name=f"decode-{i}") for i in range(workers)]
        self._closing = threading.Event()
        self._children: set[SpawnProcess] = set()
        self._lock = threading.Lock()

    def __enter__(self) -> DecoderPool:
        if multiprocessing.current_process().name == CHILD:  # it runs its parent's script again, from the top
            os._exit(UNGUARDED)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        with contextlib.suppress(queue.Empty):
            while True:
                job = self._jobs.get_nowait()
                if job is not None:
                    job.future.cancel()
        for _ in self._threads:
            self._jobs.put(None)
        with self._lock:
            for child in self._children:
                child.kill()
        for thread in self._threads:
            thread.join()

    def submit(self, function: Callable[..., R], *args: object, timeout_s: float) -> Future[R]:
        """Run a module-level function in a child.

        The future raises DecoderDied, DecoderTimeout, or what the function raised.
        """
        future: Future[R] = Future()
        self._jobs.put(_Job(function, args, timeout_s, future))
        return future

    def _serve(self) -> None:
        """Start a child, send it jobs, replace it; run by one thread for each child."""
        child: SpawnProcess | None = None
        pipe: Connection | None = None
        try:
            while (job := self._jobs.get()) is not None and not self._closing.is_set():
                if not job.future.set_running_or_notify_cancel():
                    continue
                if child is None or pipe is None or not child.is_alive():
                    try:
                        child, pipe = self._start_child()
                    except OSError as e:
                        reason = f"no decoding process can be started ({e.strerror}); free memory or processes"
                        job.future.set_exception(SetupError(reason))
                        continue
                if not self._run_job(job, child, pipe):
                    self._stop_child(child, pipe)
                    child = pipe = None
        finally:
            if child is not None and pipe is not None:
                self._stop_child(child, pipe)

    def _start_child(self) -> tuple[SpawnProcess, Connection]:
        context = multiprocessing.get_context("spawn")
        parent_end, child_end = context.Pipe()
        child = context.Process(target=_work, args=(child_end, self._memory, os.getpid()), daemon=True, name=CHILD)
        with _STARTING, _main_that_is_a_file():
            child.start()
        child_end.close()
        with self._lock:
            self._children.add(child)
            if self._closing.is_set():
                child.kill()
        return child, parent_end

    def _stop_child(self, child: SpawnProcess, pipe: Connection) -> None:
        pipe.close()
        child.kill()
        child.join()
        with self._lock:
            self._children.discard(child)

    def _run_job(self, job: _Job, child: SpawnProcess, pipe: Connection) -> bool:
        """Run a job in the child; True if the child can take another."""
        try:
            pipe.send((job.function, job.arguments, job.timeout_s))
            if not pipe.poll(job.timeout_s):
                job.future.set_exception(
                    DecoderTimeout(f"decoding took longer than {job.timeout_s:g} s and was stopped")
                )
                return False
            fine, answer = pipe.recv()
        except (EOFError, OSError):
            child.join(5)
            crashed = DecoderDied(f"the decoder crashed ({_cause(child.exitcode)})")
            job.future.set_exception(SetupError(GUARD) if child.exitcode == UNGUARDED else crashed)
            return False
        except Exception as e:  # noqa: BLE001 - pickling may raise anything; only this job fails
            job.future.set_exception(DecoderFailed(f"decoding failed with {type(e).__name__}"))
            return False
        if fine:
            job.future.set_result(answer)
        elif isinstance(answer, InspectError):
            job.future.set_exception(answer)
        else:
            job.future.set_exception(DecoderFailed(f"decoding failed with {answer}"))
        return bool(answer != "MemoryError")  # after it, a child may be left with little


@contextlib.contextmanager
def _main_that_is_a_file() -> Iterator[None]:
    """Hide the main script's path from a child where no file is there: a script from stdin is "<stdin>".

    A spawned child imports the main script first, and fails where it cannot. It needs nothing of that script: jobs are
    functions of modules.
    """
    main = sys.modules.get("__main__")
    path = getattr(main, "__file__", None)
    if main is None or path is None or Path(path).exists():
        yield
        return
    del vars(main)["__file__"]
    try:
        yield
    finally:
        vars(main)["__file__"] = path


def _cause(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-exitcode).name
    return f"exit {exitcode}"


def _work(pipe: Connection, memory: int, parent: int) -> None:
    """Set limits, redirect output, then run jobs until the parent is gone; the main function of a child."""
    _limit(memory)
    _die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    decoder_warnings.redirect_output()
    while True:
        try:
            function, arguments, timeout_s = pipe.recv()
        except (EOFError, OSError):
            return
        _limit_processor(timeout_s)
        try:
            answer: tuple[bool, Any] = (True, function(*arguments))
        except InspectError as e:
            answer = (False, e)
        except Exception as e:  # noqa: BLE001 - hostile bytes raise anything; the class alone is passed on, since messages quote data
            answer = (False, type(e).__name__)
        pipe.send(answer)
        decoder_warnings.take()  # so that the text does not grow


def _limit_processor(timeout_s: float) -> None:
    """Limit a job that the parent cannot stop: SIGXCPU, at twice the processor time of all cores in its time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = used.ru_utime + used.ru_stime + 2 * timeout_s * (os.cpu_count() or 1)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(most) + 1, hard))


def _limit(memory: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _die_with_parent(parent: int) -> None:
    """Have Linux kill this child with its parent, so that no orphan decodes on; elsewhere the closed pipe ends it."""
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(1)
