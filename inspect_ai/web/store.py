"""File beside the log (FILE.desk.db) with what may change: accounts, sessions, claims, and an index of cases.

Nothing that proves anything is kept here: answers, looks and sign-ins are entries of the log. Lost, accounts are made
anew and the index is built again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    QueuePool,
    Table,
    Text,
    create_engine,
    event,
)
from sqlalchemy.exc import DBAPIError

from inspect_ai.errors import SetupError
from inspect_ai.secret import private_file

VERSION = 2  # 1 had no names of cases
BUSY_S = 10.0
METADATA = MetaData()
NAME = Text(collation="NOCASE")

ACCOUNTS = Table(
    "account",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("roles", Text, nullable=False),  # words, separated by blanks
    Column("password", Text, nullable=False),  # argon2id, with its parameters and salt; "" where a proxy signs in
    Column("active", Integer, nullable=False),
)
SESSIONS = Table(
    "session",
    METADATA,
    Column("token_sha256", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("began", Float, nullable=False),  # seconds since 1970
    Column("used", Float, nullable=False),
    Column("csrf", Text, nullable=False),
    Column("blinded", Integer, nullable=False),
    Column("language", Text, nullable=False),
)
TRIES = Table(
    "sign_in_try",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("who", Text, nullable=False),  # account or address, hashed
    Column("time", Float, nullable=False),
)
CLAIMS = Table(
    "claim",
    METADATA,
    Column("entry", Integer, primary_key=True),
    Column("account", Text, nullable=False),
    Column("until", Float, nullable=False),
)
ASSIGNMENTS = Table(
    "assignment",
    METADATA,
    Column("entry", Integer, primary_key=True),
    Column("account", Text, nullable=False),
    Index("assignment_account", "account"),
)
CASES = Table(
    "case",
    METADATA,
    Column("entry", Integer, primary_key=True),
    Column("key", NAME, nullable=False),  # name of the study in the log, a pseudonym
    Column("file", NAME, nullable=False),  # the last component of it
    Column("task", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("turn", Integer, nullable=False),  # 0 flagged, 1 left open, 2 cleared
    Column("unscored", Integer, nullable=False),
    Column("below", Float, nullable=False),  # minus the score: ascending is worst first
    Column("state", Text, nullable=False),
    Column("waiting", Integer, nullable=False),
    Column("drawn", Integer, nullable=False),  # clear, and chance drew it for a person
    Column("day", Text, nullable=False),
    Column("site", Text, nullable=False),
    Column("certified", Integer, nullable=False),
    Column("subject", Text, nullable=False),  # keyed hash of the patient, or the study's name in the log
    Index("case_worst", "waiting", "turn", "unscored", "below", "entry"),
    Index("case_counted", "waiting", "task", "outcome", "certified", "day", "site", "state"),
    Index("case_drawn", "drawn", "waiting"),
    Index("case_key", "key"),
    Index("case_file", "file"),
    Index("case_task", "task"),
    Index("case_site", "site"),
    Index("case_subject", "subject"),
)
ANSWERS = Table(
    "answer",
    METADATA,
    Column("review", Integer, primary_key=True),
    Column("entry", Integer, nullable=False),
    Column("account", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("blinded", Integer, nullable=False),
    Column("seconds", Float),  # since the account last opened the case; none where it did not
    Index("answer_entry", "entry"),
)
LOOKS = Table(
    "look",
    METADATA,
    Column("entry", Integer, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("time", Text, nullable=False),
)
FACTS = Table("fact", METADATA, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))
INDEX_TABLES = (CASES, ANSWERS, LOOKS, FACTS)  # what can be built again from the log


def store_path(db: Path) -> Path:
    """Path of the desk's own file beside the log."""
    return db.with_name(db.name + ".desk.db")


class Store:
    """Open desk file, for its owner alone; made where it is not there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            if not path.exists():
                private_file(path, "ab").close()
            self._engine = _engine(path)
            with self.writing() as connection:
                version = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
                if version > VERSION:
                    raise SetupError(f"{path} was written by a newer program. Update inspect-ai-vision.")
                if version < VERSION:  # what an older program derived from the log is derived again
                    METADATA.drop_all(connection, INDEX_TABLES)
                METADATA.create_all(connection)
                for index in ASSIGNMENTS.indexes:
                    index.create(connection, checkfirst=True)
                connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")
        except OSError as e:
            raise SetupError(f"{path} cannot be made ({e.strerror}). Check the folder of the log.") from e

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One state of the file. Raises SetupError where SQLite fails."""
        with self._sentences(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """The one writer's transaction. Raises as `reading`."""
        with self._sentences(), self._engine.execution_options(desk_writes=True).begin() as connection:
            yield connection

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, sqlite3.Error) as e:
            told = getattr(e, "orig", None) or e
            raise SetupError(
                f"The desk's file {self.path} cannot be used ({told}). Check the disk and try again."
            ) from e


def _engine(path: Path) -> Engine:
    uri = f"{path.absolute().as_uri()}?mode=rw"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA journal_mode = WAL")
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool, pool_size=4, max_overflow=16)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("desk_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
