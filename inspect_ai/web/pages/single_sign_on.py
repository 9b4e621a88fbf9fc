"""Signing in at the identity provider, and back."""

from __future__ import annotations

from urllib.parse import urlunsplit

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from inspect_ai.audit import AccessAction
from inspect_ai.errors import InputError
from inspect_ai.web.languages import chosen
from inspect_ai.web.pages.entrance import TOO_MANY, form, session_for
from inspect_ai.web.people.single_sign_on import KEPT_S, SingleSignOn
from inspect_ai.web.visit import Refused, cookie, desk_of, filled

router = APIRouter()
COOKIE, BACK = "inspect_ai_sign_in", "/sign-in/back"


@router.get("/sign-in/elsewhere")
def elsewhere(request: Request) -> Response:
    """Send the browser to the identity provider."""
    desk = desk_of(request)
    there = _there(request)
    try:
        address, browser = there.begin(_back(request))
    except InputError as e:
        desk.note("", AccessAction.SIGN_IN_REFUSED, str(e))
        return form(request, str(e), 503)
    answer = RedirectResponse(address, 303)
    # "lax": the provider sends the browser back from another site, and "strict" would keep this cookie from coming.
    answer.set_cookie(
        COOKIE, browser, max_age=int(KEPT_S), httponly=True, samesite="lax", secure=desk.entrance.secure, path=BACK
    )
    return answer


@router.get(BACK)
def back(request: Request, state: str = "", code: str = "", error: str = "") -> Response:
    """Sign in the desk's account of whom the provider vouches for."""
    desk, address = desk_of(request), request.client.host if request.client else ""
    if not desk.sessions.may_try(address=address):
        desk.note("", AccessAction.SIGN_IN_REFUSED, "too many tries")
        return form(request, TOO_MANY, 429)
    there = _there(request)
    try:
        name = there.finish(state, code, request.cookies.get(COOKIE, ""))
    except InputError as e:
        desk.note("", AccessAction.SIGN_IN_REFUSED, str(e))
        return form(request, str(e), 403)
    account = desk.accounts.find(name)
    if account is None:
        desk.note(name[:64], AccessAction.SIGN_IN_REFUSED, "the provider's account is none of the desk")
        raise Refused(403, "Your account at the identity provider has none at this desk. Ask an administrator.")
    desk.sessions.tried_well(address=address)
    # A page, not a redirect: after one the browser still counts the provider as the origin, and keeps the cookie back.
    answer = HTMLResponse(filled("signed_in.html", chosen(request.headers.get("accept-language", "")), {}))
    cookie(answer, session_for(request, account, "by the identity provider"), desk.entrance.secure)
    answer.delete_cookie(COOKIE, path=BACK)
    return answer


def _there(request: Request) -> SingleSignOn:
    there = desk_of(request).entrance.single_sign_on
    if there is None:
        raise Refused(404, "There is no such page.")
    return there


def _back(request: Request) -> str:
    scheme = "https" if desk_of(request).entrance.secure else "http"
    return urlunsplit((scheme, request.headers.get("host", ""), BACK, "", ""))
