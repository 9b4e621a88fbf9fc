"""Keeping of a log's head outside: signed, appended to a file in a folder or sent to a URL, and tried again later.

A failure is told and stops nothing: the head waits beside the log (FILE.heads) for the next time.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from inspect_ai.audit.heads import SUFFIX, SignedHead, log_name, place_of
from inspect_ai.audit.log import Log
from inspect_ai.audit.records import utc_text
from inspect_ai.errors import AuditError, SetupError
from inspect_ai.secret import private_file
from inspect_ai.settings import Settings
from inspect_ai.whole_file import whole_file

WAITING_MOST = 1000  # heads that wait for a place; of more, the newest
TIMEOUT_S = 5.0  # for a URL to answer
EVERY_S = 600.0  # between two heads of a run that does not end


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptHead:
    """Head of a log as it was when a command ended. `where`: the place that it was kept at, "" if at none.

    `failure`: sentence on why it was not kept or not signed, "" if all went well.
    """

    head: SignedHead
    where: str = ""
    failure: str = ""

    @property
    def sentence(self) -> str:
        """The head and where it is kept, for a person."""
        signer = f", signed by key {self.head.key[:16]}" if self.head.signature else ", not signed"
        kept = f"kept in {self.where}{signer}" if self.where else "kept nowhere else"
        return f"Head of the log: {self.head.rows} entries, {self.head.head} ({kept})."


def keep_head(log: Log, settings: Settings) -> KeptHead | None:
    """Sign the head of a log and keep it at the place of setting `heads`; None for an empty log.

    Raises AuditError where the log cannot be read; any other failure is told in the result.
    """
    head, first = log.head(), next(iter(log.entries(limit=1)), None)
    if first is None:
        return None
    now = utc_text(datetime.now(UTC))
    bare = SignedHead(rows=head.rows, head=head.hash, log=log_name(first.hash), place=place_of(log.path), time=now)
    signed, failure = _signed(bare, settings.head_key)
    if not settings.heads:
        return KeptHead(head=signed, failure=failure)
    queue = log.path.with_name(log.path.name + ".heads")
    undelivered = _deliver([*_waiting(queue), signed.line()], _sender(settings.heads, signed.log))
    if undelivered is None:
        _write(queue, [])
        return KeptHead(head=signed, where=settings.heads, failure=failure)
    lines, why = undelivered
    stored = _write(queue, lines[-WAITING_MOST:])
    wait = f"it waits in {queue} for the next run" if stored else f"{queue} cannot be written either, so it is lost"
    told = f"The head of the log could not be kept in {settings.heads} ({why}); {wait}."
    return KeptHead(head=signed, failure=" ".join(filter(None, (failure, told))))


class HeadKeeper:
    """Keeps the head of a log that grows for days, now and then in a thread of its own, and once at the end."""

    def __init__(self, log: Log, settings: Settings, every_s: float = EVERY_S) -> None:
        self._log, self._settings, self._every_s = log, settings, every_s
        self._last = time.monotonic()
        self._thread: threading.Thread | None = None
        self.failures: list[str] = []  # not told yet

    def at_intervals(self) -> None:
        """Keep the head if it is time. Returns at once."""
        if time.monotonic() - self._last < self._every_s or (self._thread is not None and self._thread.is_alive()):
            return
        self._last = time.monotonic()
        self._thread = threading.Thread(target=self.keep, name="heads", daemon=True)
        self._thread.start()

    def keep(self) -> KeptHead | None:
        """Keep the head now; None for an empty log and after a failure to read it. Failures go to `failures`."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=2 * TIMEOUT_S)
        try:
            kept = keep_head(self._log, self._settings)
        except AuditError as e:  # such as a lock: the run that it belongs to has its own word on the log
            self.failures.append(f"The head of the log could not be read: {e}")
            return None
        if kept is not None and kept.failure:
            self.failures.append(kept.failure)
        return kept


def _signed(head: SignedHead, key_file: str) -> tuple[SignedHead, str]:
    """The head, signed if there is a key, and why it is not signed although a key was named."""
    from inspect_ai.signature import read_key

    if not key_file or key_file.endswith(".pub"):  # a public key alone serves `audit verify`
        return head, ""
    try:
        return head.signed(read_key(Path(key_file))), ""
    except SetupError as e:
        return head, f"The head of the log is not signed: {e}"


def _sender(place: str, log: str) -> Callable[[str], None]:
    if place.startswith(("http://", "https://")):
        return lambda line: _post(place, line)
    return lambda line: _append(Path(place), log, line)


def _deliver(lines: Sequence[str], send: Callable[[str], None]) -> tuple[list[str], str] | None:
    """Send lines in their order; None if all went, else those left and why."""
    for at, line in enumerate(lines):
        try:
            send(line)
        except (OSError, ValueError) as e:  # URLError and HTTPError are OSErrors; ValueError: no URL
            return list(lines[at:]), getattr(e, "strerror", None) or str(e)
    return None


def _append(folder: Path, log: str, line: str) -> None:
    """Append to the file of this log; the folder is not made, since a place that is not mounted looks like none."""
    if not folder.is_dir():
        raise FileNotFoundError(None, f"there is no folder {folder}: not mounted?")
    with private_file(folder / f"{log}{SUFFIX}", "a", encoding="ascii") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


def _post(url: str, line: str) -> None:
    from urllib.request import Request, urlopen

    request = Request(url, line.encode("ascii"), {"Content-Type": "application/json"}, method="POST")  # noqa: S310
    with urlopen(request, timeout=TIMEOUT_S):  # noqa: S310 - `_sender` lets through http and https alone
        return


def _waiting(queue: Path) -> list[str]:
    try:
        return queue.read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return []


def _write(queue: Path, lines: Sequence[str]) -> bool:
    """Let these lines wait; no file for none. False where that cannot be written."""
    try:
        if not lines:
            with suppress(FileNotFoundError):
                queue.unlink()
            return True
        with whole_file(queue, private=True) as partial:
            partial.write_text("".join(f"{line}\n" for line in lines), "ascii")
    except OSError:
        return False
    return True
