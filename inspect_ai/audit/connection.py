"""Opening of the SQLite file: its pragmas, its transactions, and its errors as sentences for a person.

Rollback journal, not WAL: a log is copied and mailed as one file. The driver begins no transaction; one that
will write begins IMMEDIATE, so that two processes take turns instead of failing halfway.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event
from sqlalchemy.exc import DBAPIError

from inspect_ai.errors import AuditError

BUSY_S = 10.0  # how long to wait for another process's commit
_WRITES = "inspect_ai_writes"  # execution option of the engine that begins IMMEDIATE


class DamagedLog(AuditError):
    """The file is no sound log of this program: `verify` reports it as a fault instead of failing."""


_PRAGMAS = (
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA foreign_keys = ON",
    "PRAGMA recursive_triggers = ON",
    "PRAGMA synchronous = EXTRA",  # FULL, and the directory too after the journal is deleted
)


def open_engine(path: Path, *, create: bool, busy_s: float = BUSY_S) -> Engine:
    """An engine over the file. It writes nothing until asked; `create` allows SQLite to make the file."""
    uri = f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(uri, uri=True, timeout=busy_s, isolation_level=None, check_same_thread=False)
        connection.text_factory = _text
        try:
            for pragma in _PRAGMAS:
                connection.execute(pragma)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool, pool_size=1, max_overflow=4)
    event.listen(engine, "begin", _begin)
    return engine


def _text(stored: bytes) -> str:
    """Text as it is in the file; bytes that are no UTF-8 become surrogates, so that `verify` can name their entry."""
    return stored.decode("utf-8", "surrogateescape")


def _begin(connection: Connection) -> None:
    immediate = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


@contextmanager
def reading(engine: Engine, path: Path) -> Iterator[Connection]:
    """A transaction that sees one state of the log and stops no writer from beginning. Keep it short.

    Raises AuditError, DamagedLog among them, where SQLite fails.
    """
    with sentences(path), engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine, path: Path) -> Iterator[Connection]:
    """The one writer's transaction: when the block ends all of it is on disk, or nothing is. Raises as `reading`."""
    with sentences(path), engine.execution_options(**{_WRITES: True}).begin() as connection:
        yield connection


@contextmanager
def sentences(path: Path) -> Iterator[None]:
    """SQLite's errors as sentences of an AuditError."""
    try:
        yield
    except DBAPIError as e:
        raise _explained(path, e.orig) from e
    except sqlite3.Error as e:
        raise _explained(path, e) from e
    except UnicodeDecodeError as e:  # sqlite3 could not decode SQLite's own message about the damage
        raise DamagedLog(_DAMAGE[sqlite3.SQLITE_CORRUPT].format(path=path, name="text that is no UTF-8")) from e


def _explained(path: Path, error: BaseException | None) -> AuditError:
    name = getattr(error, "sqlite_errorname", None) or str(error)
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    damage = _DAMAGE.get(code)
    if damage:
        return DamagedLog(damage.format(path=path, name=name))
    if code == 0 or code not in _FAILURES:
        return DamagedLog(f"The audit log {path} cannot be read ({error}). Run `inspect-ai audit verify --db {path}`.")
    passing = _PASSING.get(getattr(error, "sqlite_errorcode", 0), _PASSING.get(code, ""))
    return AuditError(_FAILURES[code].format(path=path, name=name, detail=error), passing=passing)


LOCKED, FULL = "locked by another program", "on a full disk"
_PASSING = {
    sqlite3.SQLITE_BUSY: LOCKED,
    sqlite3.SQLITE_LOCKED: LOCKED,
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_IOERR: "on a disk that fails",
    sqlite3.SQLITE_CANTOPEN: "not reachable",  # its folder went away, or the journal found no place there
    sqlite3.SQLITE_READONLY_DBMOVED: "not at its place",
}
_FAILURES = {
    sqlite3.SQLITE_FULL: "The disk of the audit log {path} is full. Nothing of the last group was written, all "
    "before it stands. Free some space and run the command again.",
    sqlite3.SQLITE_READONLY: "The audit log {path} cannot be written: file or folder is read-only ({name}). "
    "Change the permissions, or name another log with --db.",
    sqlite3.SQLITE_BUSY: "The audit log {path} is locked by another program. Let it finish, "
    "then run the command again.",
    sqlite3.SQLITE_LOCKED: "The audit log {path} is locked by this program itself. Run the command again.",
    sqlite3.SQLITE_CANTOPEN: "The audit log {path} cannot be opened ({name}). Check that its folder exists and that "
    "you may read and write there.",
    sqlite3.SQLITE_PERM: "The audit log {path} may not be opened ({name}). Change its permissions.",
    sqlite3.SQLITE_IOERR: "The disk failed under the audit log {path} ({name}). Nothing of the last group was written. "
    "Check the disk and its free space, then run `inspect-ai audit verify --db {path}`.",
    sqlite3.SQLITE_CONSTRAINT: "The audit log {path} refused an entry ({detail}). "
    "Run `inspect-ai audit verify --db {path}`.",
    sqlite3.SQLITE_NOMEM: "There is not enough memory to work on the audit log {path}.",
    sqlite3.SQLITE_INTERRUPT: "Work on the audit log {path} was interrupted. Nothing of the last group was written.",
}
_DAMAGE = {
    sqlite3.SQLITE_CORRUPT: "The audit log {path} is damaged ({name}). Keep the file, restore a copy, and compare both "
    "with `inspect-ai audit verify`.",
    sqlite3.SQLITE_NOTADB: "{path} is no audit log: it is no SQLite database, or its first bytes were overwritten. "
    "Name another file with --db.",
}
