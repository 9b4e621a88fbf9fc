"""Source of the studies below a folder: a thread walks and reads headers, a bounded number ahead of the runner."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

from inspect_ai.audit import patient_key
from inspect_ai.domain import Rejection, StudyRef
from inspect_ai.errors import UsageError
from inspect_ai.ingest import DecoderPool, discover
from inspect_ai.inspection.own_files import OwnFiles
from inspect_ai.inspection.runner import Job
from inspect_ai.settings import Settings

FOUND_AHEAD = 256  # studies and rejections that the walk may be ahead
ASK_S = 0.25  # interval at which a blocked walk checks that it is still wanted
PAUSE_S = 5.0  # each item wakes the runner, so it need not look again by itself


class StudySource:
    """Context manager: entering starts the walk, leaving ends it. `wake` is called for each item that is found."""

    least_pause_s = 0.0
    pause_s = PAUSE_S

    def __init__(self, root: Path, settings: Settings, pool: DecoderPool, wake: Callable[[], None]) -> None:
        self.found = 0  # studies
        self._root, self._settings, self._pool = root, settings, pool
        self._wake = wake
        self._queue: queue.Queue[StudyRef | Rejection | BaseException | None] = queue.Queue(FOUND_AHEAD)
        self._stopped = threading.Event()
        self.ended = False  # everything below the folder was yielded

    def __enter__(self) -> StudySource:
        threading.Thread(target=self._walk, name="walk", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()

    def items(self, room: int) -> Iterator[Job | Rejection]:
        """Yield the walk's findings so far. Raises the walk's error."""
        while not self.ended and room > 0:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return
            room -= isinstance(item, StudyRef)
            if isinstance(item, BaseException):
                raise item
            if item is None:
                self.ended = True
            else:
                yield item if isinstance(item, Rejection) else Job(item)

    def _walk(self) -> None:
        try:
            key = patient_key(self._settings.db)
            for item in studies_below(self._root, self._settings, self._pool, key):
                self.found += isinstance(item, StudyRef)
                if not self._put(item):
                    return
            self._put(None)
        except BaseException as e:  # noqa: BLE001 - raised again in the thread that waits
            self._put(e)

    def _put(self, item: StudyRef | Rejection | BaseException | None) -> bool:
        """Put an item into the queue; False where the walk is no longer wanted."""
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=ASK_S)
            except queue.Full:
                continue
            self._wake()
            return True
        return False


def studies_below(
    root: Path,
    settings: Settings,
    pool: DecoderPool,
    key: bytes | None = None,
    looked_at: Callable[[int], object] | None = None,
) -> Iterator[StudyRef | Rejection]:
    """Yield every study and every refused file below `root`, without this program's own files: log with its companions,
    and the folder of reports.
    """
    own = OwnFiles(settings, base_of(root))
    for item in discover(root, settings=settings, pool=pool, patient_key=key, looked_at=looked_at):
        if (item.file if isinstance(item, Rejection) else item.files[0].path) not in own:
            yield item


def check_root(root: Path) -> None:
    """Check the path before any model is loaded. Raises UsageError."""
    if not root.exists():
        raise UsageError(f"{root} is not there. Name a folder of studies, or one file.")


def base_of(root: Path) -> Path:
    """Folder that the paths of files are relative to."""
    return root.parent if root.is_file() else root
