"""Thread that empties the outbox, so that a destination which is slow or away holds up no decision."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from inspect_ai.audit import open_log
from inspect_ai.errors import AuditError
from inspect_ai.pacs.outbox import Delivered, NotDelivered, Outbox
from inspect_ai.pacs.pauses import Pauses, Retry
from inspect_ai.settings import Settings

LOOK_S = 0.5  # between two looks at the log


class SendingThread:
    """Context manager around the thread. told: takes its events, and the error that ended it."""

    def __init__(
        self, box: Outbox, settings: Settings, told: Callable[[Delivered | NotDelivered | BaseException], None]
    ) -> None:
        self._box, self._settings, self._told = box, settings, told
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pacs outbox", daemon=True)

    def __enter__(self) -> SendingThread:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(timeout=10.0)

    def _run(self) -> None:
        retry = Retry(Pauses())
        while not self._ended.wait(LOOK_S):
            if not self._settings.db.exists() or not retry.is_due("log", time.monotonic()):
                continue
            try:
                self._send(retry)
            except AuditError as e:
                if not e.passing:
                    self._told(e)
                    return
                retry.failed("log", time.monotonic())
            except BaseException as e:  # noqa: BLE001 - raised again in the thread that listens
                self._told(e)
                return

    def _send(self, retry: Retry) -> None:
        """Empty the outbox again and again, until the listener ends or the log fails."""
        with open_log(self._settings.db, operator=self._settings.operator, create=False) as log:
            while not self._ended.is_set():
                for event in self._box.work(log):
                    self._told(event)
                    if self._ended.is_set():
                        return
                retry.passed("log")
                self._ended.wait(LOOK_S)
