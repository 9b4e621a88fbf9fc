"""Arrivals of studies: which lie complete on the disk and are not decided as they lie there.

A study is complete after a quiet time since its last file, with a number of instances that was given, or where a
storage commitment named every instance. The disk is the truth: a file that another process put there counts as well.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from inspect_ai.pacs.received import Received, ReceivedStudy

EVERYTHING_S = 5.0  # between looks at all studies, decided ones among them: another process may add to them
SETTLED_S = 1.0  # file systems tell times of change in steps; until one is so old, a folder is looked at again


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """Rule for when a study is complete. instances: 0 where no number is expected."""

    quiet_s: float = 60.0
    instances: int = 0


@dataclass(slots=True)
class _Seen:
    study: ReceivedStudy
    signature: tuple[int, ...]
    since: float  # monotonic seconds of its last change


class Arrivals:
    """Looks at the store again and again, and remembers since when each study is quiet."""

    def __init__(self, store: Received, rule: Completeness) -> None:
        self._store, self._rule = store, rule
        self._seen: dict[str, _Seen] = {}
        self._touched: set[str] = set()
        self._decided: set[str] = set()  # as they lay there at the last look
        self._everything_at = 0.0  # monotonic seconds of the next look at all
        self._lock = threading.Lock()

    def touched(self, key: str) -> None:
        """Tell that a study has a new file. Thread-safe."""
        with self._lock:
            self._touched.add(key)

    def complete(self, *, all_now: bool = False) -> Iterator[ReceivedStudy]:
        """Yield the studies that are to be decided; with `all_now`, those that still receive too.

        Raises SetupError where the folder cannot be read.
        """
        with self._lock:
            touched, self._touched = self._touched, set()
        if time.monotonic() >= self._everything_at:
            self._everything_at = time.monotonic() + EVERYTHING_S
            self._decided.clear()
        for key in self._store.study_keys():
            if key in self._decided and key not in touched:
                continue
            seen = self._looked_at(key, key in touched)
            if seen is None:
                continue
            note = self._store.note(key)
            if note.version == seen.study.version:
                self._decided.add(key)
            elif all_now or self._is_complete(seen, note.committed):
                yield seen.study

    def _looked_at(self, key: str, touched: bool) -> _Seen | None:
        try:
            signature = self._store.signature(key)
        except OSError:  # removed meanwhile
            return None
        seen = self._seen.get(key)
        old = time.time_ns() - max(signature) > SETTLED_S * 1e9
        if seen is not None and seen.signature == signature and old and not touched:
            return seen
        study = self._store.study(key)
        if study is None:
            return None
        if seen is None or seen.study.version != study.version:
            quiet_s = 0.0 if touched else max(0.0, time.time() - study.newest)
            seen = _Seen(study=study, signature=signature, since=time.monotonic() - quiet_s)
        elif touched:
            seen.since = time.monotonic()
        seen.study, seen.signature = study, signature
        self._seen[key] = seen
        return seen

    def _is_complete(self, seen: _Seen, committed: str) -> bool:
        study = seen.study
        if self._rule.instances and study.instances >= self._rule.instances:
            return True
        return committed == study.version or time.monotonic() - seen.since >= self._rule.quiet_s
