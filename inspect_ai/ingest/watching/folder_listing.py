"""Listing of a watched folder that keeps what it saw and reports changes alone.

Two ways lead to a change: an event of the file system names a path (`look`), and a thread goes over the folder again
and again (`FolderListing`). The thread is the truth: it needs no events, and what an event missed it finds. Each round
takes the names first, which shows new files, and then the states of known files for a limited time, going on in the
next round where it stopped; so a round's cost is that of the names, and no file waits for all others.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

from inspect_ai.ingest.watching.watched_files import FileState, is_hidden_below, state_of, walk_entries

STATES_S = 0.05  # of each round, for the states of files that are known
FAST_ROUND_S = 0.25  # between rounds where events do not come
ROUND_S = 1.0  # between rounds where they do
SHARE_OF_TIME = 20  # the pause is at least so many times the round's cost; 3 times where events do not come
AWAY_FIRST_S, AWAY_LONGEST_S = 0.25, 5.0  # pauses while the folder is not there
CHANGES_AHEAD = 1000  # changes that the rounds may be ahead of the reader
YIELD_EVERY = 500  # names after which the thread lets others run


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Change of one file. state: None where it is gone; before: None where it is new. at_start: found in round 1."""

    path: str
    state: FileState | None
    before: FileState | None
    at_start: bool = False


