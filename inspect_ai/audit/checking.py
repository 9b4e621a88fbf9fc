"""Verification: walk the chain and name the first entry that is altered, missing, reordered or foreign.

A chain alone does not show a tail that was cut off or a log rewritten from some entry on. Heads that were kept
elsewhere show these (heads.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, select

from inspect_ai.audit import schema
from inspect_ai.audit.chain import ORIGIN, Head, link
from inspect_ai.audit.connection import DamagedLog, open_engine, reading
from inspect_ai.audit.heads import SUFFIX, Witnesses, heads_in_file, log_name, witnesses
from inspect_ai.audit.log import PAGE, TABLE, clock_back_us
from inspect_ai.audit.opening import check_pages, existing_file, identify
from inspect_ai.audit.records import Columns, columns
from inspect_ai.canonical import canonical
from inspect_ai.errors import AuditError


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Result of a verification. `rows` and `head`: the sound entries from the first on; `fault`: None if all are sound.

    `statement` says what it was checked against, and what such a check cannot find; `heads`: how many heads that were
    kept elsewhere it was checked against, `covered`: entries that the longest of them covers, `signers`: public keys of
    those that are signed. `remarks` are no faults: entries at which the clock went back.
    """

    ok: bool
    rows: int
    head: str
    fault: str | None
    statement: str = ""
    heads: int = 0
    covered: int = 0
    signers: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def verify(path: Path, *, anchor: Path | None = None, heads: Path | None = None, public_key: str = "") -> Verification:
    """Check every page, table, trigger, entry and column of the log, and the heads of it that were kept elsewhere.

    anchor: a file with heads; heads: the folder where heads are kept; public_key: count those heads of it alone that
    this key signed. A damaged or foreign file is a fault too. Raises UsageError where there is no log, no head in
    `anchor` or heads that contradict each other, AuditError where the file cannot be read for reasons that say nothing
    about the log (locked, permissions, a failing disk).
    """
    existing_file(path, create=False)
    if anchor is not None:
        heads_in_file(anchor)
    engine = open_engine(path, create=False)
    walk = _Walk()
    try:
        with reading(engine, path) as connection:
            _check_file(connection, path)
        found = witnesses(path, log_name(_first_hash(engine, path)), anchor=anchor, folder=heads, public_key=public_key)
        walk.found = found
        known = found.by_rows()
        _check_place(found, path)
        for row in _rows(engine, path):
            walk.step(row, engine, path)
            _check_head(walk.head, known, found.origin)
        _check_length(walk.head, known, found.origin)
    except DamagedLog as e:
        return walk.verification(fault=str(e))
    finally:
        engine.dispose()
    return walk.verification(fault=None)


def _check_file(connection: Connection, path: Path) -> None:
    version = identify(connection, path)
    if version == 0:
        raise DamagedLog(f"{path} is empty: it holds no audit log.")
    if version < schema.CURRENT:
        raise AuditError(
            f"The audit log {path} has schema {version}, older than this program's {schema.CURRENT}. "
            f"`inspect-ai audit list --db {path}` brings it up to date, after a copy; then verify again."
        )
    check_pages(connection, path)
    _check_schema(connection, path)


def _check_schema(connection: Connection, path: Path) -> None:
    """Check that tables, indexes and triggers have the text with which they were made, and that there are no others."""
    found = _objects(connection)
    expected = _expected()
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            raise DamagedLog(f"The audit log {path} lacks its {expected[name][0]} {name!r}: somebody removed it.")
        if found[name] != expected.get(name):
            raise DamagedLog(f"The audit log {path} has a {found[name][0]} {name!r} that this program did not make so.")
    revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all()
    if revision != [f"{schema.CURRENT:04}"]:
        raise DamagedLog(f"The audit log {path} names {revision} as its schema's revision, not {schema.CURRENT:04}.")


def _objects(connection: Connection) -> dict[str, tuple[str, str, str | None]]:
    rows = connection.exec_driver_sql("SELECT name, type, tbl_name, sql FROM sqlite_schema")
    return {row[0]: (row[1], row[2], row[3]) for row in rows if row[2] != "alembic_version"}


def _expected() -> dict[str, tuple[str, str, str | None]]:
    engine = create_engine("sqlite://")
    try:
        with engine.connect() as connection:
            for statement in schema.STATEMENTS:
                connection.exec_driver_sql(statement)
            return _objects(connection)
    finally:
        engine.dispose()


def _rows(engine: Engine, path: Path) -> Iterator[Any]:
    """Read all rows by number, one page per transaction, so that appending goes on meanwhile."""
    last = None
    while True:
        query = select(TABLE).order_by(TABLE.c.seq).limit(PAGE)
        with reading(engine, path) as connection:
            found = connection.execute(query if last is None else query.where(TABLE.c.seq > last)).all()
        yield from found
        if not found:
            return
        last = found[-1].seq


