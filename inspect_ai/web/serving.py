"""Serving of the desk: who may reach it, over what, and the words for whoever started it."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import uvicorn

from inspect_ai.errors import UsageError
from inspect_ai.settings import Settings
from inspect_ai.web.app import create_app
from inspect_ai.web.desk import Desk, Entrance, StartToken, open_desk
from inspect_ai.web.people.identity_provider import Provider
from inspect_ai.web.people.single_sign_on import SingleSignOn

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Address to listen at, with files for TLS where they are given, and further names that it is reached by."""

    host: str = "127.0.0.1"
    port: int = 8080
    tls_cert: Path | None = None
    tls_key: Path | None = None
    names: tuple[str, ...] = ()
    proxy_header: str = ""
    proxies: tuple[str, ...] = ()
    provider: Provider | None = None

    @property
    def is_loopback(self) -> bool:
        """True if this machine alone reaches it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def url(self) -> str:
        """Address for a browser."""
        scheme = "https" if self.tls_cert else "http"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}"

    def entrance(self) -> Entrance:
        """Ways in. Raises UsageError where passwords would travel in clear, or a proxy has no address; SetupError for a
        provider that others could listen to.
        """
        if (self.tls_cert is None) != (self.tls_key is None):
            raise UsageError("TLS takes a certificate and its key: give --tls-cert and --tls-key.")
        for file in (self.tls_cert, self.tls_key):
            if file is not None and not file.is_file():
                raise UsageError(f"There is no file {file}.")
        if not self.is_loopback and self.tls_cert is None:
            raise UsageError(
                f"{self.host} is reached by other machines: give --tls-cert and --tls-key, or serve 127.0.0.1 behind a "
                "proxy that has them."
            )
        if bool(self.proxy_header) != bool(self.proxies):
            raise UsageError(
                "A trusted header takes the proxy's address too: give --trusted-header and --trusted-proxy."
            )
        try:
            networks = tuple(ipaddress.ip_network(proxy) for proxy in self.proxies)
        except ValueError as e:
            raise UsageError(f"--trusted-proxy: {e}. Give an address or a network such as 10.0.0.0/24.") from e
        own = LOOPBACK_NAMES if self.is_loopback else (self.host,)
        return Entrance(
            hosts=(*own, *self.names),
            secure=self.tls_cert is not None,
            proxy_header=self.proxy_header,
            proxies=networks,
            single_sign_on=None if self.provider is None else SingleSignOn(self.provider),
        )


def serve(
    settings: Settings,
    address: Address,
    *,
    roots: Sequence[Path] = (),
    say: Callable[[str], None],
    progress: Callable[[int], None] = lambda done: None,
) -> None:
    """Serve the desk until it is interrupted. Raises UsageError for an address that cannot be served, or nobody to
    sign in.
    """
    entrance = address.entrance()
    start = StartToken() if address.is_loopback and not address.proxy_header else None
    listening = _listening(address)
    try:
        with open_desk(settings, entrance=entrance, roots=roots, start=start, progress=progress) as desk:
            if start is None and not desk.accounts.all():
                raise UsageError("Nobody could sign in. Make an account: `inspect-ai desk add-account NAME`.")
            desk.pixels.warm()
            _tell(desk, replace(address, port=listening.getsockname()[1]), say)
            _server(desk, address).run(sockets=[listening])
    finally:
        listening.close()


def _listening(address: Address) -> socket.socket:
    """Socket that listens, before anything else is opened. Raises UsageError where the port is taken."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((address.host, address.port))
    except OSError as e:
        made.close()
        raise UsageError(f"{address.host} port {address.port} cannot be served ({e.strerror}). Choose --port.") from e
    return made


def _tell(desk: Desk, address: Address, say: Callable[[str], None]) -> None:
    if desk.start is not None:
        say(f"Open {address.url}/start?token={desk.start.text} (this link signs one browser in, once).")
    else:
        say(f"Open {address.url}")
    say("Ctrl+C ends the desk. Research software, not a medical device.")


def _server(desk: Desk, address: Address) -> uvicorn.Server:
    """Server without an access log, which would hold tokens, and without trust in forwarded headers."""
    return uvicorn.Server(
        uvicorn.Config(
            create_app(desk),
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=30,
            limit_concurrency=256,
            ssl_certfile=address.tls_cert,
            ssl_keyfile=address.tls_key,
        )
    )