class FolderListing:
    """Context manager: entering starts the thread. `changed` is called, from any thread, when there is news to take.

    fast: go round without long pauses. rounds: finished rounds. away: reason why the folder cannot be listed, or None.
    """

    def __init__(self, folder: Path, changed: Callable[[], None], *, fast: bool = False) -> None:
        self.rounds = 0
        self.away: str | None = None
        self.returned = threading.Event()  # set when the folder came back, cleared by who has dealt with it
        self.events_seen = 0
        self._folder, self._changed, self._fast = folder, changed, fast
        self._known: dict[str, FileState] = {}
        self._inodes: dict[int, str] = {}
        self._changes: deque[Change] = deque()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._nudge = threading.Event()
        self._below: deque[str] = deque()  # folders that an event named: listed before the rest
        self._identity = _identity(folder)
        self._rotation: Iterator[str] = iter(())
        self._deaf = False  # a round found what no event had named
        self._events_before = 0

    def __enter__(self) -> FolderListing:
        threading.Thread(target=self._go_round, name="listing", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._nudge.set()

    def take(self) -> list[Change]:
        """Take the changes since the last call, in their order."""
        taken = []
        while self._changes:
            taken.append(self._changes.popleft())
        return taken

    def touched(self, path: str, *, is_folder: bool) -> None:
        """Take an event: look at the path now, or list the folder before all others."""
        self.events_seen += 1
        if is_hidden_below(path):
            return
        if is_folder:
            self._below.append(path)
            self._nudge.set()
        elif self.look(path):
            self._changed()

    def look(self, path: str, *, at_start: bool = False) -> bool:
        """Look at one path; True if that is a change, which `take` gives. Thread-safe."""
        with self._lock:
            before, state = self._known.get(path), state_of(self._folder, path)
            if state is None:
                if before is None or not self.is_there() or state_of(self._folder, path) is not None:
                    return False  # unknown, or the whole folder is away or was for a moment
                del self._known[path]
                if self._inodes.get(before.inode) == path:
                    del self._inodes[before.inode]
            else:
                if state.same(before):
                    return False
                state = self._known[path] = replace(state, since=time.monotonic())
                self._inodes[state.inode] = path
            self._changes.append(Change(path=path, state=state, before=before, at_start=at_start))
            return True

    def state_now(self, path: str) -> FileState | None:
        """State of a path at this moment; what is known does not change."""
        return state_of(self._folder, path)

    def renamed_to(self, state: FileState) -> str | None:
        """Path under which a file that is gone lies now, if it was renamed below the folder."""
        return self._inodes.get(state.inode) if state.inode else None

    def is_there(self) -> bool:
        """True if the folder can be listed and is the one that was watched, or a successor that holds something.

        An empty folder in its place is what an unmounted share leaves.
        """
        found = _identity(self._folder)
        if found is None:
            self.away = "it is not there"
            return False
        if found != self._identity and self._known:
            try:
                with os.scandir(self._folder) as entries:
                    empty = next(entries, None) is None
            except OSError as e:
                self.away = f"it cannot be listed ({e.strerror})"
                return False
            if empty:
                self.away = "an empty folder has its place, as where a share is not mounted"
                return False
        self._identity = found
        return True

    def _go_round(self) -> None:
        away_s = AWAY_FIRST_S
        while not self._stopped.is_set():
            started = time.monotonic()
            if not self.is_there():
                self._changed()
                self._wait(away_s)
                away_s = min(AWAY_LONGEST_S, away_s * 1.6)
                continue
            if self.away is not None:
                self.away, away_s = None, AWAY_FIRST_S
                self.returned.set()
                self._changed()
            if self._round(at_start=self.rounds == 0) and self.is_there():
                self.rounds += 1
                self._changed()
            self._wait(self._pause_s(time.monotonic() - started))

    def _pause_s(self, cost_s: float) -> float:
        if self._fast:
            return FAST_ROUND_S / 5
        return max(FAST_ROUND_S, 3 * cost_s) if self._deaf else max(ROUND_S, SHARE_OF_TIME * cost_s)

    def _wait(self, pause_s: float) -> None:
        """Pause between two rounds; a folder that an event names is listed at once."""
        until = time.monotonic() + pause_s
        while not self._stopped.is_set() and (left := until - time.monotonic()) > 0:
            self._nudge.wait(left)
            self._nudge.clear()
            self._list_named()

    def _list_named(self) -> None:
        while self._below and not self._stopped.is_set():
            below = self._below.popleft()
            for path, _ in walk_entries(self._folder, below):
                if path not in self._known:
                    self._report(path, at_start=False)

    def _round(self, *, at_start: bool) -> bool:
        """Take all names, then states for a while; False where it was stopped."""
        names, found = set(), 0
        for number, (path, _) in enumerate(walk_entries(self._folder)):
            names.add(path)
            if path not in self._known:
                found += 1
                self._report(path, at_start=at_start)
            if number % YIELD_EVERY == YIELD_EVERY - 1:
                if self._stopped.is_set():
                    return False
                time.sleep(0.0005)
                self._list_named()
        with self._lock:
            gone = self._known.keys() - names
        for path in gone:
            self._report(path, at_start=False)
        found += self._look_again()
        if not at_start and found:
            self._deaf = self.events_seen == self._events_before
        self._events_before = self.events_seen
        return not self._stopped.is_set()

    def _look_again(self) -> int:
        """Look at known files for a limited time (`fast`: at all of them); returns how many had changed."""
        until = time.monotonic() + STATES_S
        changed, left = 0, len(self._known)
        while left and not self._stopped.is_set() and (self._fast or time.monotonic() < until):
            path = next(self._rotation, None)
            if path is None:
                with self._lock:
                    self._rotation = iter(list(self._known))
                continue
            changed += self._report(path, at_start=False)
            left -= 1
        return changed

    def _report(self, path: str, *, at_start: bool) -> bool:
        """Look at a path, no further ahead of the reader than it can follow."""
        while len(self._changes) >= CHANGES_AHEAD and not self._stopped.is_set():
            time.sleep(0.005)
        if not self.look(path, at_start=at_start):
            return False
        if len(self._changes) in (1, CHANGES_AHEAD // 2):
            self._changed()
        return True


def _identity(folder: Path) -> tuple[int, int] | None:
    """Device and inode of a folder, None where there is none."""
    try:
        status = folder.stat()
        os.scandir(folder).close()
    except OSError:
        return None
    return status.st_dev, status.st_ino
