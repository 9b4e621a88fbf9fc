"""Journey of `scan --dry-run`: what a scan would decide, and by which task, from headers alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from inspect_ai.audit import Log, open_log
from inspect_ai.domain import Rejection, StudyRef
from inspect_ai.ingest import DecoderPool
from inspect_ai.inspection.events import Planned, PlanSummary
from inspect_ai.inspection.file_counts import FileCounts
from inspect_ai.inspection.inspectors import Inspectors
from inspect_ai.inspection.loading import load_all
from inspect_ai.inspection.study_source import check_root, studies_below
from inspect_ai.settings import Settings

__all__ = ["PlanSummary", "Planned", "plan_scan"]


def plan_scan(
    root: Path, settings: Settings, looked_at: Callable[[int], object] | None = None
) -> Iterator[Planned | Rejection | PlanSummary]:
    """Plan a scan from headers alone: no pixel is decoded and nothing is written. Ends with a PlanSummary.

    looked_at: called with the number of files so far, while headers are read.
    """
    check_root(root)
    counts = _PlanCounts()
    for item in _plan(root, settings, looked_at):
        counts.add(item)
        yield item
    yield counts.summary()


def _plan(root: Path, settings: Settings, looked_at: Callable[[int], object] | None) -> Iterator[Planned | Rejection]:
    inspectors = Inspectors(load_all(settings)[0], settings)
    with DecoderPool(settings.workers, settings.decode_memory_gib) as pool:
        found = studies_below(root, settings, pool, looked_at=looked_at)
        if not settings.db.is_file():
            yield from (item if isinstance(item, Rejection) else _planned(item, inspectors, None) for item in found)
            return
        with open_log(settings.db, create=False) as log:
            yield from (item if isinstance(item, Rejection) else _planned(item, inspectors, log) for item in found)


class _PlanCounts:
    def __init__(self) -> None:
        self._started = time.monotonic()
        self._files, self._consumed = FileCounts(), 0
        self._series = self._volumes = self._set_aside = self._rejected = 0
        self._last: tuple[str | None, str | None] | None = None

    def add(self, item: Planned | Rejection) -> None:
        """Count an item; volumes of one series come one after another."""
        if isinstance(item, Rejection):
            self._set_aside += item.expected
            self._rejected += not item.expected
            return
        ref = item.study
        self._consumed += self._files.new_files(ref)
        self._volumes += 1
        series = (ref.study_uid, ref.series_uid)
        if ref.kind == "dicom" and (ref.series_uid is None or series != self._last):
            self._series += 1
            self._last = series

    def summary(self) -> PlanSummary:
        """Counts so far."""
        return PlanSummary(
            files=self._consumed + self._set_aside + self._rejected,
            series=self._series,
            volumes=self._volumes,
            set_aside=self._set_aside,
            rejected=self._rejected,
            seconds=time.monotonic() - self._started,
        )


def _planned(ref: StudyRef, inspectors: Inspectors, log: Log | None) -> Planned:
    route = inspectors.route(ref)
    entry = inspectors.known(ref, route, log) if log else None
    return Planned(study=ref, route=route, known=entry.id if entry else None)
