"""What a scan leaves for people: pictures named after their entries, and one page about all of it."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from inspect_ai.audit import Entry, Log
from inspect_ai.domain import Outcome, Rejection
from inspect_ai.report import Backing, Item, Summary, write_report

PICTURES = "pictures"
ORDER = (Outcome.FLAG, Outcome.ABSTAIN, Outcome.CLEAR)  # on the page
MOST = {Outcome.FLAG: 100, Outcome.ABSTAIN: 40, Outcome.CLEAR: 16}  # drawn in one scan: a page that a browser can open
_OURS = re.compile(r"\d+(_heat)?\.png")
_LOG = "log.txt"  # whose entries the pictures are named after


class Gallery:
    """The folder OUT/pictures: ENTRY.png and ENTRY_heat.png. Pictures of another log's entries are removed."""

    def __init__(self, out: Path) -> None:
        self.folder = out / PICTURES
        self._left = dict(MOST)
        self._lock = threading.Lock()
        self._opened = False

    def wants(self, outcome: Outcome) -> bool:
        """Whether one more picture of this outcome is to be drawn. Safe to ask from several threads."""
        with self._lock:
            self._left[outcome] -= 1
            return self._left[outcome] >= 0

    def hang(self, entry: Entry, picture: bytes | None, heat: bytes | None, log: Log) -> None:
        """Write the pictures of a committed entry."""
        if picture is None:
            return
        self._open(log)
        (self.folder / f"{entry.id}.png").write_bytes(picture)
        if heat is not None:
            (self.folder / f"{entry.id}_heat.png").write_bytes(heat)

    def find(self, entry: Entry, log: Log) -> tuple[bytes | None, bytes | None]:
        """Picture and heat map of an entry, None where there is none."""
        self._open(log)
        picture, heat = self.folder / f"{entry.id}.png", self.folder / f"{entry.id}_heat.png"
        return (picture.read_bytes() if picture.is_file() else None, heat.read_bytes() if heat.is_file() else None)

    def _open(self, log: Log) -> None:
        """Entry 7 of another log is another study: its picture must not stand beside ours."""
        if self._opened:
            return
        self._opened = True
        self.folder.mkdir(parents=True, exist_ok=True)
        origin = next(iter(log.entries(limit=1))).hash
        marker = self.folder / _LOG
        if not marker.is_file() or marker.read_text("utf-8").strip() != origin:
            for file in self.folder.iterdir():
                if _OURS.fullmatch(file.name):
                    file.unlink()
            marker.write_text(origin + "\n", "utf-8")


def scan_report(
    out: Path,
    log: Log,
    gallery: Gallery,
    entries: Mapping[int, Outcome],
    rejections: Sequence[Rejection],
    summary: Summary,
    note: str = "",
    backings: Sequence[Backing] = (),
    remarks: Sequence[str] = (),
) -> Path:
    """Write OUT/report.html about these entries, flags first, each read again from the log."""
    flags_first = sorted(entries, key=lambda number: (ORDER.index(entries[number]), number))
    return write_report(
        out / "report.html",
        items=_items(log, gallery, flags_first),
        rejections=rejections,
        summary=summary,
        note=note,
        log=log.path,
        head=log.head().hash,
        backings=backings,
        remarks=remarks,
    )


def _items(log: Log, gallery: Gallery, numbers: Sequence[int]) -> Iterator[Item]:
    for number in numbers:
        entry = log.entry(number)
        picture, heat = gallery.find(entry, log)
        yield Item(entry_id=number, decision=entry.decision(), picture_png=picture, heat_png=heat)
