"""The folder that a camera writes to, as a source for the runner: each file that counts is one part.

A pass compares the folder, which is the truth, with the log, which is the memory. A file counts when two looks find the
same size, time and inode and it is whole.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from inspect_ai.domain import Rejection
from inspect_ai.ingest import DecoderPool, discover
from inspect_ai.ingest.attributes import attributes_set
from inspect_ai.ingest.watched_files import FileState, WatchedFile, list_files, watched_file
from inspect_ai.inspection.events import PartWaiting
from inspect_ai.inspection.own_files import OwnFiles
from inspect_ai.inspection.runner import Job
from inspect_ai.settings import Settings

LOOK_S = 0.05  # between two looks while something moves
POLL_S = 1.0  # between looks while nothing does, in case an event was lost or the share sends none


@dataclass
class WatchedFolder:
    """All that matters of it can be told again from folder and log.

    once: end when what is there now is decided. patience_s: so long a file that ends in the middle is waited for; after
    that without growth it counts as it is. last_entry: path -> the row that decided it last.
    """

    folder: Path
    settings: Settings
    pool: DecoderPool
    last_entry: dict[str, int]
    once: bool
    patience_s: float
    waiting: dict[str, FileState] = field(default_factory=dict)
    news: list[PartWaiting] = field(default_factory=list)  # not told yet
    _looked: dict[str, FileState] = field(default_factory=dict)  # path -> how the last look found it
    _settled: dict[str, FileState] = field(default_factory=dict)  # path -> the state that needs no more work
    _busy: dict[str, WatchedFile] = field(default_factory=dict)
    _moving: bool = True
    _looks: int = 0

    least_pause_s = LOOK_S

    def __post_init__(self) -> None:
        self._own = OwnFiles(self.settings, self.folder)

    @property
    def pause_s(self) -> float:
        """Short while anything moves, is under way, or is to end."""
        return LOOK_S if self._moving or self._busy or self.once else POLL_S

    @property
    def ended(self) -> bool:
        """With `once`: whether two looks found nothing left to do."""
        return self.once and self._looks >= 2 and not self._moving and not self._busy

    def items(self, room: int) -> Iterator[Job | Rejection]:
        """One look over the folder: the parts that count now, newest first (a new part before what the log knows)."""
        now = time.monotonic()
        found = {path: seen for path, seen in list_files(self.folder).items() if path not in self._own}
        moving = False
        for path, seen in sorted(found.items(), key=lambda item: -item[1].mtime_ns):
            before = self._looked.get(path)
            state = before if before is not None and before.same(seen) else replace(seen, since=now)
            found[path] = state
            if path in self._busy or state.same(self._settled.get(path)):
                continue
            if state is not before or now - state.since < LOOK_S:
                moving = True  # seen so for the first time, or just now: a later look decides
            elif room <= 0 or time.monotonic() - now > LOOK_S:
                moving = (
                    True  # its turn comes; the folder is looked at again before, so that nothing new waits for long
                )
            elif (part := self._considered(path, state)) is not None:
                self._busy[path] = part
                room -= 1
                yield Job(part.ref, part.problem)
        for gone in self._looked.keys() - found.keys():
            self._settled.pop(gone, None)
            self.waiting.pop(gone, None)
        self._looked, self._moving = found, moving
        self._looks += 1

    def take_back(self, job: Job) -> WatchedFile:
        """The part of a job that has come to its end."""
        return self._busy.pop(job.ref.key)

    def is_as_read(self, part: WatchedFile, *, may_be_gone: bool) -> bool:
        """Whether the file still is what was read: one written again meanwhile may be neither content."""
        now = list_files(self.folder, part.path).get(part.path)
        return may_be_gone if now is None else part.state.same(now)

    def is_young(self, state: FileState) -> bool:
        """Whether a file may still grow."""
        return time.time() - state.mtime_ns / 1e9 < self.patience_s

    def settle(self, part: WatchedFile, entry: int) -> None:
        """This state of the file is decided, in that row."""
        self._settled[part.path] = part.state
        self.last_entry[part.path] = entry

    def wait_for(self, path: str, state: FileState, reason: str) -> None:
        """The file does not count yet."""
        self.waiting[path] = state
        self.news.append(PartWaiting(path=path, reason=reason))

    def _considered(self, path: str, state: FileState) -> WatchedFile | None:
        """The part that a file is, found alike by two looks; None for a sidecar, and for one still being written."""
        young = self.is_young(state)
        if young and state.same(self.waiting.get(path)):
            return None
        most_bytes = int(self.settings.max_file_gib * (1 << 30))
        part = watched_file(self.folder, path, state, attributes_set(self.settings), most_bytes)
        early = part.unfinished if part is not None else None
        if part is not None and part.ref.kind == "dicom" and (early is None or not young):
            part = self._with_header(part)
            early = part.problem
        if young and early is not None:
            self.wait_for(path, state, early)
            return None
        self.waiting.pop(path, None)
        if part is not None:
            return self._with_note(part)
        if state.same(list_files(self.folder, path).get(path)):  # else gone, or changed since the look
            self._settled[path] = state
        return None

    def _with_header(self, part: WatchedFile) -> WatchedFile:
        """A DICOM file with what its header says of it, or with the reason why there is none."""
        for item in discover(self.folder / part.path, settings=self.settings, pool=self.pool):
            if isinstance(item, Rejection):
                return replace(part, problem=item.reason)
            own = part.ref
            return replace(part, ref=replace(item, key=own.key, source=own.source, digest=own.digest, files=own.files))
        return replace(part, problem="the file cannot be read")

    def _with_note(self, part: WatchedFile) -> WatchedFile:
        if part.path not in self.last_entry:
            return part
        note = f"replaces the content decided in entry {self.last_entry[part.path]}"
        return replace(part, ref=replace(part.ref, notes=(*part.ref.notes, note)))
