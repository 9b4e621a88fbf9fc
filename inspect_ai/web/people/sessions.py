"""Sessions of signed-in people, and the limit on tries to sign in.

The browser holds a random token, the file its SHA-256 alone: who reads the file cannot sign in with it. Each session
has a token of its own against forged requests (OWASP, synchronizer token pattern).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import func, insert, or_, select, update

from inspect_ai.web.people.accounts import Account, Accounts
from inspect_ai.web.store import SESSIONS, TRIES, Store

IDLE_S = 30 * 60.0
LONGEST_S = 12 * 3600.0
USED_EVERY_S = 30.0  # the time of use is written no more often
TRIES_S = 300.0
TRIES_MOST = {"account": 8, "address": 40}  # a clinic that starts its day may stand behind one address


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Session of an account."""

    account: Account
    csrf: str
    blinded: bool
    language: str
    token_sha256: str


class Sessions:
    """Sessions in the desk's file. `clock`: seconds since 1970."""

    def __init__(self, store: Store, accounts: Accounts, clock: Callable[[], float] = time.time) -> None:
        self._store, self._accounts, self._clock = store, accounts, clock

    def begin(self, account: Account, language: str) -> str:
        """Start a session; returns the token for the browser."""
        token, now = secrets.token_urlsafe(32), self._clock()
        row = {
            "token_sha256": _digest(token), "account": account.name, "began": now, "used": now,
            "csrf": secrets.token_urlsafe(32), "blinded": 0, "language": language,
        }  # fmt: skip
        with self._store.writing() as connection:
            ended = or_(SESSIONS.c.used < now - IDLE_S, SESSIONS.c.began < now - LONGEST_S)
            connection.execute(SESSIONS.delete().where(ended))
            connection.execute(insert(SESSIONS), row)
        return token

    def find(self, token: str) -> Session | None:
        """Session of a token that is still running and whose account is active; None otherwise."""
        digest, now = _digest(token), self._clock()
        with self._store.reading() as connection:
            row = connection.execute(select(SESSIONS).where(SESSIONS.c.token_sha256 == digest)).first()
        if row is None or now - row.used > IDLE_S or now - row.began > LONGEST_S:
            return None
        account = self._accounts.find(row.account)
        if account is None:
            return None
        if now - row.used > USED_EVERY_S:
            self._set(digest, used=now)
        return Session(
            account=account, csrf=row.csrf, blinded=bool(row.blinded), language=row.language, token_sha256=digest
        )

    def end(self, session: Session) -> None:
        """End a session: its token is worth nothing from now on."""
        with self._store.writing() as connection:
            connection.execute(SESSIONS.delete().where(SESSIONS.c.token_sha256 == session.token_sha256))

    def set_blinded(self, session: Session, blinded: bool) -> None:
        """Hide the machine's answer until the person has given one, or show it."""
        self._set(session.token_sha256, blinded=int(blinded))

    def set_language(self, session: Session, language: str) -> None:
        """Language of the pages."""
        self._set(session.token_sha256, language=language)

    def may_try(self, **whos: str) -> bool:
        """True if neither the account nor the address had too many tries lately; counts one more for each."""
        now = self._clock()
        with self._store.writing() as connection:
            connection.execute(TRIES.delete().where(TRIES.c.time < now - TRIES_S))
            counted = select(func.count()).select_from(TRIES)
            allowed = True
            for kind, who in _named(whos).items():
                tries = connection.execute(counted.where(TRIES.c.who == who)).scalar_one()
                allowed = allowed and tries < TRIES_MOST[kind]
                connection.execute(insert(TRIES), {"who": who, "time": now})
        return allowed

    def tried_well(self, **whos: str) -> None:
        """Forget the tries of somebody who signed in."""
        with self._store.writing() as connection:
            connection.execute(TRIES.delete().where(TRIES.c.who.in_(_named(whos).values())))

    def _set(self, digest: str, **values: object) -> None:
        with self._store.writing() as connection:
            connection.execute(update(SESSIONS).where(SESSIONS.c.token_sha256 == digest).values(**values))


def _named(whos: dict[str, str]) -> dict[str, str]:
    """Names under which tries are counted, by their kind, a key of TRIES_MOST."""
    return {kind: _digest(f"{kind} {who}") for kind, who in whos.items()}


def same(given: str, expected: str) -> bool:
    """Compare two tokens in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
