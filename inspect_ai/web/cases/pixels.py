"""Pixels of a case from the files that were decided on, whose digests are checked; decoded in a child, kept a while."""

from __future__ import annotations

import json
import secrets
import shutil
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspect_ai.audit import Entry, Log
from inspect_ai.errors import InputError
from inspect_ai.ingest import DecoderPool
from inspect_ai.inspection.decided_files import named_study, root_of
from inspect_ai.settings import Settings
from inspect_ai.web.cases.orientation import Orientation
from inspect_ai.web.cases.spool import DONE, FAILED, META, READY, VOLUME, spool, warm_up

KEPT = 4  # studies: the one on the screen, its neighbours, and one more reader's
WAIT_S = 60.0
LOOK_EVERY_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """Shape of a study's pixels: of a volume [D, H, W] with its spacing, or the size of each picture [H, W].

    orientation: sides of the patient at the first and the last index of a volume's axes, where they are certain.
    """

    is_volume: bool
    shape: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    sizes: tuple[tuple[int, int], ...]
    orientation: Orientation | None = None


class StudyPixels:
    """Spooled studies of a log, for as long as it is open. roots: folders that were scanned."""

    def __init__(self, log: Log, roots: Sequence[Path], settings: Settings) -> None:
        self._log, self._roots, self._settings = log, tuple(roots), settings
        self._pool = DecoderPool(settings.workers, settings.decode_memory_gib)
        self._lock = threading.Lock()
        self._folders: OrderedDict[int, Path] = OrderedDict()

    def __enter__(self) -> StudyPixels:
        self._top = Path(tempfile.mkdtemp(prefix="inspect_ai_desk_"))
        self._pool.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.__exit__(kind, error, trace)
        shutil.rmtree(self._top, ignore_errors=True)

    def warm(self) -> list[Future[None]]:
        """Start the decoding children before the first case is opened, which else waits for one."""
        return [self._pool.submit(warm_up, timeout_s=WAIT_S) for _ in range(self._settings.workers)]

    def start(self, entry: Entry, first: int = 0) -> None:
        """Begin to decode the study of a decision, unless it is there. Raises InputError where it cannot be found."""
        with self._lock:
            if entry.id in self._folders:
                self._folders.move_to_end(entry.id)
                return
            ref = named_study(entry, self._log)
            root = root_of(ref, self._roots)
            folder = self._top / secrets.token_hex(8)
            folder.mkdir(mode=0o700)
            self._folders[entry.id] = folder
            while len(self._folders) > KEPT:
                _, old = self._folders.popitem(last=False)
                shutil.rmtree(old, ignore_errors=True)
        limit_s = self._settings.study_timeout_s
        done = self._pool.submit(spool, root, ref, self._settings, folder, first, timeout_s=limit_s)
        done.add_done_callback(lambda future: _note_failure(folder, future.exception()))

    def geometry(self, entry: Entry, first: int = 0) -> Geometry:
        """Wait for the shape. Raises InputError where the study cannot be found or decoded."""
        folder = self._folder(entry, first)
        self._wait(folder, lambda: (folder / META).is_file())
        facts: dict[str, Any] = json.loads((folder / META).read_text("utf-8"))
        if facts["kind"] == "volume":
            return Geometry(
                is_volume=True,
                shape=tuple(facts["shape"]),
                spacing_mm=tuple(facts["spacing_mm"]),
                sizes=(),
                orientation=facts["orientation"],
            )
        sizes = tuple((int(height), int(width)) for height, width in facts["sizes"])
        return Geometry(is_volume=False, shape=(), spacing_mm=(), sizes=sizes)

    def slice(self, entry: Entry, index: int) -> bytes:
        """[H, W] little-endian int16 Hounsfield units of one slice, once it is there. Raises InputError."""
        shape = self.geometry(entry).shape
        if len(shape) != 3 or not 0 <= index < shape[0]:
            raise InputError(f"The volume has no slice {index}.")
        folder, size = self._folder(entry), shape[1] * shape[2] * 2
        self._wait(folder, lambda: _byte(folder / READY, index) == 1)
        with (folder / VOLUME).open("rb") as f:
            f.seek(index * size)
            return f.read(size)

    def hounsfield(self, entry: Entry, index: int) -> NDArray[np.int16]:
        """[H, W] of one slice, once it is there. Raises InputError."""
        rows, columns = self.geometry(entry, index).shape[1:]
        return np.frombuffer(self.slice(entry, index), "<i2").reshape(rows, columns)

    def picture(self, entry: Entry, index: int) -> bytes:
        """PNG of one picture at full size. Raises InputError."""
        sizes = self.geometry(entry).sizes
        if not 0 <= index < len(sizes):
            raise InputError(f"The study has no picture {index}.")
        return (self._folder(entry) / f"{index}.png").read_bytes()

    def _folder(self, entry: Entry, first: int = 0) -> Path:
        self.start(entry, first)
        with self._lock:
            return self._folders[entry.id]

    def _wait(self, folder: Path, is_there: Any) -> None:
        end = time.monotonic() + WAIT_S
        while not is_there():
            if (folder / FAILED).is_file():
                raise InputError((folder / FAILED).read_text("utf-8"))
            if (folder / DONE).is_file() and is_there():
                return
            if time.monotonic() > end or not folder.is_dir():
                raise InputError("The pixels were not there in time. Open the case again.")
            time.sleep(LOOK_EVERY_S)


def _byte(path: Path, index: int) -> int:
    with path.open("rb") as f:
        f.seek(index)
        found = f.read(1)
    return found[0] if found else 0


def _note_failure(folder: Path, error: BaseException | None) -> None:
    if error is not None and folder.is_dir():
        (folder / FAILED).write_text(str(error), "utf-8")
