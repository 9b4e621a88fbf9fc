"""Measurement of a fingerprint: counts of all pictures, and the pixels of a balanced sample of train's."""

from __future__ import annotations

import hashlib
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from inspect_ai.datasets.folder import LabelledFolder, Row, unit_of
from inspect_ai.datasets.prepare import Prepared
from inspect_ai.datasets.samples import study_of
from inspect_ai.domain import Floats, Image
from inspect_ai.errors import UsageError
from inspect_ai.planning.detail import Detail, detail_of, shrink_limit
from inspect_ai.planning.fingerprint import Count, Fingerprint, Spread
from inspect_ai.planning.objects import areas_of, objects_of
from inspect_ai.planning.rim import rim_of
from inspect_ai.planning.symmetry import View, symmetries, view_of
from inspect_ai.quality import GREY_LEAST, greyness, luma
from inspect_ai.settings import Settings

MEASURED = 240  # pictures whose pixels are read: a few seconds, and areas under curves to about 0.03
COLOURED = 0.02  # share of coloured pictures from which a folder is coloured; fewer are slips


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Measures of one picture. areas: of its marked objects, in pixels."""

    row: Row
    width: int
    height: int
    depth_bits: int
    grey: bool
    areas: tuple[float, ...]
    detail: Detail
    rim: float
    view: View = field(repr=False, compare=False)


def fingerprint_of(
    ready: Prepared, settings: Settings, *, given_splits: bool, progress: Callable[[int], None] = lambda done: None
) -> Fingerprint:
    """Measure prepared folders of one label set. Raises UsageError for several sets, or without pictures to measure.

    progress: called with the number of pictures measured so far.
    """
    names = {folder.labels.name for folder in ready.folders}
    if len(names) > 1:
        raise UsageError(
            f"These folders have label sets {', '.join(sorted(names))}. A plan is made for one; write a config by hand "
            f"for a task that learns several, as configs/metal_surface.yaml does."
        )
    labels = ready.folders[0].labels
    seen = []
    for folder in ready.folders:
        for one in _seen(folder, _chosen(folder, MEASURED // len(ready.folders)), settings):
            seen.append(one)
            progress(len(seen))
    if not seen:
        raise UsageError(f"{ready.folders[0].source}: no single pictures to measure. Write the config by hand.")
    noise = float(np.median([one.detail.noise for one in seen]))
    lost = tuple(float(np.median(each)) for each in zip(*(one.detail.lost for one in seen), strict=True))
    areas = [area for one in seen for area in one.areas if area > 0]
    shares = [area / (one.width * one.height) for one in seen for area in one.areas if area > 0]
    return Fingerprint(
        data=tuple(folder.root.resolve().name for folder in ready.folders),
        labels=labels.name,
        decides=labels.decides,
        given_splits=given_splits,
        counts=counts_of(ready.folders),
        copies=len(ready.pairs),
        measured=len(seen),
        width_px=_spread([one.width for one in seen]),
        height_px=_spread([one.height for one in seen]),
        aspect=_spread([max(one.width, one.height) / min(one.width, one.height) for one in seen]),
        grey=float(np.mean([one.grey for one in seen])) >= 1.0 - COLOURED,
        depth_bits=max(one.depth_bits for one in seen),
        objects=objects_of(areas, shares, "masks" if any(one.row.masks for one in seen) else "boxes"),
        noise=round(noise, 2),
        lost=tuple(round(each, 2) for each in lost),
        shrink=shrink_limit(lost, noise),
        brightness=_relative([one.detail.mean for one in seen]),
        contrast=_relative([one.detail.spread for one in seen]),
        rim=round(float(np.median([one.rim for one in seen])), 2),
        symmetry=symmetries(
            [one.view for one in seen],
            [one.row.label for one in seen],
            [one.row.label in labels.positive for one in seen],
            [one.row.group for one in seen],
        ),
    )


def counts_of(folders: Sequence[LabelledFolder]) -> tuple[Count, ...]:
    """Count pictures, groups and units by split and class."""
    rows: dict[tuple[str, str], list[tuple[int, Row]]] = defaultdict(list)
    for at, folder in enumerate(folders):
        for row in folder.rows:
            rows[row.split, row.label].append((at, row))
    labels = folders[0].labels
    return tuple(
        Count(
            split=split,
            label=label,
            positive=label in labels.positive,
            pictures=len(found),
            groups=len({(at, row.group) for at, row in found}),
            units=len({(at, unit_of(row, labels)) for at, row in found}),
        )
        for (split, label), found in sorted(rows.items())
    )


def _chosen(folder: LabelledFolder, count: int) -> list[Row]:
    """Rows of train, drawn label by label and group by group in turn, in an order that follows from names alone."""
    train = [row for row in folder.rows if row.split in ("train", "")]
    by_label: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in sorted(train, key=lambda row: hashlib.sha256(row.file.encode()).digest()):
        by_label[row.label][row.group].append(row)
    in_turn = [list(_dealt(list(groups.values()))) for groups in by_label.values()]
    return list(itertools.islice(_dealt(in_turn), count))


def _dealt(piles: Sequence[Sequence[Row]]) -> Iterator[Row]:
    """One of each pile in turn until all are used up."""
    for layer in itertools.zip_longest(*piles):
        yield from (row for row in layer if row is not None)


def _seen(folder: LabelledFolder, rows: Sequence[Row], settings: Settings) -> Iterator[Seen]:
    with folder.unpacked(rows) as root:
        for row in rows:
            study = study_of(root, row.file, settings)
            if study.images:
                image = study.images[0]
                picture = image.unit_range()
                grey = luma(picture)
                yield Seen(
                    row=row,
                    width=grey.shape[1],
                    height=grey.shape[0],
                    depth_bits=_depth_bits(image),
                    grey=_is_grey(picture),
                    areas=tuple(areas_of(root, row)),
                    detail=detail_of(grey),
                    rim=rim_of(grey),
                    view=view_of(grey),
                )


def _is_grey(picture: Floats) -> bool:
    return picture.ndim == 2 or greyness(picture).value >= GREY_LEAST


def _depth_bits(image: Image) -> int:
    return int(image.white).bit_length()


def _spread(values: Sequence[float]) -> Spread:
    least, median, most = (round(float(v), 2) for v in np.percentile(values, (0, 50, 100)))
    return Spread(least=least, median=median, most=most)


def _relative(values: Sequence[float]) -> float:
    """Standard deviation over the mean."""
    return round(float(np.std(values) / max(float(np.mean(values)), 1e-6)), 3)
