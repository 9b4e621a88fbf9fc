"""Share of virtual nodules that the candidate finder of lung_nodule keeps: soft spheres anywhere in real lungs.

    python -m benchmarks.speed.lung_candidates --data FOLDER_OF_CT_SERIES [--rounds 20] [--seed 0] [--most 24 48 64 96]

Each round inserts one nodule of each diameter into a fresh copy of the series: -50 to 60 HU, edge blurred by 0.6 mm,
averaged through the slice. Found: one of the first N candidates lies within the radius of the centre in plane (at
least 2 mm) and within radius plus half a slice across. With --boxes FILE.csv (series_uid, sop_instance_uid, row_min,
col_min, row_max, col_max) it also says which candidates lie in boxed tumours.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from inspect_ai import ingest
from inspect_ai.domain import StudyRef, Volume
from inspect_ai.plugins import task_named
from inspect_ai.settings import Settings

DIAMETERS_MM = (4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0, 25.0)
EDGE_MM = 0.6
APART_MM = 40.0
FURTHEST = 300  # rank up to which `found` looks
finder = sys.modules[type(task_named("lung_nodule")).__module__]


@dataclass(frozen=True)
class VirtualNodule:
    """Soft sphere: centre in voxels (slice, row, column)."""

    centre: tuple[float, float, float]
    diameter_mm: float
    hu: float


def insert(volume: Volume, nodules: list[VirtualNodule]) -> Volume:
    """A copy of the series with the nodules in it."""
    hu = volume.hu.copy()
    for nodule in nodules:
        radius = nodule.diameter_mm / 2
        reach = np.ceil((radius + 3 * EDGE_MM) / np.array(volume.spacing_mm) + 1).astype(int)
        middle = np.round(nodule.centre).astype(int)
        low = np.maximum(middle - reach, 0)
        high = np.minimum(middle + reach + 1, hu.shape)
        z, r, c = (np.arange(a, b) for a, b in zip(low, high, strict=True))
        sub = (np.arange(8) + 0.5) / 8 - 0.5  # the slice is as thick as the step
        dz = (z[:, None] + sub - nodule.centre[0]) * volume.spacing_mm[0]
        dr = (r - nodule.centre[1]) * volume.spacing_mm[1]
        dc = (c - nodule.centre[2]) * volume.spacing_mm[2]
        distance = np.sqrt(dz[:, :, None, None] ** 2 + dr[:, None] ** 2 + dc**2)  # [z, 8, r, c]
        inside = np.vectorize(math.erfc)(
            (np.clip(distance, radius - 3, radius + 3) - radius) / (math.sqrt(2) * EDGE_MM)
        )
        share = inside.mean(axis=1) / 2
        part = hu[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
        brighter = np.maximum(part, nodule.hu)  # a nodule on the pleura takes nothing away from the wall
        part[...] = np.round(part + share * (brighter - part))
    return replace(volume, hu=hu)


def random_nodules(volume: Volume, lungs: np.ndarray, random: np.random.Generator) -> list[VirtualNodule]:
    """One of each diameter at random voxels of the lungs' air, apart from each other."""
    places = np.argwhere(lungs)
    factor = np.array(volume.hu.shape) / np.array(lungs.shape)
    made: list[VirtualNodule] = []
    for diameter in DIAMETERS_MM:
        while True:
            centre = (places[random.integers(len(places))] + random.random(3)) * factor - 0.5
            gaps = [np.linalg.norm((centre - m.centre) * volume.spacing_mm) for m in made]
            if min(gaps, default=np.inf) > APART_MM:
                break
        made.append(VirtualNodule(tuple(centre), diameter, float(random.uniform(-50, 60))))
    return made


def rank_of(nodule: VirtualNodule, candidates: list[Any], volume: Volume) -> tuple[int | None, float | None]:
    """0-based rank of the first candidate on the nodule, and its diameter."""
    radius = nodule.diameter_mm / 2
    step, row_mm, col_mm = volume.spacing_mm
    for rank, c in enumerate(candidates):
        aside = math.hypot((c.row - nodule.centre[1]) * row_mm, (c.col - nodule.centre[2]) * col_mm)
        if aside <= max(radius, 2.0) and abs(c.slice_index - nodule.centre[0]) * step <= radius + step / 2:
            return rank, c.diameter_mm
    return None, None


