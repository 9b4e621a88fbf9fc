"""Search of contexts by the product's finder: blobs, their features, and which of them lie on the nodule."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.finder.contexts import PIXEL_MM, Context
from benchmarks.statistics import Values
from inspect_ai.plugins import task_named

LEAST_RADIUS_PX = 3.0  # a candidate this near the centre is on it, however small the nodule
AIR_HU, ROOM_HU, LEAST_LUNG_MM3 = -400, -930.0, 500.0
APART_PX = 2  # around what any reader drew, a blob is neither a hit nor a false candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """Blobs of one context: strength [N] by the product's ranking, on_nodule [N], beside [N]: on what no reader drew.

    blobs: as the plugin gives them; litres: of lung in the context.
    """

    context: Context
    blobs: Any = field(repr=False)
    on_nodule: NDArray[np.bool_] = field(compare=False, repr=False)
    beside: NDArray[np.bool_] = field(compare=False, repr=False)
    litres: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """One context after merging: strength of the best candidate on the nodule (-inf: none), and of those beside."""

    diameter_px: float
    readers: int
    patient: str
    best: float
    beside: Values = field(compare=False, repr=False)
    litres: float


def plugin(name: str) -> Any:
    """Module of the task lung_nodule, such as blobs or candidates."""
    package = type(task_named("lung_nodule")).__module__.partition(".")[0]
    found = [module for module in sys.modules if module.partition(".")[0] == package and module.endswith(f".{name}")]
    return sys.modules[found[0]] if found else import_module(f"{package}.{name}")


def search(contexts: Iterable[Context], on_progress: Callable[[str], None] = lambda text: None) -> list[Searched]:
    """Blobs of all contexts of certain nodules."""
    found = []
    for context in contexts:
        if context.certain:
            found.append(_searched(context))
            if len(found) % 100 == 0:
                on_progress(f"{len(found)} contexts searched")
    return found


def _searched(context: Context) -> Searched:
    volume, lungs = context.volume, context_lungs(context)
    blobs = plugin("blobs").find_blobs(volume, lungs)
    places = blobs.places_mm / np.array(volume.spacing_mm) - 0.5
    aside = np.hypot(places[:, 1] - context.centre_px[0], places[:, 2] - context.centre_px[1])
    drawn = cv2.dilate(context.votes.max(axis=0), np.ones((2 * APART_PX + 1,) * 2, np.uint8))
    cells = np.clip(np.rint(places[:, 1:]).astype(int), 0, np.array(drawn.shape) - 1)
    on_nodule = aside <= max(context.diameter_px / 2, LEAST_RADIUS_PX)
    return Searched(
        context=context,
        blobs=blobs,
        on_nodule=on_nodule,
        beside=~on_nodule & (drawn[tuple(cells.T)] == 0),
        litres=lungs.litres,
    )


def context_lungs(context: Context) -> Any:
    """Lungs of a context: its air, the room left out. The product's own search for lungs needs the whole chest."""
    lungs, grid = plugin("lungs"), plugin("grid")
    hu, spacing = grid.shrink(context.hu, context.volume.spacing_mm, lungs.GRID_MM)
    labels, count = ndimage.label(hu < AIR_HU)
    mask = np.zeros(hu.shape, np.uint8)
    for label in range(1, count + 1):
        part = labels == label
        if part.sum() * np.prod(spacing) > LEAST_LUNG_MM3 and np.median(hu[part]) > ROOM_HU:
            mask |= part.astype(np.uint8)
    air = float(np.median(hu[mask > 0])) if mask.any() else np.nan
    return lungs.Lungs(mask=mask, spacing_mm=spacing, air_hu=air, tissue_hu=np.nan)


def ranked(searched: Sequence[Searched], strengths: Sequence[Values], merge_mm: float, most: int) -> list[Ranked]:
    """Candidates as the product merges them, for strengths [N] of each context's blobs."""
    merged = plugin("candidates").merged
    answer = []
    for one, strength in zip(searched, strengths, strict=True):
        kept = np.array(merged(one.blobs, strength, merge_mm, most), int)
        hits = strength[kept][one.on_nodule[kept]]
        answer.append(
            Ranked(
                diameter_px=one.context.diameter_px,
                readers=one.context.readers,
                patient=one.context.patient,
                best=float(hits.max()) if len(hits) else -np.inf,
                beside=np.sort(strength[kept][one.beside[kept]])[::-1],
                litres=one.litres,
            )
        )
    return answer


def assumed_mm(diameter_px: float) -> float:
    """Diameter at the assumed pixel."""
    return diameter_px * PIXEL_MM
