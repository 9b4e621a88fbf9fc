"""Accounts of the desk: names, roles, and passwords as argon2id (RFC 9106), never in clear and never by default."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Row, insert, select, update

from inspect_ai.errors import UsageError
from inspect_ai.web.people.roles import Right, Role, rights_of, roles_from
from inspect_ai.web.store import ACCOUNTS, SESSIONS, Store

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
LEAST_LENGTH = 12  # NIST SP 800-63B asks for 8 at least, 15 where it stands alone
MOST_LENGTH = 256  # longer ones cost the hash time and protect nothing more
_HASHER = PasswordHasher()  # RFC 9106, second recommended option
_NOBODY = _HASHER.hash("no account has this password")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Account as pages see it."""

    name: str
    roles: frozenset[Role]
    active: bool

    @property
    def rights(self) -> frozenset[Right]:
        """Rights of all its roles."""
        return rights_of(self.roles)


class Accounts:
    """Accounts in the desk's file."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> list[Account]:
        """Every account, by name."""
        with self._store.reading() as connection:
            return [_account(row) for row in connection.execute(select(ACCOUNTS).order_by(ACCOUNTS.c.name))]

    def find(self, name: str) -> Account | None:
        """Active account of that name; None where there is none."""
        with self._store.reading() as connection:
            row = connection.execute(select(ACCOUNTS).where(ACCOUNTS.c.name == name)).first()
        return _account(row) if row is not None and row.active else None

    def add(self, name: str, password: str, roles: Iterable[str]) -> Account:
        """Make an account. password: "" for one that signs in elsewhere alone.

        Raises UsageError for a name that is taken or is none, a short password, or unknown roles.
        """
        if not NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} is no account name: 1 to 64 of A-Z a-z 0-9 . _ @ -, beginning with one of A-Z a-z 0-9."
            )
        known = roles_from(roles)
        if not known:
            raise UsageError(f"An account needs a role: {', '.join(Role)}.")
        row = {
            "name": name,
            "roles": " ".join(sorted(known)),
            "password": _hashed(password) if password else "",
            "active": 1,
        }
        with self._store.writing() as connection:
            if connection.execute(select(ACCOUNTS.c.name).where(ACCOUNTS.c.name == name)).first():
                raise UsageError(f"There is an account {name} already.")
            connection.execute(insert(ACCOUNTS), row)
        return Account(name=name, roles=known, active=True)

    def change(
        self, name: str, *, password: str | None = None, roles: Iterable[str] | None = None, active: bool | None = None
    ) -> None:
        """Change what is given, and end the account's sessions. Raises UsageError as `add`, and for an unknown name."""
        values: dict[str, object] = {}
        if password is not None:
            values["password"] = _hashed(password)
        if roles is not None:
            known = roles_from(roles)
            if not known:
                raise UsageError(f"An account needs a role: {', '.join(Role)}.")
            values["roles"] = " ".join(sorted(known))
        if active is not None:
            values["active"] = int(active)
        with self._store.writing() as connection:
            if not connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.name == name).values(**values)).rowcount:
                raise UsageError(f"There is no account {name}.")
            connection.execute(SESSIONS.delete().where(SESSIONS.c.account == name))

    def checked(self, name: str, password: str) -> Account | None:
        """Active account whose password this is; None otherwise, after the same time."""
        with self._store.reading() as connection:
            row = connection.execute(select(ACCOUNTS).where(ACCOUNTS.c.name == name)).first()
        stored = row.password if row is not None and row.active and row.password else _NOBODY
        try:
            _HASHER.verify(stored, password[:MOST_LENGTH])
        except (VerificationError, InvalidHashError):
            return None
        if row is None or stored == _NOBODY:
            return None
        if _HASHER.check_needs_rehash(stored):
            with self._store.writing() as connection:
                again = update(ACCOUNTS).where(ACCOUNTS.c.name == name).values(password=_hashed(password))
                connection.execute(again)
        return _account(row)


def _hashed(password: str) -> str:
    if not LEAST_LENGTH <= len(password) <= MOST_LENGTH:
        raise UsageError(f"A password has {LEAST_LENGTH} to {MOST_LENGTH} characters; this one has {len(password)}.")
    return _HASHER.hash(password)


def _account(row: Row[tuple[object, ...]]) -> Account:
    values = row._mapping
    return Account(
        name=str(values["name"]), roles=roles_from(str(values["roles"]).split()), active=bool(values["active"])
    )
