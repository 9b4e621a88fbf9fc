"""Limit on requests: a token bucket for each session and each address, so that no runaway page stops all others.

A reader at full speed never meets it: forty slices a second, those ahead and a page's own files stay far below. Tries
to sign in have a limit of their own (people/sessions.py).
"""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

BUCKETS_MOST = 10_000  # then the full ones are forgotten, which changes nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Size of a bucket: requests at once, and those that come back in a second."""

    burst: float
    per_s: float


SESSION = Limit(burst=3000, per_s=300)  # two series of 1,000 slices at once
ADDRESS = Limit(burst=12_000, per_s=1200)  # of a proxy, with all readers behind it


class Buckets:
    """Token buckets by name. `clock`: seconds that never go back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._left: dict[str, tuple[float, float]] = {}  # tokens, and when they were counted

    def wait_s(self, name: str, limit: Limit) -> float:
        """Take a token; seconds until there is one, 0 where it was there."""
        now = self._clock()
        with self._lock:
            tokens, counted = self._left.get(name, (limit.burst, now))
            tokens = min(limit.burst, tokens + (now - counted) * limit.per_s)
            if tokens < 1.0:
                self._left[name] = tokens, now
                return (1.0 - tokens) / limit.per_s
            self._left[name] = tokens - 1.0, now
            if len(self._left) > BUCKETS_MOST:
                self._forget(now)
        return 0.0

    def _forget(self, now: float) -> None:
        """Forget buckets that have had the time to fill up."""
        longest = max(limit.burst / limit.per_s for limit in (SESSION, ADDRESS))
        self._left = {name: left for name, left in self._left.items() if now - left[1] < longest}


class Throttle:
    """Middleware: refuses the requests that a session or an address has no token for."""

    def __init__(self, app: ASGIApp, cookie: str, buckets: Buckets) -> None:
        self._app, self._cookie, self._buckets = app, cookie, buckets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        wait_s = self._wait_s(scope) if scope["type"] == "http" else 0.0
        if wait_s == 0.0:
            await self._app(scope, receive, send)
            return
        seconds = math.ceil(wait_s)
        refusal = PlainTextResponse(
            f"Too many requests came at once. Wait {seconds} s, then open the page again.",
            429,
            {"Retry-After": str(seconds)},
        )
        await refusal(scope, receive, send)

    def _wait_s(self, scope: Scope) -> float:
        """Seconds until the request may come. The address counts too: a made-up cookie opens no bucket beyond its."""
        client = scope.get("client")
        wait_s = self._buckets.wait_s(f"address {client[0] if client else ''}", ADDRESS)
        token = _cookie(Headers(scope=scope).get("cookie", ""), self._cookie)
        if wait_s or not token:
            return wait_s
        return self._buckets.wait_s(f"session {hashlib.sha256(token.encode()).hexdigest()}", SESSION)


def _cookie(header: str, name: str) -> str:
    """Value of a cookie; "" without it, or in a header that cannot be read."""
    try:
        found = SimpleCookie(header).get(name)
    except CookieError:
        return ""
    return "" if found is None else found.value
