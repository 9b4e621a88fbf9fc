"""Application: the desk's pages behind one border, and errors as sentences."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from inspect_ai.errors import InspectError
from inspect_ai.web.desk import Desk
from inspect_ai.web.headers import Border
from inspect_ai.web.languages import chosen
from inspect_ai.web.pages import (
    accounts,
    answer,
    assign,
    case,
    entrance,
    log,
    performance,
    pictures,
    queue,
    single_sign_on,
)
from inspect_ai.web.throttle import Buckets, Throttle
from inspect_ai.web.visit import COOKIE, Refused, filled

STATIC = Path(__file__).parent / "static"


def create_app(desk: Desk, buckets: Buckets | None = None) -> FastAPI:
    """Make the application that serves one desk. buckets: of the limit on requests; full ones where none are given."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.desk = desk
    for page in (entrance, single_sign_on, queue, case, pictures, answer, assign, performance, log, accounts):
        app.include_router(page.router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_middleware(Throttle, cookie=COOKIE, buckets=buckets or Buckets())  # inside of the border and its headers
    app.add_middleware(Border, hosts=desk.entrance.hosts, secure=desk.entrance.secure)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(InspectError, _failed)
    app.add_exception_handler(HTTPException, _no_page)
    app.add_exception_handler(RequestValidationError, _unreadable)
    return app


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)  # noqa: S101 - by its registration
    if error.status == 401 and request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        return RedirectResponse("/sign-in", 303)
    return _said(request, error.status, error.sentence)


def _failed(request: Request, error: Exception) -> Response:
    return _said(request, 503, str(error))


def _no_page(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - by its registration
    if error.status_code == 400:
        return _unreadable(request, error)
    return _said(request, error.status_code, "There is no such page.")


def _unreadable(request: Request, error: Exception) -> Response:
    return _said(request, 422, "This request lacks something or cannot be read. Open the page again.")


def _said(request: Request, status: int, sentence: str) -> Response:
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"error": sentence}, status)
    language = chosen(request.headers.get("accept-language", ""))
    return HTMLResponse(filled("refused.html", language, {"sentence": sentence, "status": status}), status)
