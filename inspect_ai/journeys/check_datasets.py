"""Check of a labelled folder before it is used: what is counted, what is skipped and why, which pictures are copies of
others, and which labels models doubt, on pages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from inspect_ai.datasets.account import Skipped
from inspect_ai.datasets.folder import LabelledFolder, Row, read_folder
from inspect_ai.datasets.joining import joined_too
from inspect_ai.datasets.prepare import Prepared, prepared
from inspect_ai.domain import Account
from inspect_ai.errors import UsageError
from inspect_ai.evaluation.suspect_results import Suspects
from inspect_ai.evaluation.suspects import suspected_labels
from inspect_ai.plugins import Task, find_tasks, task_named
from inspect_ai.report.copy_sheet import write_copy_sheet
from inspect_ai.report.suspect_sheet import write_suspect_sheet
from inspect_ai.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Pictures, groups and independent units of one label in one split.

    units_if_joined: what joining near copies would leave, where a person vouches for the groups; None where it is done.
    """

    split: str
    label: str
    pictures: int
    groups: int
    units: int
    units_if_joined: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Contents of a labelled folder.

    page: of the copies, None where there are none. suspects: where models were given, with their page and table.
    vouched: near copies in different groups that were not joined, since a person vouches for the groups.
    """

    task: str
    labels: str
    counted: tuple[Counted, ...]
    account: Account
    skipped: tuple[Skipped, ...]
    said: tuple[str, ...]
    copies: int
    across_splits: int
    page: Path | None
    suspects: Suspects | None = None
    suspects_page: Path | None = None
    suspects_table: Path | None = None
    vouched: int = 0


def check_dataset(
    data: Path,
    *,
    settings: Settings,
    task_name: str | None = None,
    page: Path | None = None,
    models: Sequence[Path] = (),
    suspects_page: Path | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Checked:
    """Read a labelled folder as training and calibration do, and write the page of its copies.

    task_name: whose labels these are; None for the first installed task that knows them. models: folders of models that
    doubt labels; each picture is judged by those alone that did not train on it. progress: called with the number of
    pictures read, then with that of pictures scored. Raises UsageError, InputError.
    """
    task, folder = _task_of(data, task_name, settings)
    ready = prepared([folder], task.config, settings, progress=progress)
    (kept,) = ready.folders
    place = page or settings.out / "copies.html"
    alike = (*ready.pairs, *ready.vouched)
    if alike:
        write_copy_sheet(place, data, folder, ready, settings)
    suspects, sheet = None, suspects_page or settings.out / "suspects.html"
    if models:
        suspects = suspected_labels(kept, task, models, settings, progress)
        write_suspect_sheet(sheet, sheet.with_suffix(".csv"), kept, suspects, settings)
    return Checked(
        task=task.name,
        labels=kept.labels.name,
        counted=_counted(ready),
        account=ready.account(),
        skipped=kept.skipped,
        said=ready.said,
        copies=len(ready.pairs),
        across_splits=sum(pair.across_splits for pair in alike),
        page=place if alike else None,
        suspects=suspects,
        suspects_page=sheet if models else None,
        suspects_table=sheet.with_suffix(".csv") if models else None,
        vouched=len(ready.vouched),
    )


def _task_of(data: Path, name: str | None, settings: Settings) -> tuple[Task, LabelledFolder]:
    if name is not None:
        task = task_named(name, settings.tasks)
        return task, read_folder(data, task.config)
    refusals = []
    for task in [found.task for found in find_tasks(settings.tasks) if found.task is not None]:
        try:
            return task, read_folder(data, task.config)
        except UsageError as e:
            refusals.append(str(e))
    raise UsageError(f"{data} is of no installed task. {' '.join(dict.fromkeys(refusals))}")


def _counted(ready: Prepared) -> tuple[Counted, ...]:
    (kept,) = ready.folders
    parts = _by_part(kept.rows)
    joined = _by_part(joined_too(ready.folders, ready.vouched)[0].rows) if ready.vouched else {}
    return tuple(
        Counted(
            split=split,
            label=label,
            pictures=len(own),
            groups=len({row.group for row in own}),
            units=len({row.unit for row in own}),
            units_if_joined=len({row.unit for row in joined.get((split, label), ())}) if ready.vouched else None,
        )
        for (split, label), own in sorted(parts.items())
    )


def _by_part(rows: Sequence[Row]) -> dict[tuple[str, str], list[Row]]:
    """Rows by split and label."""
    parts: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        parts.setdefault((row.split, row.label), []).append(row)
    return parts


def by_reason(skipped: Sequence[Skipped]) -> list[tuple[str, int, str]]:
    """Reason, number of files, and the first of them."""
    counts = Counter(one.reason for one in skipped)
    first = {one.reason: one.file for one in reversed(skipped)}
    return [(reason, n, first[reason]) for reason, n in counts.most_common()]
