"""Counting of where pictures of known products go: each folder is scanned with --task auto, as a person would."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.routing.results import RoutingResult, Sent
from benchmarks.routing.tables import texts
from benchmarks.writing import write_files
from inspect_ai.datasets.folder import LabelledFolder, read_folder
from inspect_ai.domain import Decision, Outcome
from inspect_ai.inspection.dataset_scoring import counted_on
from inspect_ai.journeys.scan import StudyDecided, scan
from inspect_ai.plugins import task_named
from inspect_ai.settings import Settings

NOBODY = ""


def bench_routing(
    folders: Sequence[tuple[str, Path]],
    *,
    out: Path,
    settings: Settings,
    split: str = "val",
    most: int = 60,
    progress: Callable[[int], None] = lambda done: None,
) -> RoutingResult:
    """Send the pictures, and write table, CSV and JSON below `out`. Raises UsageError for unknown tasks and labels."""
    from inspect_ai.inspection.loading import load_all

    auto = replace(settings, task="auto", products=())
    ready = tuple(inspector.task.name for inspector in load_all(auto)[0])
    rows, done = [], 0
    for name, place in folders:
        folder = read_folder(place, task_named(name, settings.tasks).config)
        decisions = _decided(folder, split, most, auto, counted_on(progress, done))
        done += len(decisions)
        rows.append(_counted(name, place.resolve().name, decisions))
    found = RoutingResult(split=split, tasks=ready, rows=tuple(rows))
    write_files(out, texts(found))
    return found


def _decided(
    folder: LabelledFolder, split: str, most: int, settings: Settings, progress: Callable[[int], None]
) -> list[Decision]:
    part = folder.part(split)
    chosen = part[:: max(1, len(part) // most)][:most]
    decisions: list[Decision] = []
    with TemporaryDirectory(prefix="routing_") as work, TemporaryDirectory(prefix="routing_in_") as place:
        with folder.unpacked([replace(row, masks=()) for row in chosen]) as root:
            for i, row in enumerate(chosen):
                (Path(place) / f"{i:05d}{Path(row.file).suffix}").write_bytes((root / row.file).read_bytes())
        own = replace(settings, db=Path(work) / "log.db", out=Path(work) / "out")
        for event in scan(Path(place), own):
            if isinstance(event, StudyDecided):
                decisions.append(event.decision)
                progress(len(decisions))
    return decisions


def _counted(task: str, data: str, decisions: Sequence[Decision]) -> Sent:
    nobody = [d for d in decisions if d.provenance.task == NOBODY]
    right = [d for d in decisions if d.provenance.task == task]
    wrong = [d for d in decisions if d.provenance.task not in (task, NOBODY)]
    several = sum("it could be of task" in d.verdict.reason for d in nobody)
    return Sent(
        data=data,
        task=task,
        n=len(decisions),
        right=len(right),
        right_unlike=_abstained(right),
        wrong=len(wrong),
        wrong_unlike=_abstained(wrong),
        several=several,
        none=len(nobody) - several,
        wrong_tasks=tuple(sorted(Counter(d.provenance.task for d in wrong).items())),
    )


def _abstained(decisions: Sequence[Decision]) -> int:
    return sum(d.verdict.outcome is Outcome.ABSTAIN for d in decisions)
