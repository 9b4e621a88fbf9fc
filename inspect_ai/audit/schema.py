"""The tables of the log, as the SQLite file holds them and as SQLAlchemy sees them.

VERSION_1 is frozen: logs in the field were made with this text, and `verify` compares it with what the file says. A new
version appends statements in VERSION_2 and a revision in migrations/versions. Triggers stop accidents; whoever has the
file can remove them, so the chain proves, and `verify` names a trigger that is gone.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import Float, ForeignKey, Index, Text, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

APPLICATION_ID = 0x49414C47  # "IALG", in the file's header, so that a foreign database is not taken for a log
CURRENT = 1  # PRAGMA user_version of a log that this program writes

_TABLE = """\
CREATE TABLE entry (
    seq INTEGER NOT NULL PRIMARY KEY,
    time TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    task TEXT NOT NULL,
    outcome TEXT,
    score FLOAT,
    reason TEXT NOT NULL,
    refers INTEGER REFERENCES entry (seq),
    "key" TEXT,
    document TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
)"""

# OR REPLACE would delete the row in its way without firing delete triggers unless recursive_triggers is on, which is up
# to whoever opens the file. A trigger before the insert fires in any case, so the end of the log is the only way in.
_APPEND = """\
CREATE TRIGGER entry_append BEFORE INSERT ON entry
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM entry)
    OR NEW.previous IS NOT coalesce((SELECT hash FROM entry ORDER BY seq DESC LIMIT 1), printf('%064d', 0))
    OR EXISTS (SELECT 1 FROM entry WHERE "key" = NEW."key")
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only: an entry follows the last one and replaces none');
END"""

VERSION_1 = (
    _TABLE,
    'CREATE UNIQUE INDEX entry_once ON entry ("key") WHERE "key" IS NOT NULL',
    "CREATE INDEX entry_kind ON entry (kind, outcome)",
    "CREATE INDEX entry_refers ON entry (refers) WHERE refers IS NOT NULL",
    _APPEND,
    "CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry\n"
    "BEGIN\n    SELECT RAISE(ABORT, 'the audit log is append-only: entries are not changed');\nEND",
    "CREATE TRIGGER entry_no_delete BEFORE DELETE ON entry\n"
    "BEGIN\n    SELECT RAISE(ABORT, 'the audit log is append-only: entries are not removed');\nEND",
)
STATEMENTS = VERSION_1  # all versions in their order: what a log at CURRENT is made of


class Base(DeclarativeBase):
    """The metadata that Alembic compares with a file."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {str: Text}


class Row(Base):
    """One entry. A test compares this with what the statements make."""

    __tablename__ = "entry"
    __table_args__ = (
        Index("entry_once", "key", unique=True, sqlite_where=text('"key" IS NOT NULL')),
        Index("entry_kind", "kind", "outcome"),
        Index("entry_refers", "refers", sqlite_where=text("refers IS NOT NULL")),
    )

    seq: Mapped[int] = mapped_column(primary_key=True)
    time: Mapped[str]
    kind: Mapped[str]
    subject: Mapped[str]
    task: Mapped[str]
    outcome: Mapped[str | None]
    score: Mapped[float | None] = mapped_column(Float)
    reason: Mapped[str]
    refers: Mapped[int | None] = mapped_column(ForeignKey("entry.seq"))
    key: Mapped[str | None]
    document: Mapped[str]
    previous: Mapped[str]
    hash: Mapped[str]
