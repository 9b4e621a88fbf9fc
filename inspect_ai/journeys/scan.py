"""Scan journey: a folder of studies becomes decisions in the audit log.

walk -> headers -> route -> (children) decode, units -> (threads) score, decide -> commit in groups -> show.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from inspect_ai.audit import Log, keep_head
from inspect_ai.decide import listed_doubts
from inspect_ai.inspection.events import FileRejected, Progress, ScanEvent, StudyDecided, Summary
from inspect_ai.inspection.inspector import Inspector
from inspect_ai.inspection.inspectors import Inspectors
from inspect_ai.inspection.loading import load_all
from inspect_ai.inspection.outages import LogOutage, Notice, open_patiently
from inspect_ai.inspection.runner import Runner
from inspect_ai.inspection.scan_results import ScanResults
from inspect_ai.inspection.study_source import StudySource, base_of, check_root
from inspect_ai.report import Backing
from inspect_ai.report.scan_report import scan_report
from inspect_ai.settings import Settings

__all__ = [
    "FileRejected",
    "Notice",
    "Progress",
    "ScanEvent",
    "StudyDecided",
    "Summary",
    "scan",
]

GROUP_S = 0.25  # longest time for which a result waits for others to share its commit


def scan(
    root: Path, settings: Settings, *, force: bool = False, note: str = "", made_up: bool = False
) -> Iterator[ScanEvent]:
    """Decide every study below `root`; each event is committed before it is yielded. Ends with a Summary.

    `force` decides again what the log holds, in new rows that name the old ones. `note` stands on top of the report.
    `made_up`: pictures that a program made are decided by phantom operating points, and certified none; the report
    names their files.

    Raises UsageError for a path that is not there, SetupError for a missing model, AuditError for a damaged log and one
    that stays locked for longer than `settings.log_wait_s`.
    An interrupt (or closing the iterator) leaves what is committed; the next scan goes on from there.
    """
    check_root(root)
    loaded, remarks = load_all(settings, made_up=made_up)
    inspectors = Inspectors(loaded, settings)
    outage = LogOutage(settings.log_wait_s)
    with ExitStack() as stack:
        log = yield from open_patiently(stack, settings, outage)
        runner = Runner(
            base_of(root),
            inspectors,
            log,
            settings,
            group_s=GROUP_S,
            unclaimed=inspectors.nobody,
            force=force,
            lookup=(yield from outage.tried(lambda: _has_decisions(log))),
            outage=outage,
        )
        with runner, StudySource(root, settings, runner.workers.pool, runner.wake) as source:
            results = ScanResults(source, log)
            yield from runner.run(source, results)
        head = yield from outage.tried(lambda: keep_head(log, settings))
        remarks = (*remarks, *inspectors.remarks(), *runner.image_store.remarks())
        summary = replace(results.summary(), remarks=remarks, head=head)

        def written() -> Path:
            return scan_report(
                settings.out,
                log,
                runner.image_store,
                results.entries,
                results.rejections,
                summary,
                note,
                backings=[_backing(inspector) for inspector in inspectors],
                remarks=remarks,
                in_clear=made_up,
            )

        try:
            report = yield from outage.tried(written)
        except OSError as e:
            yield replace(summary, remarks=(*remarks, _without_report(settings.out, e)))
        else:
            yield replace(summary, report=report)


def _without_report(out: Path, error: OSError) -> str:
    return f"The report could not be written to {out} ({error.strerror}). All decisions stand in the log; scan again."


def _has_decisions(log: Log) -> bool:
    return next(iter(log.entries(kind="decision", limit=1)), None) is not None


def _backing(inspector: Inspector) -> Backing:
    assert inspector.point is not None  # noqa: S101 - load_all takes none without; for the type checker
    doubts = [*([inspector.suspended] if inspector.suspended else []), *listed_doubts(inspector.mismatches)]
    return Backing(point=inspector.point, doubts=tuple(doubts), certificate=inspector.provenance.certificate_sha256)
