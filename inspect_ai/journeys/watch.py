"""Watch journey: each part that a camera puts into a folder becomes one decision, even if this program is killed.

Events of the file system name what changed; a listing in the background is the truth. One decision for each path and
content: the study's digest covers both, so the same picture under another name is another part.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from inspect_ai.audit import HeadKeeper, Log
from inspect_ai.errors import InputError, UsageError
from inspect_ai.ingest.watching.file_events import FileEvents
from inspect_ai.ingest.watching.folder_listing import FolderListing
from inspect_ai.ingest.watching.watched_files import checks_set
from inspect_ai.inspection.events import FileRejected, PartDecided, PartWaiting, WatchEvent, WatchSummary
from inspect_ai.inspection.inspectors import Inspectors
from inspect_ai.inspection.loading import load_all
from inspect_ai.inspection.outages import LogOutage, Notice, open_patiently
from inspect_ai.inspection.runner import Runner
from inspect_ai.inspection.watching.last_entries import LastEntries
from inspect_ai.inspection.watching.watch_results import WatchResults
from inspect_ai.inspection.watching.watched_folder import WatchedFolder
from inspect_ai.settings import Settings

__all__ = ["FileRejected", "Notice", "PartDecided", "PartWaiting", "WatchEvent", "WatchSummary", "watch"]


def watch(folder: Path, settings: Settings, *, once: bool = False, patience_s: float = 600.0) -> Iterator[WatchEvent]:
    """Decide parts as they come, or with `once` those that are there now. Each event is committed before it is yielded.

    A file that is not whole is waited for; after `patience_s` without growth it is taken as it is. While the log is
    locked, on a full disk or away, and while the folder is away, parts wait and notices say so.
    Raises UsageError where there is no such folder or no task is named; AuditError when the log cannot be trusted;
    InputError when, with `once`, the folder went away for good.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder. Name the folder that the camera writes to.")
    if settings.task == "auto":
        raise UsageError("A line inspects one kind of part: name its task with --task. `inspect-ai tasks` lists them.")
    checks_set(settings)
    loaded, _ = load_all(settings)
    inspectors = Inspectors(loaded, settings)
    provenance = loaded[0].provenance
    outage = LogOutage(settings.log_wait_s if once else math.inf)
    with ExitStack() as stack:
        log = yield from open_patiently(stack, settings, outage)
        last_entry = yield from outage.tried(lambda: _last_entries(log, settings))
        runner = stack.enter_context(
            Runner(folder, inspectors, log, settings, group_s=0.0, unclaimed=provenance, outage=outage)
        )
        listing = FolderListing(folder, runner.wake, fast=once)
        events = stack.enter_context(FileEvents(folder, listing.touched))
        stack.enter_context(listing)
        parts = WatchedFolder(
            folder,
            settings,
            runner.workers.pool,
            last_entry,
            listing=listing,
            events=events,
            once=once,
            patience_s=patience_s,
        )
        results = WatchResults(parts, provenance, settings.takt_ms)
        keeper, kept = HeadKeeper(log, settings), None
        try:
            for event in runner.run(parts, results):
                yield event
                keeper.at_intervals()
                yield from _told(keeper)
        finally:  # also where an interrupt ends the watch
            kept = keeper.keep()
        yield replace(results.summary(runner.image_store.lost), head=kept)
    if parts.abandoned:
        raise InputError(f"{folder} went away and did not come back. Mount it again, then run the same command.")


def _told(keeper: HeadKeeper) -> Iterator[Notice]:
    """Yield a notice for each head that could not be kept meanwhile."""
    while keeper.failures:
        yield Notice(subject="heads", message=keeper.failures.pop(0))


def _last_entries(log: Log, settings: Settings) -> LastEntries:
    """Map each path to the row that decided it last."""
    decisions = log.entries(kind="decision", task=settings.task)
    return LastEntries(log.names, {entry.source: entry.id for entry in decisions})
