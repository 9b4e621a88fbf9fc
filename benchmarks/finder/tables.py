"""Tables of the finder benchmark: share of nodules found, by size, against the candidates that it costs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from benchmarks.finder.searching import Ranked
from benchmarks.statistics import Estimate, Values, group_weights, interval
from benchmarks.writing import markdown_table

BANDS_PX = ((0.0, 6.0), (6.0, 8.0), (8.0, 12.0), (12.0, 20.0), (20.0, math.inf))
PROMISED_PX = (8.0, math.inf)  # diameters: above a radius of 4 px
COSTS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # candidates a context beside the nodule
Band = tuple[float, float]


def recall(found: Sequence[Ranked], weakest: float, band_px: Band) -> Estimate:
    """Share of the nodules of a band with a candidate of at least that strength; interval over patients."""
    mine = [one for one in found if band_px[0] <= one.diameter_px < band_px[1]]
    if not mine:
        return Estimate(value=math.nan)
    hit = np.array([one.best >= weakest and one.best > -math.inf for one in mine], np.float64)
    draws = [weights @ hit / np.maximum(weights.sum(axis=1), 1) for weights in group_weights([o.patient for o in mine])]
    low, high = interval(np.concatenate(draws))
    return Estimate(value=float(hit.mean()), low=low, high=high)


def beside(found: Sequence[Ranked], weakest: float) -> float:
    """Candidates a context that lie on nothing that a reader drew."""
    return float(np.mean([(one.beside >= weakest).sum() for one in found]))


def weakest_at(found: Sequence[Ranked], cost: float) -> float:
    """The strength from which candidates cost at most so many a context; -inf where all do."""
    everything: Values = np.sort(np.concatenate([one.beside for one in found]))[::-1]
    allowed = math.floor(cost * len(found))
    return float(np.nextafter(everything[allowed], math.inf)) if allowed < len(everything) else -math.inf


def weakest_for(found: Sequence[Ranked], share: float) -> float:
    """The highest strength that keeps that share of the nodules of PROMISED_PX."""
    best = np.sort([one.best for one in found if one.diameter_px >= PROMISED_PX[0]])
    return float(best[math.floor((1 - share) * len(best) + 1e-9)])


def cost_table(found: Sequence[Ranked], weakest: float) -> str:
    """Recall by size at COSTS, at the product's own limit, and with all candidates."""
    limits = [(f"{cost:g}", weakest_at(found, cost)) for cost in COSTS]
    limits += [("the product's", weakest), ("all", -math.inf)]
    head = ["candidates a context", "a litre of lung", *(_name(band, found) for band in (*BANDS_PX, PROMISED_PX))]
    litres = float(np.mean([one.litres for one in found]))
    rows = []
    for name, limit in limits:
        cost = beside(found, limit)
        shown = name if name[0].isdigit() else f"{name}: {cost:.1f}"
        shares = [written(recall(found, limit, band)) for band in (*BANDS_PX, PROMISED_PX)]
        rows.append([shown, f"{cost / litres:.0f}", *shares])
    return markdown_table(head, rows, left=1)


def written(share: Estimate) -> str:
    """A share with its interval."""
    return "" if math.isnan(share.value) else f"{share.value:.3f} ({share.low:.3f} to {share.high:.3f})"


def _name(band: Band, found: Sequence[Ranked]) -> str:
    count = sum(band[0] <= one.diameter_px < band[1] for one in found)
    span = f"from {band[0]:g}" if math.isinf(band[1]) else f"{band[0]:g} to {band[1]:g}"
    return f"{span} px (n = {count})"
