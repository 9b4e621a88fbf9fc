"""Storage SCP: takes objects by C-STORE, answers C-ECHO and storage commitment (PS3.4 B, J; PS3.7).

Success is answered when the object is on the disk under its final name, not before. A caller must be named and must
call us by our name. Failures are answered with the standard's statuses, in numbers alone.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from inspect_ai.errors import InputError, SetupError
from inspect_ai.pacs.commitment import Commitments
from inspect_ai.pacs.destinations import AET, TlsFiles
from inspect_ai.pacs.identity import identity_of
from inspect_ai.pacs.libraries import pynetdicom
from inspect_ai.pacs.received import Received
from inspect_ai.pacs.tls import server_context
from inspect_ai.text import printable

SUCCESS, OUT_OF_RESOURCES, OTHER_CLASS, NOT_UNDERSTOOD = 0x0000, 0xA700, 0xA900, 0xC000  # PS3.4 table B.2-1
COMMITMENT = "1.2.840.10008.1.20.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Address, names and limits of a receiver. allow: AE titles that may call; with none, every caller is refused."""

    host: str = "127.0.0.1"
    port: int = 11112
    aet: str = AET
    allow: tuple[str, ...] = ()
    tls: TlsFiles | None = None
    associations: int = 8
    object_mib: int = 512
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Sentence about what a caller did, without text of its own but its AE title."""

    message: str


class Receiver:
    """Context manager: entering binds the port, leaving ends every association.

    `told` is called with sentences, by threads of associations; `arrived` with the key of a study that has a new file.
    """

    def __init__(
        self,
        listening: Listening,
        store: Received,
        commitments: Commitments,
        told: Callable[[Told], None],
        arrived: Callable[[str], None],
    ) -> None:
        self._listening, self._store, self._commitments = listening, store, commitments
        self._told, self._arrived = told, arrived
        self._server: Any = None
        self.port = listening.port

    def __enter__(self) -> Receiver:
        library = pynetdicom()
        from pynetdicom import evt

        from inspect_ai.pacs.connections import CONNECTIONS_EACH, Server

        its = self._listening
        context = None if its.tls is None else server_context(its.tls)
        entity = self._entity(library)
        handlers: list[Any] = [
            (evt.EVT_C_STORE, self._store_one),
            (evt.EVT_C_ECHO, lambda event: SUCCESS),
            (evt.EVT_N_ACTION, self._commitments.asked),
            (evt.EVT_DIMSE_RECV, _whole),
            (evt.EVT_REJECTED, self._rejected),
        ]
        try:
            server = entity.make_server(
                (its.host, its.port), ae_title=its.aet, ssl_context=context, evt_handlers=handlers, server_class=Server
            )
        except (OSError, OverflowError) as e:
            why = getattr(e, "strerror", None) or type(e).__name__
            raise SetupError(f"Port {its.port} of {printable(its.host, 60)} cannot be listened on ({why}).") from e
        server.timeout_s, server.object_most_bytes = its.timeout_s, its.object_mib << 20
        server.connections_most = its.associations * CONNECTIONS_EACH
        server.refused = lambda why: self._told(Told(message=f"A connection was refused: {why}."))
        entity._servers.append(server)  # its shutdown takes it out again
        self._server, self.port = server, int(server.server_address[1])
        threading.Thread(target=server.serve_forever, args=(0.1,), name="pacs receiver", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        for association in self._server.active_associations:
            association.abort()

    def _entity(self, library: Any) -> Any:
        from pynetdicom import AllStoragePresentationContexts

        from inspect_ai.ingest.header_validation import SYNTAXES

        its = self._listening
        entity = library.AE(ae_title=its.aet)
        entity.maximum_associations = its.associations
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = its.timeout_s
        entity.require_called_aet = True
        # An empty list would allow everybody; nobody knows this title.
        entity.require_calling_aet = list(its.allow) or [secrets.token_hex(8)]
        for context in AllStoragePresentationContexts:
            entity.add_supported_context(context.abstract_syntax, list(SYNTAXES))
        entity.add_supported_context("1.2.840.10008.1.1")  # C-ECHO
        entity.add_supported_context(COMMITMENT)
        return entity

    def _store_one(self, event: Any) -> int:
        """Answer one C-STORE. What pydicom raises on broken bytes becomes 0xC211 in pynetdicom: nothing was stored."""
        asked = event.request
        content = event.encoded_dataset()
        try:
            identity = identity_of(content)
        except InputError:
            return NOT_UNDERSTOOD
        if identity.instance != str(asked.AffectedSOPInstanceUID):
            return NOT_UNDERSTOOD
        if identity.sop_class != str(asked.AffectedSOPClassUID):
            return OTHER_CLASS
        try:
            key = self._store.add(identity, content, event.assoc.requestor.ae_title)
        except OSError as e:
            why = e.strerror or type(e).__name__
            self._told(Told(message=f"An object was not stored and its sender told so ({why}). Free some space."))
            return OUT_OF_RESOURCES
        if key is not None:
            self._arrived(key)
        return SUCCESS

    def _rejected(self, event: Any) -> None:
        caller = printable(str(event.assoc.requestor.ae_title), 40)
        called = str(getattr(event.assoc.requestor.primitive, "called_ae_title", ""))
        if called.strip() != self._listening.aet:
            why = f"it calls {printable(called, 40)!r}, and this is {self._listening.aet}"
        elif caller in self._listening.allow:
            why = "there are too many associations at once"
        else:
            why = f"it is not allowed; --allow {caller} allows it"
        self._told(Told(message=f"An association of {caller!r} was refused: {why}."))


def _whole(event: Any) -> None:
    """Count the bytes of the next object from 0."""
    event.assoc.dul.socket.recv.received = 0
