"""Files on their way from the first look to a part that can be decided: settling, read, waited for, or told of.

Every file that is seen ends in one of four ways: it is a part, a sidecar, not whole yet, or told of with a reason.
"""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from inspect_ai.domain import Rejection
from inspect_ai.ingest.formats import has_picture_ending
from inspect_ai.ingest.watching.folder_listing import Change, FolderListing
from inspect_ai.ingest.watching.watched_files import CLOSED_FOLDER, LINK, SPECIAL, FileState, WatchedFile

READ_S = 0.02  # time of one pass for reading files, so that no other work waits for long
READ_AHEAD = 256  # parts that are read and wait for room
OLD_AHEAD = 4  # likewise of the files that were there at the start
TURN = 4  # of so many parts in a row, one is the one that waits longest
NOT_A_FILE = {
    LINK: "a link: links are not followed; let the camera write the file itself",
    SPECIAL: "no regular file (a pipe, socket or device)",
    CLOSED_FOLDER: "the folder cannot be entered; give this program the right to read it",
}
# Endings of files that lie beside pictures; one that went before it was read is no lost part.
SIDECAR_ENDINGS = (".json", ".xml", ".txt", ".csv", ".log", ".yaml", ".yml", ".ini", ".md", ".html", ".db-journal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited:
    """A file that does not count yet. until: when it counts as it is, in monotonic seconds.

    is_reserved: its structure is whole, but its last rows are zero, as of space that is reserved and not written yet.
    """

    state: FileState
    until: float
    is_reserved: bool = False


@dataclass
class Arrivals:
    """State of the files that have no decision yet. read: makes the part of a file; None for a
    sidecar; a reason where it has put the file among those that wait, or told of it.

    settle_s: a file counts when nothing was written to it for so long, by this process's clock.
    """

    listing: FolderListing
    settle_s: float
    read: Callable[[str, FileState], WatchedFile | str | None]
    found: int = 0  # files seen that are no sidecars; one that is written again counts again
    sidecars: int = 0
    told: deque[Rejection] = field(default_factory=deque)
    waiting: dict[str, Waited] = field(default_factory=dict)  # known or thought not to be whole
    busy: dict[str, WatchedFile] = field(default_factory=dict)  # given to the runner
    _unread: dict[str, FileState] = field(default_factory=dict)
    _settling: dict[str, float] = field(default_factory=dict)  # path -> since, in this order
    _new: list[str] = field(default_factory=list)  # settled, not read; the newest last
    _old: list[tuple[int, str]] = field(default_factory=list)  # heap of those that were there at the start
    _at_start: set[str] = field(default_factory=set)
    _ready: dict[str, WatchedFile] = field(default_factory=dict)
    _ready_old: dict[str, WatchedFile] = field(default_factory=dict)
    _turn: int = 0

    @property
    def left(self) -> int:
        """Number of files that were seen, are not known to be unfinished, and have no part yet or one not committed."""
        return len(self._unread.keys() | self.busy.keys()) + len(self._ready) + len(self._ready_old)

    @property
    def next_s(self) -> float | None:
        """Seconds until there is something to read; None while nothing settles."""
        if (self._new and len(self._ready) < READ_AHEAD) or (self._old and len(self._ready_old) < OLD_AHEAD):
            return 0.0
        since = next(iter(self._settling.values()), None)
        return None if since is None else max(0.0, since + self.settle_s - time.monotonic())

    def apply(self, change: Change) -> None:
        """Take one change of the folder."""
        path, state = change.path, change.state
        read = self._ready.pop(path, None) or self._ready_old.pop(path, None)
        unread, waited = self._unread.pop(path, None), self.waiting.pop(path, None)
        self._settling.pop(path, None)
        is_open = read is not None or unread is not None or waited is not None
        if state is None:
            if read is not None:
                self.tell(path, "deleted before it was decided", read.sha256)
            elif is_open:
                self._tell_gone(path, unread or (waited.state if waited else None))
            return
        if read is not None and (read.ref.kind == "image" or read.state.inode != state.inode):
            self.tell(path, "written again before it was decided: the new content is looked at", read.sha256)
            is_open = False
        elif unread is not None and unread.inode != state.inode and unread.size and not _is_beside(path):
            self.tell(path, f"replaced before it was read {_seen(unread)}")
            is_open = False
        self.found += not is_open
        if state.kind:
            self.tell(path, NOT_A_FILE[state.kind])
            return
        if change.at_start:
            self._at_start.add(path)
        else:
            self._at_start.discard(path)
        self._unread[path], self._settling[path] = state, state.since

    def read_settled(self) -> None:
        """Read files that settled: new ones first, the newest before the others, and some of the old ones."""
        now = time.monotonic()
        while self._settling:
            path, since = next(iter(self._settling.items()))
            if now - since < self.settle_s:
                break
            del self._settling[path]
            if path in self._at_start:
                heapq.heappush(self._old, (-self._unread[path].mtime_ns, path))
            else:
                self._new.append(path)
        if self._old and len(self._ready_old) < OLD_AHEAD:
            self._read(heapq.heappop(self._old)[1], self._ready_old)
        while time.monotonic() - now < READ_S:
            if self._new and len(self._ready) < READ_AHEAD:
                self._read(self._new.pop(), self._ready)
            elif self._old and len(self._ready_old) < OLD_AHEAD:
                self._read(heapq.heappop(self._old)[1], self._ready_old)
            else:
                return

    def _read(self, path: str, ready: dict[str, WatchedFile]) -> None:
        state = self._unread.get(path)
        if state is None or path in self._settling or path in self.busy or self.listing.look(path):
            return  # gone, or written meanwhile: the change is on its way; a busy one comes back by `take_back`
        part = self.read(path, state)
        if isinstance(part, WatchedFile):
            del self._unread[path]
            ready[path] = part
        elif isinstance(part, str):
            del self._unread[path]  # it is among `waiting`, or told
        elif (now := self.listing.state_now(path)) is None and not self.listing.is_there():
            self.put_back(path, state)
        elif state.same(now):
            del self._unread[path]
            self.found -= 1
            self.sidecars += 1
        else:
            self.listing.look(path)

    def next_part(self, most_old: int) -> WatchedFile | None:
        """Give the next part to decide, the newest first, at times the oldest; no old one while `most_old` are busy."""
        old = self._ready_old if len(self.busy) < most_old else {}
        if not self._ready and not old:
            return None
        self._turn = (self._turn + 1) % TURN
        if self._turn == 0 or not self._ready:
            source = old or self._ready
            part = source.pop(next(iter(source)))
        else:
            _, part = self._ready.popitem()
        self.busy[part.path] = part
        return part

    def take_back(self, path: str) -> WatchedFile:
        """Take back a part from the runner; what was written to its file meanwhile is looked at again."""
        part = self.busy.pop(path)
        if path in self._unread and path not in self._settling:
            self._settling[path] = self._unread[path].since
        return part

    def put_back(self, path: str, state: FileState) -> None:
        """Look at a file again later, as if it had been seen just now."""
        self._unread[path] = replace(state, since=time.monotonic())
        self._settling.pop(path, None)
        self._settling[path] = self._unread[path].since

    def overdue(self) -> None:
        """Let files count as they are that were waited for long enough."""
        now = time.monotonic()
        for path, waited in list(self.waiting.items()):
            if now >= waited.until:
                del self.waiting[path]
                self._unread[path] = waited.state
                self._new.append(path)

    def tell(self, path: str, reason: str, sha256: str | None = None) -> None:
        """Note a file that ends with a reason in a row instead of a decision."""
        self.told.append(Rejection(file=path, reason=reason, sha256=sha256))

    def tell_all_left(self, reason: str) -> None:
        """Tell of every file that is not decided, waited for or under way."""
        for path, part in [*self._ready.items(), *self._ready_old.items()]:
            self.tell(path, reason, part.sha256)
        waited = ((path, waited.state) for path, waited in self.waiting.items())
        for path, state in [*self._unread.items(), *waited]:
            self.tell(path, f"{reason} {_seen(state)}")
        for paths in (self._ready, self._ready_old, self._unread, self.waiting, self._settling):
            paths.clear()

    def _tell_gone(self, path: str, state: FileState | None) -> None:
        if state is not None and self.listing.renamed_to(state) is not None:
            self.found -= 1  # it is the same file under another name
        elif state is not None and _is_beside(path):
            self.found -= 1
            self.sidecars += 1
        elif state is not None:
            self.tell(path, f"deleted before it was read {_seen(state)}")


def _is_beside(path: str) -> bool:
    return path.lower().endswith(SIDECAR_ENDINGS) and not has_picture_ending(path)


def _seen(state: FileState) -> str:
    """Size and moment of the look, by this machine's clock, so that no two losses are told in the same words."""
    moment = datetime.fromtimestamp(time.time() - (time.monotonic() - state.since), UTC)
    return f"(seen at {moment:%Y-%m-%d %H:%M:%S.%f} UTC with {state.size} bytes)"
