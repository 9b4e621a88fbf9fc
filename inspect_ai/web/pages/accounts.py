"""Accounts and one's own preferences."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import RedirectResponse, Response

from inspect_ai.audit import AccessAction
from inspect_ai.errors import UsageError
from inspect_ai.web.languages import LANGUAGES
from inspect_ai.web.people.roles import Right, Role
from inspect_ai.web.visit import Refused, Visit, looks, moves

router = APIRouter()
Administering = Annotated[Visit, Depends(looks(Right.ACCOUNTS))]
Changing = Annotated[Visit, Depends(moves(Right.ACCOUNTS))]
Anybody = Annotated[Visit, Depends(moves(None))]
CHANGES = ("roles", "password", "stop", "start")


@router.get("/accounts")
def accounts(visit: Administering) -> Response:
    """Everybody who may sign in."""
    return visit.page("accounts.html", here="accounts", accounts=visit.desk.accounts.all(), roles=list(Role))


@router.post("/accounts")
def add(
    visit: Changing,
    name: Annotated[str, Form()],
    password: Annotated[str, Form()] = "",
    roles: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Make an account; without a password, for people whom a proxy signs in."""
    try:
        visit.desk.accounts.add(name.strip(), password, roles or [])
    except UsageError as e:
        raise Refused(422, str(e)) from e
    _note(visit, f"made the account {name.strip()} ({', '.join(roles or [])})")
    return RedirectResponse("/accounts", 303)


@router.post("/accounts/{name}")
def change(
    visit: Changing,
    name: str,
    what: Annotated[str, Form()],
    password: Annotated[str, Form()] = "",
    roles: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Change roles or password, or stop or start an account; its sessions end."""
    if what not in CHANGES:
        raise Refused(422, "There is no such change.")
    if name == visit.account.name and what != "password":
        raise Refused(409, "Nobody changes the roles of their own account. Ask another administrator.")
    try:
        visit.desk.accounts.change(
            name,
            password=password if what == "password" else None,
            roles=(roles or []) if what == "roles" else None,
            active={"stop": False, "start": True}.get(what),
        )
    except UsageError as e:
        raise Refused(422, str(e)) from e
    _note(visit, f"changed {what} of the account {name}" + (f" to {', '.join(roles or [])}" if what == "roles" else ""))
    return RedirectResponse("/accounts", 303)


@router.post("/preferences")
def preferences(
    request: Request,
    visit: Anybody,
    language: Annotated[str, Form()] = "",
    blinded: Annotated[str, Form()] = "",
    back: Annotated[str, Form()] = "/",
) -> Response:
    """Language, and whether the machine's answer is hidden at first."""
    if language in LANGUAGES:
        visit.desk.sessions.set_language(visit.session, language)
    if blinded in ("yes", "no"):
        visit.desk.sessions.set_blinded(visit.session, blinded == "yes")
    return RedirectResponse(back if back.startswith("/") and not back.startswith("//") else "/", 303)


def _note(visit: Visit, statement: str) -> None:
    visit.desk.note(visit.account.name, AccessAction.ACCOUNT_CHANGED, statement)
