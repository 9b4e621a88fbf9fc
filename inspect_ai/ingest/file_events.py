"""Events of the file system, reduced to one bit: something may have changed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def file_events(folder: Path) -> Iterator[threading.Event]:
    """An event that is set when the folder may have changed. Where the system tells nothing, the event stays unset."""
    from watchdog.events import FileSystemEvent, FileSystemEventHandler
    from watchdog.observers import Observer

    wake = threading.Event()

    class Handler(FileSystemEventHandler):
        def on_any_event(self, event: FileSystemEvent) -> None:
            del event
            wake.set()

    observer = Observer()
    try:
        observer.schedule(Handler(), str(folder), recursive=True)
        observer.start()
    except OSError:  # no more inotify watches, or a share without events: polling goes on
        yield wake
        return
    try:
        yield wake
    finally:
        observer.stop()
        observer.join(timeout=2.0)
