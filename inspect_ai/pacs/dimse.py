"""Storage SCU and the questions that go with it: C-STORE, C-FIND for instances, C-ECHO (PS3.4 B, C; PS3.7)."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from inspect_ai.errors import InputError
from inspect_ai.pacs.destinations import Dimse
from inspect_ai.pacs.identity import Identity, identity_of
from inspect_ai.pacs.libraries import pynetdicom
from inspect_ai.pacs.sending import NotReached, Sent
from inspect_ai.pacs.tls import client_context

ECHO, FIND = "1.2.840.10008.1.1", "1.2.840.10008.5.1.4.1.2.2.1"
UNCOMPRESSED = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2")
CONNECT_S, ANSWER_S = 10.0, 60.0
CONTEXTS = 128  # of one association (PS3.8 9.3.2.2)
FILES = 200  # of one association: a bound on what an interruption repeats
PENDING = (0xFF00, 0xFF01)
_MEANINGS = {  # PS3.4 table B.2-1, PS3.7 annex C; by the first digits that tell
    0x0000: "stored",
    0x0110: "the destination failed in processing it",
    0x0122: "its SOP class is not taken",
    0x0124: "not authorised",
    0xA700: "out of resources",
    0xA900: "it does not match its SOP class",
    0xB000: "stored, with a change of its values",
    0xB006: "stored, with elements left out",
    0xB007: "stored, though it does not match its SOP class",
    0xC000: "it was not understood",
}
STORED = (0x0000, 0xB000, 0xB006, 0xB007)
Context = tuple[str, str | None]  # SOP class, transfer syntax (None: the uncompressed ones)


class DimseSender:
    """Sender to one DIMSE destination, called by the name `aet`."""

    def __init__(self, destination: Dimse, aet: str) -> None:
        self._there, self._aet = destination, aet

    def send(self, files: Sequence[Path]) -> tuple[Sent, ...]:
        """C-STORE each file over as few associations as their kinds allow. Raises NotReached."""
        answers: list[Sent] = []
        for group in _groups(files, answers):
            contexts = sorted({(its.sop_class, its.syntax) for _, its in group})
            with associated(self._there, self._aet, list(contexts)) as association:
                answers += [_store(association, path) for path, _ in group]
        order = {path: number for number, path in enumerate(files)}
        return tuple(sorted(answers, key=lambda answer: order[answer.path]))

    def held(self, files: Sequence[Path]) -> tuple[Path, ...]:
        """C-FIND each instance by its UIDs. Raises NotReached; a destination without C-FIND holds none, it says."""
        try:
            with associated(self._there, self._aet, [(FIND, None)]) as association:
                return tuple(path for path in files if _found(association, identity_of(path)))
        except NotOffered:
            return ()

    def echo(self) -> bool:
        """C-ECHO. Raises NotReached."""
        with associated(self._there, self._aet, [(ECHO, None)]) as association:
            return getattr(association.send_c_echo(), "Status", None) == 0


class NotOffered(NotReached):
    """A destination that is there, and takes part in nothing that was proposed."""


@contextmanager
def associated(there: Dimse, aet: str, contexts: Sequence[Context], roles: Sequence[Any] = ()) -> Iterator[Any]:
    """Association with a destination, released at the end. Raises NotReached, NotOffered."""
    library = pynetdicom()
    entity = library.AE(ae_title=aet)
    entity.connection_timeout, entity.acse_timeout = CONNECT_S, CONNECT_S
    entity.dimse_timeout = entity.network_timeout = ANSWER_S
    for sop_class, syntax in contexts:
        entity.add_requested_context(sop_class, _offered(syntax))
    tls = None if there.tls is None else (client_context(there.tls), there.host)
    association = entity.associate(
        there.host, there.port, ae_title=there.aet, ext_neg=list(roles), tls_args=tls, max_pdu=0x8000
    )
    if not association.is_established:
        raise _refusal(there, association)
    _without_waiting(association)
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


def _without_waiting(association: Any) -> None:
    """Send each message at once: a request is several, and each would wait 40 ms for the receipt of the one before."""
    connection = association.dul.socket.socket
    if connection is not None:  # else it ended meanwhile, and the first request says so
        with suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def provider_role(sop_class: str) -> Any:
    """Role selection of a caller that answers instead of asking, as a provider of storage commitment does."""
    from pynetdicom import build_role

    pynetdicom()
    return build_role(sop_class, scp_role=True)


def _offered(syntax: str | None) -> list[str]:
    return list(UNCOMPRESSED) if syntax is None or syntax in UNCOMPRESSED else [syntax]


def _refusal(there: Dimse, association: Any) -> NotReached:
    answer = getattr(association.acceptor, "primitive", None)
    if association.is_rejected and answer is not None:
        code = (answer.result_source, answer.diagnostic)
        why = {(1, 3): "our AE title is not known there", (1, 7): "it has another AE title"}.get(code, "try later")
        return NotReached(f"Destination {there.name} refused the association: {why}.")
    if association.rejected_contexts and not association.accepted_contexts:
        return NotOffered(f"Destination {there.name} takes no object of these kinds.")
    return NotReached(f"Destination {there.name} cannot be reached.")


def _groups(files: Sequence[Path], answers: list[Sent]) -> Iterator[list[tuple[Path, Identity]]]:
    """Yield files that fit one association; what is no object is answered at once."""
    group: list[tuple[Path, Identity]] = []
    for path in files:
        try:
            identity = identity_of(path)
        except (InputError, OSError) as e:
            why = e.strerror if isinstance(e, OSError) else str(e)
            answers.append(Sent(path=path, stored=False, status=None, meaning=f"not sent: {why}"))
            continue
        kinds = {(its.sop_class, its.syntax) for _, its in group} | {(identity.sop_class, identity.syntax)}
        if len(group) == FILES or len(kinds) > CONTEXTS:
            yield group
            group = []
        group.append((path, identity))
    if group:
        yield group


def _store(association: Any, path: Path) -> Sent:
    try:
        answer = association.send_c_store(path)
    except RuntimeError:  # the association ended
        return Sent(path=path, stored=False, status=None, meaning="the connection ended")
    except (ValueError, AttributeError):  # pynetdicom's words hold values; there is one reason left
        return Sent(path=path, stored=False, status=None, meaning="its kind or transfer syntax is not taken")
    status = getattr(answer, "Status", None)
    if status is None:
        return Sent(path=path, stored=False, status=None, meaning="no answer came")
    return Sent(path=path, stored=status in STORED, status=status, meaning=meaning_of(status))


def meaning_of(status: int) -> str:
    """Words for a status of C-STORE."""
    for mask in (0xFFFF, 0xFF00, 0xF000):
        if (known := status & mask) in _MEANINGS and (mask == 0xFFFF or known >= 0xA000):
            return _MEANINGS[known]
    return "refused"


def _found(association: Any, identity: Identity) -> bool:
    from pydicom.dataset import Dataset

    asked = Dataset()
    asked.QueryRetrieveLevel = "IMAGE"
    asked.StudyInstanceUID, asked.SeriesInstanceUID = identity.study, identity.series
    asked.SOPInstanceUID = identity.instance
    found = False
    for status, answer in association.send_c_find(asked, FIND):
        pending = getattr(status, "Status", None) in PENDING
        found = found or (pending and str(getattr(answer, "SOPInstanceUID", "")) == identity.instance)
    return found