class _Walk:
    """Walk along the chain, as far as it is sound."""

    def __init__(self) -> None:
        self.head = Head(rows=0, hash=ORIGIN)
        self.time = ""
        self.remarks: list[str] = []
        self.found = Witnesses()

    def verification(self, *, fault: str | None) -> Verification:
        """Result up to the current row."""
        head, kept = self.head, self.found.heads
        return Verification(
            ok=fault is None,
            rows=head.rows,
            head=head.hash,
            fault=fault,
            statement=self.found.statement(head),
            heads=len(kept),
            covered=max((known.rows for known in kept), default=0),
            signers=tuple(sorted({known.key for known in kept if known.signature})),
            remarks=tuple(self.remarks),
        )

    def step(self, row: Any, engine: Engine, path: Path) -> None:
        """Take the next row. Raises DamagedLog that names the entry if it is not the one that was written there."""
        seq = self.head.rows + 1
        if row.seq != seq:
            raise DamagedLog(f"Entry {seq} is missing from {path}: entry {row.seq} comes after {self.head.rows}.")
        plain = _parsed(row, path)
        if row.previous != self.head.hash:
            raise DamagedLog(self._out_of_order(row, plain, engine, path))
        if plain.get("seq") != seq:
            raise DamagedLog(f"Entry {seq} of {path} was altered: it calls itself entry {plain.get('seq')}.")
        self._check_columns(row, plain, path)
        self._check_time(row, plain, path)
        self.head = Head(rows=seq, hash=row.hash)

    def _out_of_order(self, row: Any, plain: dict[str, Any], engine: Engine, path: Path) -> str:
        """Sentence on a row that is sound in itself but does not follow the one before."""
        seq = row.seq
        query = select(TABLE.c.seq).where(TABLE.c.previous == self.head.hash).limit(1)
        with reading(engine, path) as connection:
            elsewhere = connection.execute(query).scalar_one_or_none()
        if elsewhere is not None:
            return f"Entries of {path} were reordered: what was written as entry {seq} stands at {elsewhere}."
        if plain.get("seq") != seq:
            return f"Entry {seq} is missing from {path}: its place holds what was written as {plain.get('seq')}."
        return (
            f"Entry {seq} of {path} is foreign: it does not follow entry {seq - 1}. It comes from another log, or "
            f"entry {seq - 1} was rewritten together with its hash."
        )

    def _check_columns(self, row: Any, plain: dict[str, Any], path: Path) -> None:
        try:
            expected = columns(plain)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as e:
            raise DamagedLog(f"Entry {row.seq} of {path} was altered: this program wrote no such content ({e}).") from e
        _compare(row, expected, path)

    def _check_time(self, row: Any, plain: dict[str, Any], path: Path) -> None:
        try:
            back_us = clock_back_us(self.time, row.time) if self.time else 0
        except ValueError as e:
            raise DamagedLog(f"Entry {row.seq} of {path} was altered: {row.time!r} is no time.") from e
        if plain.get("clock_back_us", 0) != back_us:
            raise DamagedLog(f"Entry {row.seq} of {path} was altered: its note on the clock does not fit its time.")
        if back_us:
            self.remarks.append(f"The clock went back by {back_us / 1e6:.6f} s at entry {row.seq}.")
        self.time = row.time


def _parsed(row: Any, path: Path) -> dict[str, Any]:
    """The document of a row whose hash fits. Raises DamagedLog otherwise."""
    altered = f"Entry {row.seq} of {path} was altered: "
    texts = (row.document, row.previous, row.hash)
    if not all(isinstance(text, str) for text in texts):
        raise DamagedLog(f"{altered}document and hashes are not text.")
    try:
        fits = link(row.previous, row.document) == row.hash
    except UnicodeEncodeError as e:
        raise DamagedLog(f"{altered}its document is no UTF-8.") from e
    except ValueError as e:
        raise DamagedLog(f"{altered}it holds no hash of the entry before.") from e
    if not fits:
        raise DamagedLog(f"{altered}its content does not fit its hash.")
    try:
        plain = json.loads(row.document)
        if isinstance(plain, dict) and canonical(plain) == row.document:
            return plain
    except (ValueError, RecursionError):
        pass  # the same answer as for another spelling
    raise DamagedLog(f"{altered}its document is not canonical JSON.")


def _compare(row: Any, expected: Columns, path: Path) -> None:
    """Check that the columns are those that follow from the document."""
    for name, value in asdict(expected).items():
        stored = getattr(row, name)
        if stored != value:
            raise DamagedLog(f"Entry {row.seq} of {path} was altered: its column {name!r} and its document differ.")


def _check_head(head: Head, heads: dict[int, str], origin: str) -> None:
    if heads.get(head.rows, head.hash) != head.hash:
        raise DamagedLog(
            f"Entry {head.rows} is not the one that a head of {origin} names: the log was rewritten there or before."
        )


def _check_length(head: Head, heads: dict[int, str], origin: str) -> None:
    longest = max(heads, default=0)
    if longest > head.rows:
        raise DamagedLog(
            f"Entry {head.rows + 1} is missing: the log ends before it, a head of {origin} knows {longest}. "
            "Its end was cut."
        )


def _check_place(found: Witnesses, path: Path) -> None:
    """Check that no other log lay where this one lies: a log rewritten from its first entry on looks like another."""
    if found.foreign:
        other = max(found.foreign, key=lambda head: head.rows)
        when = f" at {other.time}" if other.time else ""
        raise DamagedLog(
            f"{found.origin} holds heads of a log in the place of {path} that began with another entry ({other.rows} "
            f"entries{when}): it was rewritten from its first entry on, or replaced. If it was put aside on purpose, "
            f"take its heads ({other.log}{SUFFIX}) out of that folder."
        )


def _first_hash(engine: Engine, path: Path) -> str:
    with reading(engine, path) as connection:
        return connection.execute(select(TABLE.c.hash).order_by(TABLE.c.seq).limit(1)).scalar_one_or_none() or ""
