"""Visit: one request of a signed-in person, with the rights it needs and the page that it gets."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import Field
from starlette.responses import HTMLResponse, Response

from inspect_ai.audit import AccessAction
from inspect_ai.text import on_page
from inspect_ai.version import __version__
from inspect_ai.web.desk import Desk
from inspect_ai.web.languages import LANGUAGES, translation
from inspect_ai.web.people.accounts import Account
from inspect_ai.web.people.roles import Right
from inspect_ai.web.people.sessions import Session, same

COOKIE = "inspect_ai_desk"
EntryNumber = Annotated[int, Field(ge=1, lt=1 << 63)]  # of an entry of the log, as SQLite counts them
CSRF_FIELD, CSRF_HEADER = "csrf", "x-csrf-token"
TEMPLATES = Path(__file__).parent / "templates"
TEXT_LIMIT = 4000
CAUTION = "Research software, not a medical device: a decision is no diagnosis and no release of a part."


class Refused(Exception):
    """Request that is not answered: a status and the sentence for the person."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Request of a signed-in person."""

    request: Request
    desk: Desk
    session: Session

    @property
    def account(self) -> Account:
        """Account of the person who asks."""
        return self.session.account

    @property
    def blinded(self) -> bool:
        """True while the machine's answer is hidden until the person has given one."""
        return self.session.blinded

    def may(self, right: Right) -> bool:
        """True if the account has the right."""
        return right in self.account.rights

    def page(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """Fill a template."""
        shown = {"visit": self, "csrf": self.session.csrf, "account": self.account.name, "Right": Right, **values}
        return HTMLResponse(filled(template, self.session.language, shown), status)


def filled(template: str, language: str, values: dict[str, Any]) -> str:
    """Page in one of the languages, every text bounded, cleaned and escaped."""
    frame = {"language": language, "languages": LANGUAGES, "caution": CAUTION, "version": __version__}
    return environment(language).get_template(template).render(frame | values)


@lru_cache
def environment(language: str) -> Environment:
    """Jinja environment of one language, with autoescape."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=partial(on_page, limit=TEXT_LIMIT),
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_translations(translation(language), newstyle=True)  # type: ignore[attr-defined]
    return made


def desk_of(request: Request) -> Desk:
    """The desk that this application serves."""
    desk = request.app.state.desk
    assert isinstance(desk, Desk)  # noqa: S101 - set where the application is made
    return desk


def session_of(request: Request) -> Session | None:
    """Session of the request's cookie; None for nobody."""
    token = request.cookies.get(COOKIE, "")
    return desk_of(request).sessions.find(token) if token else None


def looks(right: Right) -> Callable[[Request], Visit]:
    """Dependency: a visit of somebody who has the right. Others are sent to sign in, or refused and noted."""

    def visit(request: Request) -> Visit:
        return _visit(request, right)

    return visit


def moves(right: Right | None) -> Callable[..., Any]:
    """Dependency of a change: the right (None: anybody's), and proof that a page of the desk sent it."""

    async def visit(request: Request) -> Visit:
        from starlette.concurrency import run_in_threadpool

        given = request.headers.get(CSRF_HEADER, "")
        if not given:
            form = await request.form()
            given = str(form.get(CSRF_FIELD, ""))
        made = await run_in_threadpool(_visit, request, right)
        origin = request.headers.get("origin")
        if not same(given, made.session.csrf) or (origin and not _own_origin(origin, request)):
            raise Refused(403, "This request did not come from a page of the desk. Open the page again.")
        return made

    return visit


def _visit(request: Request, right: Right | None) -> Visit:
    desk, session = desk_of(request), session_of(request)
    if session is None:
        raise Refused(401, "Sign in first.")
    if right is not None and right not in session.account.rights:
        what = f"{request.method} {request.url.path}"
        desk.note(session.account.name, AccessAction.MOVE_REFUSED, f"{what} needs the right {right}")
        raise Refused(403, f"Your account may not do this: it takes the right {right}.")
    return Visit(request=request, desk=desk, session=session)


def _own_origin(origin: str, request: Request) -> bool:
    return urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower()


def given_by_proxy(request: Request) -> str:
    """Name that a trusted proxy has signed in; "" where the request comes from elsewhere."""
    entrance = desk_of(request).entrance
    if not entrance.proxy_header or request.client is None:
        return ""
    try:
        address = ipaddress.ip_address(request.client.host)
    except ValueError:
        return ""
    trusted = any(address in network for network in entrance.proxies)
    return request.headers.get(entrance.proxy_header, "") if trusted else ""


def cookie(response: Response, token: str, secure: bool) -> None:
    """Give the browser its session: not for scripts, not for other sites, over TLS alone where there is some."""
    response.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=secure, path="/")
