"""Signing in and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from inspect_ai.audit import AccessAction
from inspect_ai.web.languages import chosen
from inspect_ai.web.people.accounts import Account
from inspect_ai.web.people.sessions import same
from inspect_ai.web.visit import CSRF_FIELD, Refused, cookie, desk_of, filled, given_by_proxy, session_of

router = APIRouter()
TOO_MANY = "Too many tries. Wait five minutes, or ask an administrator."
WRONG = "No account has this name and password."


@router.get("/sign-in")
def sign_in_page(request: Request) -> Response:
    """Form for name and password; whom a trusted proxy has signed in goes on at once."""
    desk, name = desk_of(request), given_by_proxy(request)
    if name:
        account = desk.accounts.find(name)
        if account is None:
            desk.note(name[:64], AccessAction.SIGN_IN_REFUSED, "the proxy's account is none of the desk")
            raise Refused(403, "Your account at the proxy has none at this desk. Ask an administrator.")
        return _begun(request, account, "by the proxy")
    return form(request, "")


@router.post("/sign-in")
def sign_in(request: Request, name: Annotated[str, Form()] = "", password: Annotated[str, Form()] = "") -> Response:
    """Check name and password."""
    desk, address = desk_of(request), request.client.host if request.client else ""
    known = name.strip()[:64]
    if not desk.sessions.may_try(account=known, address=address):
        desk.note(known, AccessAction.SIGN_IN_REFUSED, "too many tries")
        return form(request, TOO_MANY, 429)
    account = desk.accounts.checked(known, password)
    if account is None:
        desk.note(known, AccessAction.SIGN_IN_REFUSED, "name or password is wrong")
        return form(request, WRONG, 403)
    desk.sessions.tried_well(account=known, address=address)
    return _begun(request, account, "by password")


@router.get("/start")
def start(request: Request, token: str = "") -> Response:
    """Sign in with the token that the terminal shows, once, on this machine."""
    desk = desk_of(request)
    if desk.start is None or not desk.start.take(token):
        raise Refused(403, "This link was used already, or is of another start. Start the desk again for a new one.")
    return _begun(request, desk.local_account(), "by the token of the terminal")


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """End the session."""
    from starlette.concurrency import run_in_threadpool

    form = await request.form()
    session = await run_in_threadpool(session_of, request)
    if session is not None and same(str(form.get(CSRF_FIELD, "")), session.csrf):
        desk = desk_of(request)
        await run_in_threadpool(desk.sessions.end, session)
        await run_in_threadpool(desk.note, session.account.name, AccessAction.SIGNED_OUT, "signed out")
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie("inspect_ai_desk", path="/")
    return answer


def form(request: Request, said: str, status: int = 200) -> HTMLResponse:
    """Page to sign in on; `said`: why the last try failed, or nothing."""
    language = chosen(request.headers.get("accept-language", ""))
    elsewhere = desk_of(request).entrance.single_sign_on is not None
    return HTMLResponse(filled("sign_in.html", language, {"said": said, "elsewhere": elsewhere}), status)


def session_for(request: Request, account: Account, how: str) -> str:
    """Begin a session, an entry of the log; returns its token for the browser."""
    desk = desk_of(request)
    token = desk.sessions.begin(account, chosen(request.headers.get("accept-language", "")))
    desk.note(account.name, AccessAction.SIGNED_IN, f"signed in {how}")
    return token


def _begun(request: Request, account: Account, how: str) -> Response:
    answer = RedirectResponse("/", 303)
    cookie(answer, session_for(request, account, how), desk_of(request).entrance.secure)
    return answer
