"""Claims on cases, so that two readers never answer the same one unknowingly, and assignments by a lead.

A claim lasts as long as its reader looks: pages renew it. The log itself refuses the second of two answers in any case.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.sqlite import insert as insert_or

from inspect_ai.web.store import ASSIGNMENTS, CLAIMS, Store

LASTS_S = 120.0


class Claims:
    """Claims and assignments in the desk's file. `clock`: seconds since 1970."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store, self._clock = store, clock

    def take(self, entry: int, account: str) -> str:
        """Claim a case or renew the claim; returns the account that holds it now."""
        now = self._clock()
        with self._store.writing() as connection:
            connection.execute(CLAIMS.delete().where(CLAIMS.c.until < now))
            holder = connection.execute(select(CLAIMS.c.account).where(CLAIMS.c.entry == entry)).scalar()
            if holder is not None and holder != account:
                return str(holder)
            row = {"entry": entry, "account": account, "until": now + LASTS_S}
            made = insert_or(CLAIMS).values(row)
            connection.execute(made.on_conflict_do_update(index_elements=["entry"], set_={"until": now + LASTS_S}))
        return account

    def release(self, entry: int, account: str) -> None:
        """Give a claim up."""
        with self._store.writing() as connection:
            connection.execute(CLAIMS.delete().where(CLAIMS.c.entry == entry, CLAIMS.c.account == account))

    def held(self) -> dict[int, str]:
        """Account that holds each claimed case now."""
        with self._store.reading() as connection:
            rows = connection.execute(select(CLAIMS.c.entry, CLAIMS.c.account).where(CLAIMS.c.until >= self._clock()))
            return {entry: account for entry, account in rows}

    def assign(self, entries: Iterable[int], account: str) -> None:
        """Give cases to an account; to nobody with ""."""
        rows = [{"entry": entry, "account": account} for entry in entries]
        if not rows:
            return
        with self._store.writing() as connection:
            connection.execute(ASSIGNMENTS.delete().where(ASSIGNMENTS.c.entry == bindparam("entry")), rows)
            if account:
                connection.execute(insert_or(ASSIGNMENTS), rows)
