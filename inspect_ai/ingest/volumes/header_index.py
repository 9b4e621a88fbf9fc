"""Index of all headers below the scanned root, on disk: memory stays flat however many files there are.

A temporary SQLite database without a name: readable by nobody else (0600), unlinked as soon as it is opened, gone with
the process. It holds what a Header holds, so no name of a patient.
"""

from __future__ import annotations

import pickle
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from types import TracebackType
from typing import TypeAlias

from inspect_ai.domain import SourceFile
from inspect_ai.errors import SetupError
from inspect_ai.ingest.foreign_objects import ForeignObject
from inspect_ai.ingest.header import STACKED, Header
from inspect_ai.ingest.slice_order import FEWEST_SLICES

CACHE_KIB = 32 << 10
TABLE = """CREATE TABLE entry (
    study TEXT, series TEXT, path TEXT, sha256 TEXT, bytes INTEGER,
    slices INTEGER, frame_of_reference TEXT, aside TEXT, body BLOB)"""

Indexed: TypeAlias = tuple[SourceFile, Header | ForeignObject]


class HeaderIndex:
    """Context manager. Files are added in any order and come back by study and series, in order of path."""

    def __enter__(self) -> HeaderIndex:
        with _room():
            # An empty name: SQLite keeps it in a temporary file of its own. The thread that closes may be another one.
            self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            for pragma in (f"cache_size=-{CACHE_KIB}", "journal_mode=OFF", "synchronous=OFF", "temp_store=FILE"):
                self._db.execute(f"PRAGMA {pragma}")
            self._db.execute(TABLE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def add(self, file: SourceFile, header: Header | ForeignObject) -> None:
        """Add one file. Without a UID, a picture is a study or series of its own. Raises SetupError for a full disk."""
        study, series = (uid or f"?{file.sha256}" for uid in (header.study_uid, header.series_uid))
        row = (study, series, file.path, file.sha256, file.size_bytes)
        slices, reference = (
            (original_slices(header), header.frame_of_reference) if isinstance(header, Header) else (0, "")
        )
        with _room():
            body = pickle.dumps(header, pickle.HIGHEST_PROTOCOL)
            values = (*row, slices, reference, foreign_or_left_out(header), body)
            self._db.execute(f"INSERT INTO entry VALUES ({', '.join('?' * len(values))})", values)

    def close_input(self) -> None:
        """Sort what was added; call once, before reading."""
        with _room():
            self._db.execute("CREATE INDEX by_series ON entry (study, series, path)")

    def studies(self) -> Iterator[str]:
        """Yield the keys of all studies, by the first path of each."""
        yield from self._keys("SELECT study FROM entry GROUP BY study ORDER BY min(path), study")

    def series(self, study: str) -> Iterator[str]:
        """Yield the keys of the series of a study, by the first path of each."""
        yield from self._keys(
            "SELECT series FROM entry WHERE study = ? GROUP BY series ORDER BY min(path), series", study
        )

    def members(self, study: str, series: str) -> list[Indexed]:
        """All files of a series with their headers, by path."""
        query = "SELECT path, sha256, bytes, body FROM entry WHERE study = ? AND series = ? ORDER BY path, sha256"
        with _room():
            rows = self._db.execute(query, (study, series)).fetchall()
        return [
            (SourceFile(path=path, sha256=sha256, size_bytes=size), pickle.loads(body))  # noqa: S301 - written above, into a file that has no name
            for path, sha256, size, body in rows
        ]

    def original_slices(self, study: str) -> dict[str, int]:
        """Number of slices in the stacks of original CT, MR and PT of a study, by frame of reference."""
        query = """SELECT frame_of_reference, sum(slices) FROM entry WHERE study = ? AND slices > 0
            GROUP BY series, frame_of_reference HAVING sum(slices) >= ?"""
        found: Counter[str] = Counter()
        with _room():
            for reference, slices in self._db.execute(query, (study, FEWEST_SLICES)):
                found[reference] += slices
        return dict(found)

    def aside(self, study: str) -> dict[str, Counter[str]]:
        """Kinds of the foreign objects, captures and localizers of a study, counted by series."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        with _room():
            rows = self._db.execute("SELECT series, aside FROM entry WHERE study = ? AND aside <> ''", (study,))
            for series, kind in rows:
                found[series][kind] += 1
        return found

    def _keys(self, query: str, *values: str) -> Iterator[str]:
        with _room(), closing(self._db.execute(query, values)) as rows:
            for (key,) in rows:
                yield key


def original_slices(header: Header) -> int:
    """Number of frames of a file that are slices of an original stack."""
    if header.modality not in STACKED or header.left_out or header.broken or None in header.planes:
        return 0
    return 0 if any(attributes.derived for attributes in header.slices) else header.frames


def foreign_or_left_out(found: Header | ForeignObject) -> str:
    """Kind of an object that is no slice, in words; "" for a picture."""
    return found.left_out if isinstance(found, Header) else found.what.split(":")[0]


@contextmanager
def _room() -> Iterator[None]:
    """Raise SetupError for a full or unwritable disk."""
    try:
        yield
    except sqlite3.OperationalError as e:
        raise SetupError(
            f"The index of headers cannot be written ({e}): about 3 KiB a file are needed in the temporary folder. "
            "Free disk there, or name another folder with the variable SQLITE_TMPDIR."
        ) from e
