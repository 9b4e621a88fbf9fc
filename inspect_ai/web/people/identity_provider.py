"""Identity provider of OpenID Connect: its endpoints, and the ID tokens that it signs (OpenID Connect Core 1.0)."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jwt
import requests

from inspect_ai.errors import InputError, SetupError

TIMEOUT_S = (5.0, 15.0)  # to connect, to wait for the next bytes
LARGEST_BYTES = 1 << 20  # of an answer of the provider
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")  # no secrets
LEEWAY_S = 60  # between the two clocks
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Identity provider and this desk's registration there. claim: of the token, the name of the desk's account.

    secret: "" for a public client. ca: certificate authority of the provider, None for those that the system trusts.
    """

    issuer: str
    client: str
    secret: str = field(default="", repr=False)
    claim: str = "preferred_username"
    ca: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Addresses in the provider's discovery document."""

    authorization: str
    token: str
    keys: str


class IdentityProvider:
    """Requests to one provider. Raises SetupError for an address that others could read on the way."""

    def __init__(self, provider: Provider) -> None:
        self.provider = _checked(provider)
        self._endpoints: Endpoints | None = None

    def token(self, code: str, back: str, verifier: str) -> str:
        """ID token for a code that it sent to `back`. Raises InputError."""
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": back, "client_id": self.provider.client,
            "code_verifier": verifier,
        }  # fmt: skip
        known = (self.provider.client, self.provider.secret) if self.provider.secret else None
        answer = self._asked("POST", self.endpoints().token, data=form, auth=known)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise InputError("The identity provider did not accept this sign-in. Sign in again.")
        return token

    def claims(self, token: str, nonce: str) -> dict[str, Any]:
        """Claims of an ID token whose signature, issuer, audience, times and nonce hold. Raises InputError."""
        try:
            header = jwt.get_unverified_header(token)
            keys = jwt.PyJWKSet.from_dict(self._asked("GET", self.endpoints().keys))
            key = _key(keys, header.get("kid"))
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                audience=self.provider.client,
                issuer=self.provider.issuer,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iat", "iss", "aud", "sub", "nonce"]},
            )
        except jwt.PyJWTError as e:
            raise InputError(
                f"The identity provider's answer does not hold ({type(e).__name__}). Sign in again."
            ) from e
        if not secrets.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
            raise InputError("The identity provider's answer is that to another sign-in. Sign in again.")
        if claims.get("azp", self.provider.client) != self.provider.client:
            raise InputError("The identity provider's answer is meant for another program. Ask an administrator.")
        return claims

    def endpoints(self) -> Endpoints:
        """Endpoints, asked for once. Raises InputError."""
        if self._endpoints is None:
            found = self._asked("GET", f"{self.provider.issuer.rstrip('/')}/.well-known/openid-configuration")
            if found.get("issuer") != self.provider.issuer:
                raise InputError("The identity provider calls itself by another address than --oidc-issuer says.")
            named = [str(found.get(name, "")) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
            if not all(_is_guarded(address) for address in named):
                raise InputError("The identity provider names addresses without TLS, or none. Ask its administrator.")
            self._endpoints = Endpoints(authorization=named[0], token=named[1], keys=named[2])
        return self._endpoints

    def _asked(self, method: str, address: str, **more: Any) -> dict[str, Any]:
        """Object that the provider answers with. Raises InputError where it cannot be reached or answers otherwise."""
        verify = True if self.provider.ca is None else str(self.provider.ca)
        try:
            with requests.request(
                method, address, timeout=TIMEOUT_S, allow_redirects=False, verify=verify, stream=True, **more
            ) as answer:
                content = answer.raw.read(LARGEST_BYTES + 1, decode_content=True)
                if len(content) > LARGEST_BYTES or answer.status_code != 200:
                    raise InputError(f"The identity provider answered with {answer.status_code}. Try again later.")
                found = json.loads(content)
        except (requests.RequestException, OSError, ValueError) as e:
            raise InputError("The identity provider cannot be reached, or its answer not be read. Try later.") from e
        if not isinstance(found, dict):
            raise InputError("The identity provider's answer cannot be read. Ask its administrator.")
        return found


def _checked(provider: Provider) -> Provider:
    """Provider that can be asked safely. Raises SetupError."""
    if not _is_guarded(provider.issuer):
        raise SetupError(f"--oidc-issuer {provider.issuer} is no address with https://, which other machines need.")
    if provider.ca is not None and not provider.ca.is_file():
        raise SetupError(f"There is no file {provider.ca}.")
    return provider


def _is_guarded(address: str) -> bool:
    """True for an address with TLS, or on this machine."""
    parts = urlsplit(address)
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK))


def _key(keys: jwt.PyJWKSet, named: object) -> jwt.PyJWK:
    """Key by its name; the only one where the token names none. Raises PyJWTError."""
    found = [key for key in keys.keys if named is None or key.key_id == named]
    if len(found) != 1:
        raise jwt.InvalidKeyError("the token names no key of the provider")
    return found[0]
