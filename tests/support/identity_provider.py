"""Identity provider of OpenID Connect on loopback, over real HTTP, that may be told to answer wrongly."""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CLIENT, SECRET = "desk", "a secret of the client"


@dataclass
class MadeProvider:
    """Signs in whoever `name` says. claims: laid over those of the token."""

    issuer: str = ""
    name: str = "anna"
    claims: dict[str, Any] = field(default_factory=dict)
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    signs_with: Any = None  # another key
    forges: str | None = None  # an algorithm that takes no private key
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    is_away: bool = False

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        }

    def keys(self) -> dict[str, Any]:
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [public | {"kid": "1", "use": "sig", "alg": "RS256"}]}

    def sent_back(self, asked: dict[str, str]) -> str:
        """Address that the browser is sent back to, once the person has signed in."""
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, form: dict[str, str], authorization: str) -> dict[str, str] | None:
        """Answer to a code: once, to the client whose verifier fits the challenge."""
        asked = self.codes.pop(form.get("code", ""), None)
        challenge = _encoded(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        known = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if asked is None or authorization != known or asked["code_challenge"] != challenge:
            return None
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": CLIENT, "sub": "1", "iat": now, "exp": now + 60, "nonce": asked["nonce"],
            "preferred_username": self.name, **self.claims,
        }  # fmt: skip
        signed = (
            jwt.encode(claims, self.signs_with or self.key, "RS256", {"kid": "1"})
            if self.forges is None
            else forged(claims, self.forges, hmac_key(self.key))
        )
        return {"id_token": signed, "access_token": "none", "token_type": "Bearer"}


def hmac_key(key: rsa.RSAPrivateKey) -> bytes:
    """The public key as a text, which anybody has."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def forged(claims: dict[str, Any], algorithm: str, secret: bytes) -> str:
    """Token without a signature ("none"), or with one by a key that is no secret ("HS256")."""
    parts = [json.dumps({"alg": algorithm, "kid": "1", "typ": "JWT"}), json.dumps(claims)]
    signed = ".".join(_encoded(part.encode()) for part in parts)
    mac = hmac.new(secret, signed.encode(), hashlib.sha256).digest() if algorithm == "HS256" else b""
    return f"{signed}.{_encoded(mac)}"


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@contextmanager
def made_provider() -> Iterator[MadeProvider]:
    """A provider that answers until the block ends."""
    made = MadeProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, asked = urlsplit(self.path).path, _flat(urlsplit(self.path).query)
            if path == "/authorize":
                self.send_response(302)
                self.send_header("Location", made.sent_back(asked))
                self.end_headers()
                return
            self._json({"/.well-known/openid-configuration": made.discovery, "/keys": made.keys}[path]())

        def do_POST(self) -> None:
            form = _flat(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self._json(made.token(form, self.headers.get("Authorization", "")))

        def _json(self, found: object) -> None:
            content = json.dumps(found).encode()
            self.send_response(503 if made.is_away else 400 if found is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on the terminal of the tests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.issuer = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()


def _flat(text: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(text).items()}
