"""Store of a run's pictures, in files named after their entries in the log."""

from __future__ import annotations

import re
import threading
from pathlib import Path

from inspect_ai.audit import Entry, Log
from inspect_ai.domain import Outcome
from inspect_ai.errors import AuditError
from inspect_ai.inspection.outages import Notice
from inspect_ai.secret import make_private_folder
from inspect_ai.whole_file import whole_file

PICTURES = "pictures"
MOST = {Outcome.FLAG: 100, Outcome.ABSTAIN: 40, Outcome.CLEAR: 16}  # drawn in one scan: a page that a browser can open
_OURS = re.compile(r"\d+(_heat)?\.png")
_ORIGIN = "log.txt"  # beside the pictures: the hash of the first entry of the log whose entries they are named after


class ImageStore:
    """Folder OUT/pictures: ENTRY.png and ENTRY_heat.png. Pictures of another log's entries are removed."""

    def __init__(self, out: Path) -> None:
        self.folder = out / PICTURES
        self._left = dict(MOST)
        self._lock = threading.Lock()
        self._opened = False
        self._ours = False  # the pictures there were found to be of this log
        self.lost = 0  # decisions whose picture could not be stored
        self._failing = False  # the last picture could not be stored

    def wants(self, outcome: Outcome) -> bool:
        """True if one more picture of this outcome is to be drawn. Thread-safe."""
        with self._lock:
            self._left[outcome] -= 1
            return self._left[outcome] >= 0

    def save(self, entry: Entry, picture: bytes | None, heat: bytes | None, log: Log) -> list[Notice]:
        """Write the pictures of a committed entry, whole or not at all. A decision stands without its picture: where it
        cannot be written it is counted in `lost`. Returns a notice when that begins, and when it ends.
        """
        if picture is None:
            return []
        try:
            self._open(log)
            for name, png in ((f"{entry.id}.png", picture), (f"{entry.id}_heat.png", heat)):
                if png is not None:
                    with whole_file(self.folder / name, private=True) as place:
                        place.write_bytes(png)
        except (OSError, AuditError) as e:
            self.lost += 1
            self._opened = False  # the folder may have gone
            return self._changed(True, getattr(e, "strerror", None) or "the audit log could not be asked")
        return self._changed(False, "")

    def remarks(self) -> list[str]:
        """Sentence about pictures that could not be stored, where there are any."""
        return [f"{self.lost} decisions have no picture: {self.folder} could not be written."] if self.lost else []

    def _changed(self, failing: bool, why: str) -> list[Notice]:
        """Notice of a change between pictures that can be stored and pictures that cannot."""
        if failing == self._failing:
            return []
        self._failing = failing
        if failing:
            message = f"Pictures cannot be stored in {self.folder} ({why}): decisions go on without them."
        else:
            message = f"Pictures are stored again in {self.folder}; {self.lost} decisions have none."
        return [Notice(subject="pictures", message=message, over=not failing)]

    def find(self, entry_id: int, log: Log) -> tuple[Path | None, Path | None]:
        """Find picture and heat map of an entry of this log, None where there is none; nothing is changed."""
        self._ours = self._ours or self._is_of(log)
        if not self._ours:
            return None, None
        picture, heat = self.folder / f"{entry_id}.png", self.folder / f"{entry_id}_heat.png"
        return picture if picture.is_file() else None, heat if heat.is_file() else None

    def _is_of(self, log: Log) -> bool:
        """True if the folder is of this log: entry 7 of another log is another study, not to be shown here."""
        first = next(log.entries(limit=1), None)
        try:
            return first is not None and (self.folder / _ORIGIN).read_text("utf-8").strip() == first.hash
        except (OSError, UnicodeDecodeError):
            return False

    def _open(self, log: Log) -> None:
        """Make the folder ready for this log, once."""
        if self._opened:
            return
        make_private_folder(self.folder)
        if not self._is_of(log):
            for file in self.folder.iterdir():
                if _OURS.fullmatch(file.name):
                    file.unlink()
            with whole_file(self.folder / _ORIGIN, private=True) as place:
                place.write_text(next(iter(log.entries(limit=1))).hash + "\n", "utf-8")
        self._ours = self._opened = True
