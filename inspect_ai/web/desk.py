"""The desk: what its pages work on, opened together and closed together."""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from inspect_ai.audit import Access, AccessAction, Log, login_name, open_log
from inspect_ai.inspection.pictures.image_store import ImageStore
from inspect_ai.settings import Settings
from inspect_ai.web.cases.claims import Claims
from inspect_ai.web.cases.index import CaseIndex
from inspect_ai.web.cases.pixels import StudyPixels
from inspect_ai.web.people.accounts import Account, Accounts
from inspect_ai.web.people.roles import Role
from inspect_ai.web.people.sessions import Sessions
from inspect_ai.web.people.single_sign_on import SingleSignOn
from inspect_ai.web.store import Store, store_path

Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """Ways in. hosts: names that a request may be addressed to. secure: cookies over TLS alone.

    proxy_header: header with the name that a proxy in `proxies` has signed in; "" where none is trusted.
    single_sign_on: at an identity provider; None where there is none.
    """

    hosts: tuple[str, ...]
    secure: bool = False
    proxy_header: str = ""
    proxies: Networks = ()
    single_sign_on: SingleSignOn | None = None


class StartToken:
    """Token that signs one browser in, once, on this machine alone."""

    def __init__(self) -> None:
        self.text = secrets.token_urlsafe(24)
        self._used = False

    def take(self, given: str) -> bool:
        """True for the token, the first time."""
        if self._used or not secrets.compare_digest(given.encode("utf-8", "surrogatepass"), self.text.encode()):
            return False
        self._used = True
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Open desk. start: None where everybody needs an account."""

    log: Log
    store: Store
    accounts: Accounts
    sessions: Sessions
    index: CaseIndex
    claims: Claims
    pixels: StudyPixels
    pictures: ImageStore
    settings: Settings
    entrance: Entrance
    start: StartToken | None = field(default=None, repr=False)

    def local_account(self) -> Account:
        """Account of whoever started the desk on this machine; made when first asked for, without a password."""
        name = login_name()
        return self.accounts.find(name) or self.accounts.add(name, "", [Role.LEAD, Role.ADMINISTRATOR])

    def note(self, account: str, action: AccessAction, statement: str, entry_id: int | None = None) -> None:
        """Write a step of an account into the log."""
        self.log.append([Access(account=account, action=action, statement=statement, entry_id=entry_id)])

    def note_each(self, account: str, action: AccessAction, statement: str, entry_ids: Sequence[int]) -> None:
        """Write the same step of an account at each of these cases into the log, all or none."""
        self.log.append(
            [Access(account=account, action=action, statement=statement, entry_id=each) for each in entry_ids]
        )


@contextmanager
def open_desk(
    settings: Settings,
    *,
    entrance: Entrance,
    roots: Sequence[Path] = (),
    start: StartToken | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Iterator[Desk]:
    """Open the log, the desk's file beside it, and the index. `progress`: entries read. Raises as `open_log`."""
    with open_log(settings.db, operator=settings.operator, create=False, keep_names=settings.keep_names) as log:
        store = Store(store_path(settings.db))
        try:
            accounts = Accounts(store)
            index = CaseIndex(log, store, settings.audit_rate)
            index.update(progress)
            with StudyPixels(log, roots, settings) as pixels:
                yield Desk(
                    log=log,
                    store=store,
                    accounts=accounts,
                    sessions=Sessions(store, accounts),
                    index=index,
                    claims=Claims(store),
                    pixels=pixels,
                    pictures=ImageStore(settings.out),
                    settings=settings,
                    entrance=entrance,
                    start=start,
                )
        finally:
            store.close()
