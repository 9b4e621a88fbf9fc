"""Single sign-on by OpenID Connect: authorization code flow with PKCE (OpenID Connect Core 1.0, RFC 7636, RFC 9700).

The provider says who somebody is, and nothing else: what they may do stands in the desk's own accounts. A handshake is
kept for the one browser that began it, is used once, and is forgotten after ten minutes.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from inspect_ai.errors import InputError
from inspect_ai.web.people.identity_provider import IdentityProvider, Provider

KEPT_S, KEPT_MOST = 600.0, 1000  # handshakes that are not finished


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """Sign-in that was begun: what the answer must fit. browser_sha256: of the cookie of the browser that began it."""

    nonce: str
    verifier: str
    back: str
    browser_sha256: str
    began: float


class SingleSignOn:
    """Sign-ins at one provider. `clock`: seconds, for the age of handshakes."""

    def __init__(self, provider: Provider, clock: Callable[[], float] = time.monotonic) -> None:
        self._there = IdentityProvider(provider)
        self._clock = clock
        self._lock = threading.Lock()
        self._begun: OrderedDict[str, Handshake] = OrderedDict()

    def begin(self, back: str) -> tuple[str, str]:
        """Begin for one browser; returns the address to send it to, and the cookie that binds the answer to it.

        back: address of the desk that the provider sends the browser to. Raises InputError where the provider cannot
        be reached.
        """
        endpoints = self._there.endpoints()
        state, nonce, verifier, browser = (secrets.token_urlsafe(32) for _ in range(4))
        made = Handshake(
            nonce=nonce, verifier=verifier, back=back, browser_sha256=_sha256(browser), began=self._clock()
        )
        with self._lock:
            self._begun[state] = made
            while len(self._begun) > KEPT_MOST:
                self._begun.popitem(last=False)
        asked = {
            "response_type": "code", "client_id": self._there.provider.client, "redirect_uri": back,
            "scope": "openid profile", "state": state, "nonce": nonce,
            "code_challenge": _challenge(verifier), "code_challenge_method": "S256",
        }  # fmt: skip
        joint = "&" if urlsplit(endpoints.authorization).query else "?"
        return f"{endpoints.authorization}{joint}{urlencode(asked)}", browser

    def finish(self, state: str, code: str, browser: str) -> str:
        """Name of the account that the provider vouches for. Raises InputError with the sentence for the person."""
        with self._lock:
            begun = self._begun.pop(state, None)
        if begun is None or self._clock() - begun.began > KEPT_S or _sha256(browser) != begun.browser_sha256:
            raise InputError("This sign-in was not begun in this browser, or too long ago. Sign in again.")
        claim = self._there.provider.claim
        name = self._there.claims(self._there.token(code, begun.back, begun.verifier), begun.nonce).get(claim)
        if not isinstance(name, str) or not name.strip():
            raise InputError(f"The identity provider sent no {claim}. Ask an administrator (--oidc-claim).")
        return name.strip()


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
