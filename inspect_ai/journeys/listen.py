"""Listen journey: studies that a PACS sends are stored, decided when complete, and answered, even if this is killed.

receive -> on the disk -> complete -> scan -> queue the result objects -> send -> sent; and an answer of a reader, when
it stands in the log -> queue its report -> send -> sent. Every step is found again on the disk or in the log: a restart
goes on from there.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

from inspect_ai.audit import open_log
from inspect_ai.inspection.loading import load_all
from inspect_ai.journeys.scan import scan
from inspect_ai.pacs.arrivals import Arrivals, Completeness
from inspect_ai.pacs.commitment import Commitments
from inspect_ai.pacs.deciding import Answering, Deciding, PacsEvent, Started
from inspect_ai.pacs.destinations import destination_named, destination_of_title
from inspect_ai.pacs.received import Received
from inspect_ai.pacs.receiver import Listening, Receiver, Told
from inspect_ai.pacs.sending_thread import SendingThread
from inspect_ai.settings import Settings

LOOK_S = 0.5  # between two looks at the store; an arrival ends the pause
SEVERAL_S = 0.1  # one look for the many files of a study


def listen(
    folder: Path, settings: Settings, listening: Listening, rule: Completeness, answering: Answering | None
) -> Iterator[PacsEvent]:
    """Receive, decide and answer until the iterator is closed. Each decision is committed before it is yielded.

    answering: None to keep the results here. Raises UsageError for a folder that another process decides, SetupError
    for a port that is taken or a model that is missing, AuditError for a damaged log.
    """
    told = _Told()
    wake = threading.Event()
    with ExitStack() as stack:
        store = _prepared(stack, folder, settings, answering)
        arrivals = Arrivals(store, rule)

        def arrived(key: str) -> None:
            arrivals.touched(key)
            wake.set()

        commitments = Commitments(
            store,
            listening.aet,
            lambda aet: destination_of_title(aet, settings),
            lambda sentence: told.put(Told(message=sentence)),
        )
        stack.enter_context(commitments)
        receiver = stack.enter_context(Receiver(listening, store, commitments, told.put, arrived))
        deciding = Deciding(store, settings, answering, scan)
        if answering is not None:
            stack.enter_context(SendingThread(deciding.outbox, settings, told.put))
        yield Started(port=receiver.port)
        while True:
            yield from told.events()
            yield from deciding.decide(arrivals.complete())
            yield from deciding.answers()
            if wake.wait(LOOK_S):
                time.sleep(SEVERAL_S)
                wake.clear()


def decide_received(folder: Path, settings: Settings, answering: Answering | None) -> Iterator[PacsEvent]:
    """Decide every study that lies there undecided, quiet or not, send once what is queued, and end.

    Results that were never queued, since there was no destination, and the reports of new answers are queued first.

    Raises as `listen`.
    """
    with ExitStack() as stack:
        store = _prepared(stack, folder, settings, answering)
        deciding = Deciding(store, settings, answering, scan)
        yield from deciding.decide(Arrivals(store, Completeness()).complete(all_now=True))
        yield from deciding.unanswered()
        yield from deciding.answers()
        if answering is not None:
            with open_log(settings.db, operator=settings.operator) as log:
                yield from deciding.outbox.work(log)


def _prepared(stack: ExitStack, folder: Path, settings: Settings, answering: Answering | None) -> Received:
    """Store below a folder, held by this process. Raises what would fail later: an unknown destination, no model."""
    if answering is not None and answering.reply:
        destination_named(answering.reply, settings)
    load_all(settings)
    store = Received(folder)
    store.prepare()
    store.lock()
    stack.callback(store.unlock)
    return store


class _Told:
    """Events of threads, for the one that yields them. Sentences are dropped above a bound; errors never."""

    def __init__(self) -> None:
        self._events: queue.Queue[PacsEvent] = queue.Queue(1000)
        self._error: BaseException | None = None

    def put(self, event: PacsEvent | BaseException) -> None:
        """Take an event, or the error that ended a thread."""
        if isinstance(event, BaseException):
            self._error = event
            return
        with suppress(queue.Full):
            self._events.put_nowait(event)

    def events(self) -> Iterator[PacsEvent]:
        """Yield what was told meanwhile. Raises the error of a thread."""
        while True:
            try:
                yield self._events.get_nowait()
            except queue.Empty:
                break
        if self._error is not None:
            raise self._error
