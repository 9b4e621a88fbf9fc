"""Scan journey: a folder of studies becomes decisions in the audit log.

walk -> headers -> route -> (children) decode, units -> (threads) score, decide -> commit in groups -> show.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from inspect_ai.audit import Log, open_log
from inspect_ai.domain import Rejection, StudyRef
from inspect_ai.errors import UsageError
from inspect_ai.ingest import DecoderPool
from inspect_ai.inspection.events import FileRejected, Planned, PlanSummary, Progress, ScanEvent, StudyDecided, Summary
from inspect_ai.inspection.file_counts import FileCounts
from inspect_ai.inspection.inspector import Inspector
from inspect_ai.inspection.inspectors import Inspectors
from inspect_ai.inspection.loading import load_all
from inspect_ai.inspection.runner import Runner
from inspect_ai.inspection.scan_results import ScanResults
from inspect_ai.inspection.study_source import StudySource, base_of, studies_below
from inspect_ai.report import Backing
from inspect_ai.report.scan_report import scan_report
from inspect_ai.settings import Settings

__all__ = [
    "FileRejected",
    "PlanSummary",
    "Planned",
    "Progress",
    "ScanEvent",
    "StudyDecided",
    "Summary",
    "plan_scan",
    "scan",
]

GROUP_S = 0.25  # longest time for which a result waits for others to share its commit


def scan(
    root: Path, settings: Settings, *, force: bool = False, note: str = "", made_up: bool = False
) -> Iterator[ScanEvent]:
    """Decide every study below `root`; each event is committed before it is yielded. Ends with a Summary.

    `force` decides again what the log holds, in new rows that name the old ones. `note` stands on top of the report.
    `made_up`: pictures that no camera took, unlike any of calibration, are decided uncertified.

    Raises UsageError for a path that is not there, SetupError for a missing model, AuditError for a damaged log.
    An interrupt (or closing the iterator) leaves what is committed; the next scan goes on from there.
    """
    _check(root)
    loaded, remarks = load_all(settings)
    if made_up:
        loaded = [inspector.without_reference() for inspector in loaded]
    inspectors = Inspectors(loaded, settings)
    with open_log(settings.db, operator=settings.operator) as log:
        runner = Runner(
            base_of(root),
            inspectors,
            log,
            settings,
            group_s=GROUP_S,
            unclaimed=inspectors.nobody,
            force=force,
            lookup=_has_decisions(log),
        )
        with runner, StudySource(root, settings, runner.workers.pool, runner.wake) as source:
            results = ScanResults(source, log)
            yield from runner.run(source, results)
        remarks = (*remarks, *inspectors.remarks())
        summary = replace(results.summary(), remarks=remarks)
        report = scan_report(
            settings.out,
            log,
            runner.image_store,
            results.entries,
            results.rejections,
            summary,
            note,
            backings=[_backing(inspector) for inspector in inspectors],
            remarks=remarks,
        )
        yield replace(summary, report=report)


def plan_scan(
    root: Path, settings: Settings, looked_at: Callable[[int], object] | None = None
) -> Iterator[Planned | Rejection | PlanSummary]:
    """Plan a scan from headers alone: no pixel is decoded and nothing is written. Ends with a PlanSummary.

    looked_at: called with the number of files so far, while headers are read.
    """
    _check(root)
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


def _check(root: Path) -> None:
    """Check the path before any model is loaded. Raises UsageError."""
    if not root.exists():
        raise UsageError(f"{root} is not there. Name a folder of studies, or one file.")


def _has_decisions(log: Log) -> bool:
    return next(iter(log.entries(kind="decision", limit=1)), None) is not None


def _backing(inspector: Inspector) -> Backing:
    assert inspector.point is not None  # noqa: S101 - load_all takes none without; for the type checker
    doubts = [*([inspector.suspended] if inspector.suspended else []), *inspector.mismatches]
    return Backing(point=inspector.point, doubts=tuple(doubts), certificate=inspector.provenance.certificate_sha256)
