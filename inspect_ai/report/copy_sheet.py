"""Sheet of a labelled folder's copies: from pairs to sets of one content, with a small view of each picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from inspect_ai.datasets.folder import LabelledFolder, Row
from inspect_ai.datasets.joining import CopyPair
from inspect_ai.datasets.prepare import Prepared
from inspect_ai.report.copies import CopyPicture, CopySet, write_copies_page
from inspect_ai.report.small_views import small_views
from inspect_ai.settings import Settings

SETS_MOST, PICTURES_MOST = 80, 8


def write_copy_sheet(place: Path, data: Path, folder: LabelledFolder, ready: Prepared, settings: Settings) -> None:
    """Write the page of the copies in folder `data`, joined or told alone as `ready` has them. Raises SetupError."""
    every = _sets((*ready.pairs, *ready.vouched))
    shown = [(rows[:PICTURES_MOST], len(rows), alike) for rows, alike in every[:SETS_MOST]]
    splits = {row.file: row.split for row in ready.folders[0].rows}
    views = small_views(folder, [row for rows, _, _ in shown for row in rows], settings)
    sets = [
        CopySet(
            pictures=tuple(
                CopyPicture(
                    file=row.file,
                    split=row.split or splits.get(row.file, ""),
                    label=row.label,
                    group=row.group,
                    jpeg=views[row.file],
                )
                for row in rows
            ),
            alike=alike,
            more=n - len(rows),
        )
        for rows, n, alike in shown
    ]
    sentences = [*ready.said, ready.account().sentence]
    write_copies_page(place, data=data.resolve().name, sentences=sentences, sets=sets, more=len(every) - len(sets))


def _sets(pairs: Sequence[CopyPair]) -> list[tuple[list[Row], float]]:
    """Rows of one content and the least likeness among their pairs; those across labels and splits first."""
    rows: dict[str, Row] = {}
    of: dict[str, str] = {}
    least: dict[str, float] = {}
    for pair in pairs:
        names = []
        for row in (pair.first[1], pair.second[1]):
            rows[row.file] = row
            of.setdefault(row.file, row.file)
            names.append(of[row.file])
        keep, gone = names
        for file, name in of.items():
            if name == gone:
                of[file] = keep
        least[keep] = min(least.get(keep, 1.0), least.get(gone, 1.0), pair.alike)
    members: dict[str, list[Row]] = {}
    for file, name in of.items():
        members.setdefault(name, []).append(rows[file])
    return sorted(
        ((own, least[name]) for name, own in members.items()),
        key=lambda one: (-len({r.label for r in one[0]}), -len({r.split for r in one[0]}), -len(one[0])),
    )