def recall(volume: Volume, rounds: int, seed: int, most: list[int], name: str) -> None:
    """Print the share of inserted nodules among the first candidates, by diameter."""
    lungs = finder.find_lungs(volume)
    random = np.random.default_rng(seed)
    ranks: dict[float, list[tuple[int | None, float | None]]] = {d: [] for d in DIAMETERS_MM}
    counts, spent = [], 0.0
    for _ in range(rounds):
        nodules = random_nodules(volume, lungs.mask, random)
        changed = insert(volume, nodules)
        started = time.process_time()
        candidates = finder.find_candidates(changed, finder.find_lungs(changed), most=FURTHEST)
        spent += time.process_time() - started
        counts.append(len(candidates))
        for nodule in nodules:
            ranks[nodule.diameter_mm].append(rank_of(nodule, candidates, changed))
    print(
        f"\n{name}: {rounds} nodules a size, {np.mean(counts):.0f} candidates, {spent / rounds:.2f} s of CPU a series"
    )
    print(
        "diameter  " + "".join(f"  top {n:<4d}" for n in most) + "   found   median rank   diameter said (10, 50, 90 %)"
    )
    totals = np.zeros(len(most) + 1)
    for diameter, rows in ranks.items():
        hits = [(rank, said) for rank, said in rows if rank is not None]
        shares = [sum(rank < n for rank, _ in hits) / rounds for n in most] + [len(hits) / rounds]
        totals += np.array(shares) / len(ranks)
        rank = f"{np.median([r for r, _ in hits]):.0f}" if hits else "-"
        said = " ".join(f"{v:.1f}" for v in np.percentile([s for _, s in hits], (10, 50, 90))) if hits else "-"
        print(f"{diameter:5.0f} mm  " + "".join(f"{s:8.2f}  " for s in shares) + f"{rank:>10}      {said}")
    print("all       " + "".join(f"{s:8.2f}  " for s in totals))


def boxes(volume: Volume, file: Path, most: list[int]) -> None:
    """Print the candidates that lie inside boxed tumours of this series, and how central they are."""
    rows = [row for row in csv.DictReader(file.open()) if row["series_uid"] == volume.series_uid]
    candidates = finder.find_candidates(volume, finder.find_lungs(volume), most=FURTHEST)
    slices = {uid: i for i, uid in enumerate(volume.sop_instance_uids)}
    hits = []
    for rank, c in enumerate(candidates[: max(most)]):
        for row in rows:
            top, left, bottom, right = (float(row[key]) for key in ("row_min", "col_min", "row_max", "col_max"))
            down, across = (c.row - top) / (bottom - top), (c.col - left) / (right - left)
            if slices[row["sop_instance_uid"]] == c.slice_index and 0 <= down <= 1 and 0 <= across <= 1:
                hits.append(f"rank {rank + 1}, {c.diameter_mm:.0f} mm, {down:.0%} down, {across:.0%} across")
    print(f"boxed tumour in {len(rows)} slices: {len(hits)} of the first {max(most)} candidates lie in it")
    print("\n".join(f"   {hit}" for hit in hits))


def main() -> None:
    """Parse the options and measure every series."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="a folder of CT series (DICOM)")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--most", type=int, nargs="+", default=[24, 48, 64, 96])
    parser.add_argument("--boxes", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    for name, volume in volumes(options.data):
        recall(volume, options.rounds, options.seed, options.most, name)
        if options.boxes:
            boxes(volume, options.boxes, options.most)


def volumes(folder: Path) -> list[tuple[str, Volume]]:
    """All volumes below a folder, through ingest."""
    settings = Settings()
    with ingest.DecoderPool(1, settings.decode_memory_gib) as pool:
        refs = [item for item in ingest.discover(folder, settings=settings, pool=pool) if isinstance(item, StudyRef)]
    return [(ref.key, volume) for ref in refs for volume in ingest.load(folder, ref, settings).volumes]


if __name__ == "__main__":
    main()
