"""A table of annotated nodules beside a folder of series: what is in one of them alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from inspect_ai.datasets.annotations import AnnotatedNodule
from inspect_ai.domain import Volume
from inspect_ai.evaluation.series_response import SeriesMarks
from inspect_ai.inspection.series_search import LISTED


def by_series(nodules: Sequence[AnnotatedNodule]) -> dict[str, list[AnnotatedNodule]]:
    """Nodules of each series."""
    found: dict[str, list[AnnotatedNodule]] = {}
    for nodule in nodules:
        found.setdefault(nodule.series_uid, []).append(nodule)
    return found


def outside_series(volume: Volume, nodules: Sequence[AnnotatedNodule]) -> list[str]:
    """A sentence on nodules whose centre the series does not hold: coordinates of another system, mostly."""
    lost = []
    for nodule in nodules:
        if nodule.centre_mm is not None:
            voxel = volume.voxel_at(nodule.centre_mm)
            if any(not -1 <= at <= count for at, count in zip(voxel, volume.hu.shape, strict=True)):
                lost.append(nodule.name)
        elif not {box.sop_instance_uid for box in nodule.boxes} & set(volume.sop_instance_uids):
            lost.append(nodule.name)
    if not lost:
        return []
    return [
        f"series {volume.series_uid}: annotated nodules that lie outside it: {len(lost)} ({', '.join(lost[:LISTED])}). "
        "Positions are patient coordinates in millimetres, x to the left, y to the back, z to the head (LPS)"
    ]


def not_in_both(wanted: dict[str, list[AnnotatedNodule]], scans: Sequence[SeriesMarks]) -> list[str]:
    """Sentences on series that the table or the folder alone has."""
    there = Counter(scan.series_uid for scan in scans)
    absent = [name for name in wanted if name not in there]
    unnamed = sum(name not in wanted for name in there)
    said = []
    if absent:
        lost = sum(len(wanted[name]) for name in absent)
        said.append(
            f"series of the table that are not in the folder count nowhere: {len(absent)}, nodules in them: {lost}"
        )
    if unnamed:
        said.append(f"series of the folder that are not in the table count as without nodules: {unnamed}")
    return said
