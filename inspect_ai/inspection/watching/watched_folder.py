"""Source of the parts of a folder that a camera writes to: each file that counts is one part.

The listing reports what changed; a file counts when nothing was written to it for the settling time and it is whole.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from enum import Enum
from pathlib import Path

from inspect_ai.domain import Rejection
from inspect_ai.errors import InputError
from inspect_ai.ingest import DecoderPool, discover
from inspect_ai.ingest.attributes import attributes_set
from inspect_ai.ingest.watching.file_events import FileEvents
from inspect_ai.ingest.watching.folder_listing import FolderListing
from inspect_ai.ingest.watching.watched_files import FileState, WatchedFile, checks_set, state_of, watched_file
from inspect_ai.inspection.events import PartWaiting
from inspect_ai.inspection.outages import Notice
from inspect_ai.inspection.own_files import OwnFiles
from inspect_ai.inspection.runner import Job
from inspect_ai.inspection.watching.arrivals import Arrivals, Waited
from inspect_ai.inspection.watching.last_entries import LastEntries
from inspect_ai.settings import Settings

LOOK_S = 0.05  # longest pause with `once`
POLL_S = 1.0  # longest pause else
MOST_OLD_ONCE = 1 << 16  # with `once`, files that were there at the start are all there is
ONCE_AWAY_S = 10.0  # with `once`, a folder that went away is waited for so long
BLACK_ENDS = 3  # pictures waited for in vain, after which a camera is known to make pictures that end in black
AWAY = "the folder went away before it was decided"


class Fate(Enum):
    """State in which the file of a part is found after its pixels were decoded and scored."""

    AS_READ = "as read"
    AGAIN = "again"  # still being written, or away: it is looked at again
    GONE = "deleted before it was decided"
    WRITTEN = "written again before it was decided: the new content is looked at"


class WatchedFolder:
    """Watches a folder. Its state can be rebuilt from folder and log.

    once: end when the files that are there now are decided. patience_s: wait so long for the rest of a file that is not
    whole; after that without growth it counts as it is. last_entry: path -> the row that decided it last.
    """

    least_pause_s = 0.002

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        pool: DecoderPool,
        last_entry: LastEntries,
        *,
        listing: FolderListing,
        events: FileEvents,
        once: bool,
        patience_s: float,
    ) -> None:
        self.folder, self.last_entry = folder, last_entry
        self.arrivals = Arrivals(listing, settings.settle_ms / 1000, self._part)
        self.abandoned = False  # with `once`: the folder went away and did not come back
        self._settings, self._pool, self._listing, self._events = settings, pool, listing, events
        self._once, self._patience_s = once, patience_s
        self._reserved_s = min(patience_s, settings.zero_tail_s)
        self._reserved: set[str] = set()  # paths of pictures whose last rows were zero when they were looked at
        self._in_vain = 0  # pictures with zero last rows, one after another, that were waited for and did not change
        self._own = OwnFiles(settings, folder)
        self._checks = checks_set(settings)
        self._news: list[PartWaiting | Notice] = []
        self._away_since: float | None = None
        self._quiet_from = 0  # the round before which something last happened

    @property
    def pause_s(self) -> float:
        """Longest pause until the next pass; changes wake it before."""
        next_s = None if self._away_since is not None else self.arrivals.next_s
        return min(LOOK_S if self._once else POLL_S, POLL_S if next_s is None else next_s)

    @property
    def ended(self) -> bool:
        """True, with `once`, when a whole round of the listing has found nothing left to do."""
        if not self._once or self.arrivals.told or self.arrivals.busy:
            return False
        if any(waited.is_reserved for waited in self.arrivals.waiting.values()):
            return False  # for a few seconds only
        return not self.arrivals.left and (self.abandoned or self._listing.rounds >= self._quiet_from + 2)

    def items(self, room: int) -> Iterator[Job | Rejection]:
        """Take what changed, read what settled, and yield parts and rejections while there is room."""
        changes = self._listing.take()
        for change in changes:
            if change.path not in self._own:
                self.arrivals.apply(change)
        if changes or self.arrivals.busy:
            self._quiet_from = self._listing.rounds
        self._notice_folder()
        if self._away_since is None:
            self.arrivals.overdue()
            self.arrivals.read_settled()
        if room <= 0:
            return
        while self.arrivals.told:
            yield self.arrivals.told.popleft()
        while self._away_since is None and room > 0:
            part = self.arrivals.next_part(MOST_OLD_ONCE if self._once else 2 * self._settings.workers)
            if part is None:
                return
            room -= 1
            yield Job(part.ref, part.problem)

    def take_back(self, job: Job, *, decided: bool) -> tuple[WatchedFile, Fate]:
        """Take back the part of a finished job. decided: its bytes were read, and they were those of its digest."""
        part = self.arrivals.take_back(job.ref.key)
        fate = self._fate(part, decided)
        if fate is Fate.AGAIN:
            self._quiet_from = self._listing.rounds
        return part, fate

    def is_young(self, state: FileState) -> bool:
        """True while a file may still grow."""
        return time.monotonic() - state.since < self._patience_s

    def settle(self, part: WatchedFile, entry: int) -> None:
        """Note the row that decided this content of the file."""
        self.last_entry[part.path] = entry

    def wait_for(self, path: str, state: FileState, reason: str, *, is_reserved: bool = False) -> None:
        """Report a file that does not count yet."""
        until = state.since + (self._reserved_s if is_reserved else self._patience_s)
        self.arrivals.waiting[path] = Waited(state=state, until=until, is_reserved=is_reserved)
        self._news.append(PartWaiting(path=path, reason=reason))

    def news(self) -> list[PartWaiting | Notice]:
        """Take what is to be reported."""
        news, self._news = self._news, []
        return news

    def _fate(self, part: WatchedFile, decided: bool) -> Fate:
        """Compare the file with what was read of it."""
        now = state_of(self.folder, part.path)
        if part.state.same(now):
            return Fate.AS_READ
        if now is None and not self._listing.is_there():
            if not decided:
                self.arrivals.put_back(part.path, part.state)
            return Fate.AS_READ if decided else Fate.AGAIN
        changed = self._listing.look(part.path)
        del changed  # it is applied by the next pass, or was by an earlier one
        if now is None:
            return Fate.AS_READ if decided else Fate.GONE
        if now.inode != part.state.inode:
            return Fate.AS_READ if decided else Fate.WRITTEN
        if part.ref.kind == "image":
            return Fate.WRITTEN
        self.arrivals.found -= 1  # of a format whose end is not known: it is the same part, which was not whole
        return Fate.AGAIN

    def _notice_folder(self) -> None:
        """Tell of a folder that goes away or comes back; observe it anew."""
        now = time.monotonic()
        away = self._listing.away
        if away is not None and self._away_since is None:
            self._away_since = now
            message = f"The folder {self.folder} went away: {away}. Parts wait; it is looked for every few seconds."
            self._news.append(Notice(subject="folder", message=message))
        elif away is None and self._away_since is not None:
            lasted_s, self._away_since = now - self._away_since, None
            self._quiet_from = self._listing.rounds
            message = f"The folder {self.folder} is back after {lasted_s:.0f} s."
            self._news.append(Notice(subject="folder", message=message, over=True))
        if self._listing.returned.is_set():
            self._listing.returned.clear()
            self._events.renew()
        limit_s = min(ONCE_AWAY_S, self._patience_s)
        if self._once and self._away_since is not None and now - self._away_since > limit_s:
            self.abandoned = True
        if self.abandoned:
            self.arrivals.tell_all_left(AWAY)

    def _part(self, path: str, state: FileState) -> WatchedFile | str | None:
        """Part of a file that settled; None for a sidecar; a string, reported already, for one still being written."""
        young = self.is_young(state)
        limit = int(self._settings.max_file_gib * (1 << 30))
        reason: str | None
        try:
            if not state.readable:
                raise InputError("nobody has the right to read it")
            part = watched_file(self.folder, path, state, attributes_set(self._settings), limit, self._checks)
        except InputError as e:
            return self._unreadable(path, state, str(e))
        if part is None:
            return None
        if part.remark is None and path in self._reserved:
            self._reserved.discard(path)
            self._in_vain = 0  # this camera does reserve space
        if part.remark is not None and part.unfinished is None:
            if time.monotonic() - state.since < self._reserved_s:
                self._reserved.add(path)
                self.wait_for(path, state, part.remark, is_reserved=True)
                return part.remark
            self._reserved.discard(path)
            self._waited_in_vain(part.format)
            return self._with_notes(part)
        reason = part.unfinished
        if part.ref.kind == "dicom" and (reason is None or not young):
            part = self._with_header(part)
            reason = part.problem if part.is_dicom else None
        if young and reason is not None:
            self.wait_for(path, state, reason)
            return reason
        return self._with_notes(part)

    def _waited_in_vain(self, format_name: str) -> None:
        """Count a picture whose last rows stayed zero; after some, no more is waited for in this format."""
        self._in_vain += 1
        if self._in_vain == BLACK_ENDS:
            self._checks = self._checks.without_zero_tail(format_name)
            message = (
                f"{BLACK_ENDS} {format_name} pictures whose last rows are zero were waited for in vain: this camera's "
                "pictures end in black. They are waited for no more until the next start; take the format out of "
                "setting zero_tail to have it so for good."
            )
            self._news.append(Notice(subject="format", message=message))

    def _unreadable(self, path: str, state: FileState, reason: str) -> str | None:
        """Wait for the right to read a file, which its writer may still give; then, and with `once`, tell of it."""
        if self.is_young(state) and not self._once:
            self.wait_for(path, state, reason)
        else:
            self.arrivals.tell(path, f"{reason}; give this program the right to read it")
        return reason

    def _with_header(self, part: WatchedFile) -> WatchedFile:
        """Add to the part of a DICOM file the values of its header, or the reason why it has none."""
        found = list(discover(self.folder / part.path, settings=self._settings, pool=self._pool))
        if len(found) > 1:
            return replace(part, problem="a file of several volumes: decide it with `inspect-ai scan`")
        for item in found:
            if isinstance(item, Rejection):
                return replace(part, problem=item.reason)
            own = part.ref
            return replace(part, ref=replace(item, key=own.key, source=own.source, digest=own.digest, files=own.files))
        return replace(part, problem="the file cannot be read")

    def _with_notes(self, part: WatchedFile) -> WatchedFile:
        notes = [*part.ref.notes]
        if part.remark is not None:
            notes.append(f"{part.remark}; it was waited for and did not change")
        if part.path in self.last_entry:
            notes.append(f"replaces the content decided in entry {self.last_entry[part.path]}")
        return replace(part, ref=replace(part.ref, notes=tuple(notes)))
