"""The studies below a folder, as a source for the runner: a thread walks and reads headers, never far ahead."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

from inspect_ai import ingest
from inspect_ai.domain import Rejection, StudyRef
from inspect_ai.inspection.runner import Job
from inspect_ai.settings import Settings

FOUND_AHEAD = 256  # studies and rejections that the walk may be ahead
PAUSE_S = 0.25  # so often the walk asks whether anybody still waits for it


class StudySource:
    """A context manager: entering starts the walk, leaving ends it. `wake` is called for each item that is found."""

    least_pause_s = 0.0
    pause_s = PAUSE_S

    def __init__(
        self, root: Path, settings: Settings, pool: ingest.DecoderPool, patient_key: bytes, wake: Callable[[], None]
    ) -> None:
        self.found = 0  # studies
        self._items = studies_below(root, settings, pool, patient_key)
        self._wake = wake
        self._queue: queue.Queue[StudyRef | Rejection | BaseException | None] = queue.Queue(FOUND_AHEAD)
        self._stopped = threading.Event()
        self._ended = False

    @property
    def ended(self) -> bool:
        """Whether everything below the folder was handed over."""
        return self._ended

    def __enter__(self) -> StudySource:
        threading.Thread(target=self._walk, name="walk", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()

    def items(self, has_room: Callable[[], bool]) -> Iterator[Job | Rejection]:
        """What the walk has found. Raises what it raised."""
        while not self._ended and has_room():
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return
            if isinstance(item, BaseException):
                raise item
            if item is None:
                self._ended = True
            else:
                yield item if isinstance(item, Rejection) else Job(item)

    def _walk(self) -> None:
        try:
            for item in self._items:
                self.found += isinstance(item, StudyRef)
                if not self._put(item):
                    return
            self._put(None)
        except BaseException as e:  # noqa: BLE001 - raised again in the thread that waits
            self._put(e)

    def _put(self, item: StudyRef | Rejection | BaseException | None) -> bool:
        """False where nobody waits any more."""
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=PAUSE_S)
            except queue.Full:
                continue
            self._wake()
            return True
        return False


def studies_below(
    root: Path, settings: Settings, pool: ingest.DecoderPool, patient_key: bytes | None = None
) -> Iterator[StudyRef | Rejection]:
    """Every study and every refused file below `root`, without what this program wrote: the log with its companions,
    and the folder of reports.
    """
    base = base_of(root).resolve()
    out, db = settings.out.resolve(), settings.db.resolve()
    for item in ingest.discover(root, settings=settings, pool=pool, patient_key=patient_key):
        path = base / (item.file if isinstance(item, Rejection) else item.files[0].path)
        if not path.is_relative_to(out) and not (path.parent == db.parent and path.name.startswith(db.name)):
            yield item


def base_of(root: Path) -> Path:
    """The folder that the paths of files are relative to."""
    return root.parent if root.is_file() else root
