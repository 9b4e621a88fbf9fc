"""Server of associations whose connections cannot hang it or fill its memory (PS3.8).

pynetdicom waits for the rest of a message without end, shakes hands for TLS in the thread that accepts, takes any
length, and prints tracebacks, which quote what was sent. Here a message has a deadline and a bound, a handshake happens
in the thread of its connection, connections are counted before they may speak, and nothing is printed.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

from pynetdicom.transport import RequestHandler, ThreadedAssociationServer

MESSAGE_MOST_BYTES = 1 << 20  # of one PDU; an association request with 128 presentation contexts has about 100 KiB
CONNECTIONS_EACH = 4  # connections for each association that is allowed: others wait for an answer, or say nothing
CHUNK = 1 << 16


class BoundedReads:
    """Replacement of an association socket's `recv`: a deadline for each message, bounds for it and for an object."""

    def __init__(self, of: Any, timeout_s: float, object_most_bytes: int) -> None:
        self._of, self._timeout_s, self._most = of, timeout_s, object_most_bytes
        self.received = 0  # bytes since the last whole object
        self._deadline = 0.0

    def __call__(self, count: int) -> bytearray:
        """Read `count` bytes; fewer where the peer closed. Raises OSError beyond deadline and bounds."""
        if count > MESSAGE_MOST_BYTES or self.received + count > self._most + MESSAGE_MOST_BYTES:
            raise OSError("more than is allowed")
        now = time.monotonic()
        if count == HEAD_BYTES or now > self._deadline + self._timeout_s:  # a message begins
            self._deadline = now + self._timeout_s
        found = bytearray()
        while len(found) < count:
            left_s = self._deadline - time.monotonic()
            if left_s <= 0:
                raise TimeoutError
            self._of.socket.settimeout(left_s)
            part = self._of.socket.recv(min(CHUNK, count - len(found)))
            if not part:
                break
            found += part
        self._of.socket.settimeout(self._timeout_s)  # for sending
        self.received += len(found)
        return found


HEAD_BYTES = 6  # of a PDU: type, reserved, length (PS3.8 9.3)


class Handler(RequestHandler):
    """Makes the association of a connection, with bounded reads."""

    def _create_association(self) -> Any:
        association = super()._create_association()
        of: Any = association.dul.socket
        server: Any = self.server
        of.recv = BoundedReads(of, server.timeout_s, server.object_most_bytes)
        return association


class Server(ThreadedAssociationServer):
    """Server of associations. timeout_s: longest silence inside a message, or while a peer takes an answer."""

    timeout_s = 30.0
    object_most_bytes = 1 << 29
    connections_most = 32
    daemon_threads = True
    request_queue_size = 32
    refused: Callable[[str], None] = staticmethod(lambda why: None)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "request_handler": Handler})

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection; its TLS handshake comes with its first read."""
        assert self.socket is not None  # noqa: S101 - it listens; for the type checker
        connection, address = self.socket.accept()
        connection.settimeout(self.timeout_s)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # an answer waits for nothing
        if self.ssl_context is not None:
            connection = self.ssl_context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """False for a connection above the bound, which is closed at once."""
        if len(self.active_associations) < self.connections_most:
            return True
        self.refused("too many connections at once")
        return False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: a traceback quotes what a peer sent."""
