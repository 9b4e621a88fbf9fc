"""Storage commitment push model, as its provider (PS3.4 J): which of the named instances lie safely on the disk.

The answer, N-EVENT-REPORT, goes over the caller's association while that stands, else over a new one to the destination
of that AE title in the settings.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from inspect_ai.errors import InspectError
from inspect_ai.pacs.destinations import Dimse
from inspect_ai.pacs.received import Received
from inspect_ai.text import printable

MODEL, INSTANCE = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"
ACTION = 1  # request of a commitment
ALL_HELD, SOME_MISSING = 1, 2  # PS3.4 table J.3-2
NO_SUCH_OBJECT = 0x0112
INVALID = 0x0115  # argument value
MOST = 100_000  # instances of one request
STAYS_S = 0.5  # after which a caller that wants its answer on another association has left


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One request: the caller, its transaction, and (class, instance) of what it named."""

    association: Any
    caller: str
    transaction: str
    held: tuple[tuple[str, str], ...]
    missing: tuple[tuple[str, str], ...]


class Commitments:
    """Context manager with a thread that answers. `address`: finds where an AE title is called; None if unknown."""

    def __init__(
        self, store: Received, aet: str, address: Callable[[str], Dimse | None], told: Callable[[str], None]
    ) -> None:
        self._store, self._aet, self._address, self._told = store, aet, address, told
        self._asked: queue.Queue[_Asked | None] = queue.Queue(64)
        self._thread = threading.Thread(target=self._answer_all, name="storage commitment", daemon=True)

    def __enter__(self) -> Commitments:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._asked.put(None)
        self._thread.join(timeout=5.0)

    def asked(self, event: Any) -> tuple[int, None]:
        """Take one N-ACTION; the answer to it only says that it was understood."""
        information = event.action_information
        named = [
            (str(item.ReferencedSOPClassUID), str(item.ReferencedSOPInstanceUID))
            for item in information.get("ReferencedSOPSequence", ())[:MOST]
        ]
        if event.action_type != ACTION or not named or "TransactionUID" not in information:
            return INVALID, None
        holders = self._store.holders(instance for _, instance in named)
        studies = {pair: holders[pair[1]] for pair in named}
        asked = _Asked(
            association=event.assoc,
            caller=event.assoc.requestor.ae_title,
            transaction=str(information.TransactionUID),
            held=tuple(pair for pair in named if studies[pair]),
            missing=tuple(pair for pair in named if not studies[pair]),
        )
        self._complete(studies)
        try:
            self._asked.put_nowait(asked)
        except queue.Full:
            return 0x0213, None  # resource limitation
        return 0x0000, None

    def _complete(self, studies: dict[tuple[str, str], set[str]]) -> None:
        """Note each study of which every instance was named: it is complete, and need not be quiet first."""
        from inspect_ai.pacs.identity import digest

        named = {digest(instance) for _, instance in studies}
        for key in set[str]().union(*studies.values()):
            study = self._store.study(key)
            if study is not None and self._store.instances_of(key) <= named:
                self._store.keep_note(key, committed=study.version)

    def _answer_all(self) -> None:
        while (asked := self._asked.get()) is not None:
            try:
                self._answer(asked)
            except (InspectError, RuntimeError, ValueError, AttributeError, OSError) as e:
                title = printable(asked.caller, 40)
                self._told(f"The answer to a storage commitment of {title!r} was not delivered ({type(e).__name__}).")

    def _answer(self, asked: _Asked) -> None:
        threading.Event().wait(STAYS_S)
        if asked.association.is_established and _reported(asked.association, asked):
            return
        there = self._address(asked.caller)
        if there is None:
            title = printable(asked.caller, 40)
            self._told(
                f"{title!r} left before the answer to its storage commitment, and no destination of the settings has "
                "this AE title."
            )
            return
        from inspect_ai.pacs.dimse import associated, provider_role

        with associated(there, self._aet, [(MODEL, None)], roles=[provider_role(MODEL)]) as association:
            if not _reported(association, asked):
                self._told(f"Destination {there.name} did not take the answer to its storage commitment.")


def _reported(association: Any, asked: _Asked) -> bool:
    from pydicom.dataset import Dataset

    report = Dataset()
    report.TransactionUID = asked.transaction
    report.ReferencedSOPSequence = [_item(*pair) for pair in asked.held]
    if asked.missing:
        report.FailedSOPSequence = [_item(*pair, reason=NO_SUCH_OBJECT) for pair in asked.missing]
    event = SOME_MISSING if asked.missing else ALL_HELD
    status, _ = association.send_n_event_report(report, event, MODEL, INSTANCE)
    return getattr(status, "Status", None) == 0x0000


def _item(sop_class: str, instance: str, reason: int | None = None) -> Any:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, instance
    if reason is not None:
        item.FailureReason = reason
    return item
