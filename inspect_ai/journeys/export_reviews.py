"""Export journey: answered cases as a labelled folder that train, calibrate and evaluate read, with their provenance.

People answer what the machine flagged first, so answered cases lean towards high scores: a threshold calibrated on them
would promise too much. For calibration count only those that the hash of their entry drew (review/random_audit.py),
flagged or not: nobody chose them, and scores had no part in it. All others are for training.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from inspect_ai.audit import Kind, Log
from inspect_ai.errors import InputError, UsageError
from inspect_ai.ingest import DecoderPool
from inspect_ai.plugins import task_named
from inspect_ai.review import Case, ReviewState, case
from inspect_ai.review.random_audit import drawn
from inspect_ai.review.samples import Sample, Samples
from inspect_ai.secret import make_private_folder, write_private
from inspect_ai.settings import Settings
from inspect_ai.text import printable

SAME_PERSON = "of a patient or part with another case for calibration: no group may stand in two parts"
ANSWERED = (ReviewState.POSITIVE, ReviewState.NEGATIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """Result: pictures by split, and how many answered cases, or places in them, were left out, by reason."""

    folder: Path
    splits: tuple[tuple[str, int], ...]
    left_out: tuple[tuple[str, int], ...]
    drawn_waiting: int  # drawn by chance and not answered yet: without them the calibration part is no fair sample


def export_reviews(
    log: Log,
    task_name: str,
    out: Path,
    *,
    roots: Sequence[Path],
    settings: Settings,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Exported:
    """Write OUT/labels.csv, OUT/images and OUT/masks of the answered cases of a task.

    The audit rate of the settings says which cases chance drew. Raises UsageError for a folder that holds something, an
    unknown task, or a place that cannot be written. progress: called with the cases done and their number.
    """
    task = task_named(task_name, settings.tasks)
    cases = _answered(log, task_name)
    samples: list[Sample] = []
    left_out: Counter[str] = Counter()
    try:
        if out.exists() and any(out.iterdir()):
            raise UsageError(f"{out} holds something already. Name a new folder with --out.")
        for name in ("images", "masks"):
            make_private_folder(out / name)
        with DecoderPool(1, settings.decode_memory_gib) as pool:
            writer = Samples(log=log, task=task, out=out, roots=tuple(roots), settings=settings, pool=pool)
            for done, answered in enumerate(cases, 1):
                try:
                    found, lost = writer.of(answered)
                    samples += found
                    left_out.update(lost)
                except InputError as e:
                    left_out[printable(str(e), 200)] += 1
                progress(done, len(cases))
        kept = _one_part_a_group(samples)
        for sample in set(samples) - set(kept):
            left_out[SAME_PERSON] += 1
            for name in filter(None, (sample.file, sample.masks)):
                (out / name).unlink()
        write_private(out / "labels.csv", _table(kept, task.config.labels[0].mask_column or "masks"))
    except OSError as e:
        raise UsageError(f"{out} cannot be written ({e.strerror}). Name another folder with --out.") from e
    splits = Counter(sample.split for sample in kept)
    return Exported(
        folder=out,
        splits=tuple(sorted(splits.items())),
        left_out=tuple(left_out.most_common()),
        drawn_waiting=_drawn_waiting(log, task_name, settings.audit_rate),
    )


def _answered(log: Log, task: str) -> list[Case]:
    """Cases of a task that are answered positive or negative, each content once: its newest decision."""
    newest: dict[str, Case] = {}
    for entry_id in dict.fromkeys(entry.refers for entry in log.entries(kind=Kind.REVIEW)):
        found = None if entry_id is None else case(log, entry_id)
        if found is not None and found.decision.task == task and found.state in ANSWERED:
            newest[found.decision.subject] = found
    return sorted(newest.values(), key=lambda found: found.decision.id)


def _drawn_waiting(log: Log, task: str, rate: float) -> int:
    """Decisions that chance drew and nobody answered positive or negative."""
    drawn_ones = (entry.id for entry in log.entries(kind=Kind.DECISION, task=task) if drawn(entry, rate))
    return sum(case(log, entry_id).state not in ANSWERED for entry_id in drawn_ones) if rate > 0.0 else 0


def _one_part_a_group(samples: Sequence[Sample]) -> list[Sample]:
    """Samples without those for training whose group has others for calibration."""
    calibrates = {sample.group for sample in samples if sample.split == "calibration"}
    return [sample for sample in samples if sample.split == "calibration" or sample.group not in calibrates]


def _table(samples: Sequence[Sample], masks: str) -> bytes:
    """labels.csv; masks: the column in which the task looks for them."""
    names = [field.name for field in fields(Sample)]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([masks if name == "masks" else name for name in names])
    table.writerows([getattr(sample, name) for name in names] for sample in samples)
    return text.getvalue().encode()
