"""Opening of the log at a path: made if new, migrated if old, refused if foreign, newer or damaged."""

from __future__ import annotations

import getpass
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine

from inspect_ai.audit import schema
from inspect_ai.audit.connection import BUSY_S, DamagedLog, open_engine, reading, sentences, writing
from inspect_ai.audit.log import Log
from inspect_ai.errors import AuditError, UsageError
from inspect_ai.secret import make_private_folder, private_file
from inspect_ai.settings import bundled


def utc_now() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)


@contextmanager
def open_log(
    path: Path,
    *,
    operator: str = "",
    create: bool = True,
    busy_s: float = BUSY_S,
    clock: Callable[[], datetime] = utc_now,
    keep_names: bool = True,
) -> Iterator[Log]:
    """The log at `path`; made with its folder if it is not there and `create` is given, for its owner alone.

    `keep_names`: keep the names of files and folders in new entries, sealed; else their pseudonyms alone.

    An older schema is migrated, after a copy beside the log. Raises UsageError where there is no log and none may be
    made; AuditError where the file is foreign, newer than this program, damaged, locked or not writable.
    """
    existing_file(path, create=create)
    crashed = _has_journal(path)
    if create and not path.exists():
        _make_private(path)
    engine = open_engine(path, create=create, busy_s=busy_s)
    try:
        with reading(engine, path) as connection:
            version = identify(connection, path)
        if version < schema.CURRENT:
            _upgrade(engine, path)
        if crashed:
            with reading(engine, path) as connection:
                check_pages(connection, path)
        yield Log(engine, path, operator or login_name(), clock, keep_names)
    finally:
        engine.dispose()


def existing_file(path: Path, *, create: bool) -> None:
    """Make the folder, or raise UsageError (no log there) or AuditError (the path is no file)."""
    if path.is_file():
        return
    if path.exists():
        raise AuditError(f"{path} is no file, so it cannot be an audit log. Name another one with --db.")
    if not create:
        raise UsageError(f"There is no audit log at {path}. A scan makes one: `inspect-ai scan PATH --db {path}`.")
    try:
        make_private_folder(path.parent)
    except OSError as e:
        problem = f"The folder of the audit log {path} cannot be made ({e.strerror})"
        raise AuditError(f"{problem}. Name another log with --db.") from e


def identify(connection: Connection, path: Path) -> int:
    """The schema version of the file, 0 for an empty one. Raises DamagedLog if it is another program's or too new."""
    application, version, objects = (
        int(connection.exec_driver_sql(question).scalar_one())
        for question in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_schema")
    )
    if application == 0 and version == 0 and objects == 0:
        return 0
    if application != schema.APPLICATION_ID or version < 1:
        raise DamagedLog(f"{path} is another program's database, or its header was altered. Name another with --db.")
    if version > schema.CURRENT:
        raise DamagedLog(
            f"The audit log {path} has schema {version}; this program knows {schema.CURRENT}. "
            "Update inspect-ai-vision to read it, and leave the file as it is."
        )
    return version


def check_pages(connection: Connection, path: Path) -> None:
    """Let SQLite read every page. Raises DamagedLog with what it finds first."""
    found = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one())
    if found != "ok":
        raise DamagedLog(
            f"The audit log {path} is damaged ({' '.join(found.split())}). Keep the file, restore a copy, and "
            "compare both with `inspect-ai audit verify`."
        )


def login_name() -> str:
    """Name of the logged-in user, or "unknown" where the system does not say."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # ImportError: no pwd module and no variable
        return "unknown"


def _make_private(path: Path) -> None:
    """Make an empty file of mode 600, which SQLite takes for a new database; its journals have the mode of the file."""
    with suppress(OSError):  # SQLite, which opens it next, says why
        private_file(path, "ab").close()


def _has_journal(path: Path) -> bool:
    """Tell whether a journal lies beside the log: the last writer died in a transaction, or one is writing now."""
    journal = path.with_name(path.name + "-journal")
    try:
        return journal.stat().st_size > 0
    except OSError:
        return False


def _upgrade(engine: Engine, path: Path) -> None:
    """Bring an empty or older file to the current schema, all of it or nothing."""
    with writing(engine, path) as connection:
        version = identify(connection, path)  # again: another process may have been faster
        if version >= schema.CURRENT:
            return
        if version > 0:
            _copy(path, version)
        migrate(connection)
        connection.exec_driver_sql(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        connection.exec_driver_sql(f"PRAGMA user_version = {schema.CURRENT}")


def migrate(connection: Connection) -> None:
    """Run the revisions that the file lacks, in the caller's transaction. Imports Alembic, which nothing else needs."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(bundled("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _copy(path: Path, version: int) -> Path:
    """A copy of the log as it is, beside it, never over another one: inspect_ai.db.schema1.bak."""
    target = path.with_name(f"{path.name}.schema{version}.bak")
    number = 2
    while target.exists():
        target = path.with_name(f"{path.name}.schema{version}-{number}.bak")
        number += 1
    uri = f"{path.absolute().as_uri()}?mode=ro"
    _make_private(target)
    with sentences(target), closing(sqlite3.connect(uri, uri=True)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
    return target
