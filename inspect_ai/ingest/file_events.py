"""Events of the file system, reduced to one call: the folder may have changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

READS = ("opened", "closed_no_write")  # this program's own reads are among them


@contextmanager
def file_events(folder: Path, changed: Callable[[], None]) -> Iterator[None]:
    """Call `changed`, from another thread, when the folder may have changed; never on a system without events."""
    from watchdog.events import FileSystemEvent, FileSystemEventHandler
    from watchdog.observers import Observer

    class Handler(FileSystemEventHandler):
        def on_any_event(self, event: FileSystemEvent) -> None:
            if event.event_type not in READS:
                changed()

    observer = Observer()
    try:
        observer.schedule(Handler(), str(folder), recursive=True)
        observer.start()
    except OSError:  # no more inotify watches, or a share without events: polling goes on
        yield
        return
    try:
        yield
    finally:
        observer.stop()
        observer.join(timeout=2.0)
