"""Events of the file system, reduced to one call: look at this path."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from watchdog.events import FileSystemEventHandler

READS = ("opened", "closed_no_write")  # this program's own reads are among them
APPEARS = ("created", "moved")


class Touched(Protocol):
    """Receiver of events, called from another thread. path: below the folder, with /."""

    def __call__(self, path: str, *, is_folder: bool) -> None:
        """Take one event; is_folder: a folder appeared, with whatever it holds."""


class FileEvents:
    """Context manager over the observer of a folder; it does nothing on a system without events."""

    def __init__(self, folder: Path, touched: Touched) -> None:
        self._folder, self._touched = folder, touched
        self._stop: Callable[[], None] = _nothing

    def __enter__(self) -> FileEvents:
        self.renew()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def renew(self) -> None:
        """Observe the folder that has this path now: events follow a folder that was renamed, not its path."""
        from watchdog.observers import Observer

        self._stop()
        self._stop = _nothing
        logging.getLogger("watchdog").setLevel(logging.CRITICAL)  # it warns of its own end on stderr
        observer = Observer()
        try:
            observer.schedule(_handler(str(self._folder), self._touched), str(self._folder), recursive=True)
            observer.start()
        except OSError:  # no more inotify watches, a share without events, or away again: the listing goes on
            return

        def stop() -> None:
            observer.stop()
            observer.join(timeout=2.0)

        self._stop = stop


def _nothing() -> None:
    """Stop nothing."""


def _handler(folder: str, touched: Touched) -> FileSystemEventHandler:
    from watchdog.events import FileSystemEvent, FileSystemEventHandler

    prefix = folder.rstrip("/") + "/"

    class Handler(FileSystemEventHandler):
        def on_any_event(self, event: FileSystemEvent) -> None:
            if event.event_type in READS or (event.is_directory and event.event_type not in APPEARS):
                return
            for path in (event.dest_path, event.src_path):  # the new name first: a renamed file is not gone
                text = str(path)
                if text.startswith(prefix):
                    touched(text[len(prefix) :], is_folder=event.is_directory)

    return Handler()
