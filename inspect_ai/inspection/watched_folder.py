"""Source of the parts of a folder that a camera writes to: each file that counts is one part.

A pass compares the folder with the log. A file counts when two passes find the same size, time and inode and it is
whole.
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

LOOK_S = 0.05  # between two passes while a file changes
POLL_S = 1.0  # between passes while none does, in case an event was lost or the share sends none


@dataclass
class WatchedFolder:
    """Watches a folder. Its state can be rebuilt from folder and log.

    once: end when the files that are there now are decided. patience_s: wait so long for the rest of a file that ends
    early; after that without growth it counts as it is. last_entry: path -> the row that decided it last.
    """

    folder: Path
    settings: Settings
    pool: DecoderPool
    last_entry: dict[str, int]
    once: bool
    patience_s: float
    waiting: dict[str, FileState] = field(default_factory=dict)
    news: list[PartWaiting] = field(default_factory=list)  # not reported yet
    _looked: dict[str, FileState] = field(default_factory=dict)  # path -> state in the last pass
    _settled: dict[str, FileState] = field(default_factory=dict)  # path -> the state that needs no more work
    _busy: dict[str, WatchedFile] = field(default_factory=dict)
    _moving: bool = True
    _looks: int = 0

    least_pause_s = LOOK_S

    def __post_init__(self) -> None:
        self._own = OwnFiles(self.settings, self.folder)

    @property
    def pause_s(self) -> float:
        """Pause until the next pass: short while a file changes or is under way, and with `once`."""
        return LOOK_S if self._moving or self._busy or self.once else POLL_S

    @property
    def ended(self) -> bool:
        """True, with `once`, when two passes have found nothing left to do."""
        return self.once and self._looks >= 2 and not self._moving and not self._busy

    def items(self, room: int) -> Iterator[Job | Rejection]:
        """Yield, in one pass, the parts that count now, newest first (a new part before those that the log knows)."""
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
                moving = True  # seen so for the first time, or just now: a later pass decides
            elif room <= 0 or time.monotonic() - now > LOOK_S:
                moving = True  # left to the next pass, so that no new file waits for long
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
        """Take back the part of a finished job."""
        return self._busy.pop(job.ref.key)

    def is_as_read(self, part: WatchedFile, *, may_be_gone: bool) -> bool:
        """True if the file is unchanged since it was read: one written again meanwhile may be neither content."""
        now = list_files(self.folder, part.path).get(part.path)
        return may_be_gone if now is None else part.state.same(now)

    def is_young(self, state: FileState) -> bool:
        """True while a file may still grow."""
        return time.time() - state.mtime_ns / 1e9 < self.patience_s

    def settle(self, part: WatchedFile, entry: int) -> None:
        """Mark this state of the file as decided, in that row."""
        self._settled[part.path] = part.state
        self.last_entry[part.path] = entry

    def wait_for(self, path: str, state: FileState, reason: str) -> None:
        """Report a file that does not count yet."""
        self.waiting[path] = state
        self.news.append(PartWaiting(path=path, reason=reason))

    def _considered(self, path: str, state: FileState) -> WatchedFile | None:
        """Part of a file that two passes found unchanged; None for a sidecar, and for a file still being written."""
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
        if state.same(list_files(self.folder, path).get(path)):  # else gone, or changed since the pass
            self._settled[path] = state
        return None

    def _with_header(self, part: WatchedFile) -> WatchedFile:
        """Add to the part of a DICOM file the values of its header, or the reason why it has none."""
        found = list(discover(self.folder / part.path, settings=self.settings, pool=self.pool))
        if len(found) > 1:
            return replace(part, problem="a file of several volumes: decide it with `inspect-ai scan`")
        for item in found:
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
