"""Watch journey: each part that a camera puts into a folder becomes one decision, even if this program is killed.

Events of the file system only wake a pass over the folder. One decision for each path and content: the study's digest
covers both, so the same picture under another name is another part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from inspect_ai.audit import HeadKeeper, Log, open_log
from inspect_ai.errors import UsageError
from inspect_ai.ingest.file_events import file_events
from inspect_ai.inspection.events import PartDecided, PartWaiting, WatchEvent, WatchSummary
from inspect_ai.inspection.inspectors import Inspectors
from inspect_ai.inspection.last_entries import LastEntries
from inspect_ai.inspection.loading import load_all
from inspect_ai.inspection.runner import Runner
from inspect_ai.inspection.watch_results import WatchResults
from inspect_ai.inspection.watched_folder import WatchedFolder
from inspect_ai.settings import Settings

__all__ = ["PartDecided", "PartWaiting", "WatchEvent", "WatchSummary", "watch"]


def watch(folder: Path, settings: Settings, *, once: bool = False, patience_s: float = 600.0) -> Iterator[WatchEvent]:
    """Decide parts as they come, or with `once` those that are there now. Each event is committed before it is yielded.

    A file that ends in the middle is waited for; after `patience_s` without growth it ends as ABSTAIN.
    Raises UsageError where there is no such folder or no task is named; AuditError when nothing can be logged.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder. Name the folder that the camera writes to.")
    if settings.task == "auto":
        raise UsageError("A line inspects one kind of part: name its task with --task. `inspect-ai tasks` lists them.")
    loaded, _ = load_all(settings)
    inspectors = Inspectors(loaded, settings)
    provenance = loaded[0].provenance
    with (
        open_log(settings.db, operator=settings.operator, keep_names=settings.keep_names) as log,
        Runner(folder, inspectors, log, settings, group_s=0.0, unclaimed=provenance) as runner,
        file_events(folder, runner.wake),
    ):
        parts = WatchedFolder(folder, settings, runner.workers.pool, _last_entries(log, settings), once, patience_s)
        results = WatchResults(parts, provenance, settings.takt_ms)
        keeper, kept = HeadKeeper(log, settings), None
        try:
            for event in runner.run(parts, results):
                yield event
                keeper.at_intervals()
        finally:  # also where an interrupt ends the watch
            kept = keeper.keep()
        yield replace(results.summary(), head=kept)


def _last_entries(log: Log, settings: Settings) -> LastEntries:
    """Map each path to the row that decided it last."""
    decisions = log.entries(kind="decision", task=settings.task)
    return LastEntries(log.names, {entry.source: entry.id for entry in decisions})
