"""Store of a run's pictures, in files named after their entries in the log."""

from __future__ import annotations

import re
import threading
from pathlib import Path

from inspect_ai.audit import Entry, Log
from inspect_ai.domain import Outcome
from inspect_ai.secret import make_private_folder, write_private

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

    def wants(self, outcome: Outcome) -> bool:
        """True if one more picture of this outcome is to be drawn. Thread-safe."""
        with self._lock:
            self._left[outcome] -= 1
            return self._left[outcome] >= 0

    def save(self, entry: Entry, picture: bytes | None, heat: bytes | None, log: Log) -> None:
        """Write the pictures of a committed entry."""
        if picture is None:
            return
        self._open(log)
        write_private(self.folder / f"{entry.id}.png", picture)
        if heat is not None:
            write_private(self.folder / f"{entry.id}_heat.png", heat)

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
        self._opened = True
        make_private_folder(self.folder)
        if not self._is_of(log):
            for file in self.folder.iterdir():
                if _OURS.fullmatch(file.name):
                    file.unlink()
            write_private(self.folder / _ORIGIN, f"{next(iter(log.entries(limit=1))).hash}\n".encode("ascii"))
        self._ours = True
