"""Branching trees that fill a lung: each branch heads for the middle of the region it supplies and splits it in two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float64]
TIP_MM = 0.40  # radius of the last twigs that a scanner shows
MURRAY = 1 / 2.6  # a branch's radius grows with this power of the number of tips that it feeds


@dataclass(frozen=True, slots=True, kw_only=True)
class Branches:
    """Straight pieces of a tree in patient millimetres: start and end [N, 3], radii at both [N]."""

    start: Vectors
    end: Vectors
    radius: Vectors
    end_radius: Vectors

    def thicker(self, limit: float) -> Branches:
        """Pieces of at least this radius."""
        keep = self.radius >= limit
        return self._only(keep)

    def thinner(self, limit: float) -> Branches:
        """Pieces below this radius."""
        return self._only(self.radius < limit)

    def _only(self, keep: NDArray[np.bool_]) -> Branches:
        return Branches(
            start=self.start[keep], end=self.end[keep], radius=self.radius[keep], end_radius=self.end_radius[keep]
        )


def join(trees: list[Branches]) -> Branches:
    """All pieces of several trees."""
    return Branches(
        start=np.concatenate([t.start for t in trees]),
        end=np.concatenate([t.end for t in trees]),
        radius=np.concatenate([t.radius for t in trees]),
        end_radius=np.concatenate([t.end_radius for t in trees]),
    )


def grow_tree(rng: np.random.Generator, root: Vectors, heading: Vectors, tips: Vectors) -> Branches:
    """Grow a tree from root [3], leaving it along heading [3], to every tip [N, 3]."""
    pieces: list[tuple[Vectors, Vectors, float, float]] = []
    waiting = [(root, heading / np.linalg.norm(heading), tips)]
    while waiting:
        place, direction, rest = waiting.pop()
        radius = TIP_MM * len(rest) ** MURRAY
        if len(rest) == 1:
            _bend(rng, pieces, place, direction, rest[0], radius, 0.6 * radius)
            continue
        middle = rest.mean(0)
        goal = place + (middle - place) * rng.uniform(0.20, 0.42) + rng.normal(0, 0.6, 3)
        new_direction = _bend(rng, pieces, place, direction, goal, radius, 0.93 * radius)
        spread = rest - middle
        axis = np.linalg.eigh(spread.T @ spread)[1][:, -1] + rng.normal(0, 0.25, 3)
        along = spread @ axis
        cut = np.quantile(along, rng.uniform(0.28, 0.72))
        sides = along <= cut
        if sides.all() or not sides.any():
            sides = np.arange(len(rest)) < len(rest) // 2
        waiting += [(goal, new_direction, rest[sides]), (goal, new_direction, rest[~sides])]
    start, end, radius_, end_radius = (np.array(column) for column in zip(*pieces, strict=True))
    return Branches(start=start, end=end, radius=radius_, end_radius=end_radius)


def _bend(
    rng: np.random.Generator,
    pieces: list[tuple[Vectors, Vectors, float, float]],
    place: Vectors,
    direction: Vectors,
    goal: Vectors,
    radius: float,
    end_radius: float,
) -> Vectors:
    """Add a curve from place to goal that leaves along `direction`; returns the heading at its end."""
    length = float(np.linalg.norm(goal - place))
    count = int(np.clip(length / 4, 2, 7))
    knee = place + direction * (0.30 * length) + rng.normal(0, 0.035, 3) * length
    t = np.linspace(0, 1, count + 1)[:, None]
    path = (1 - t) ** 2 * place + 2 * t * (1 - t) * knee + t**2 * goal
    radii = np.linspace(radius, end_radius, count + 1)
    pieces += [(path[i], path[i + 1], radii[i], radii[i + 1]) for i in range(count)]
    leave = path[-1] - path[-2]
    return np.asarray(leave / max(float(np.linalg.norm(leave)), 1e-9), np.float64)


def airways(rng: np.random.Generator, tree: Branches, least_mm: float) -> Branches:
    """Bronchi beside the arteries: the tree's thicker pieces, moved sideways by what both need."""
    thick = tree.thicker(least_mm)
    up = np.array([0.35, -0.55, 0.75]) + rng.normal(0, 0.05, 3)
    run = thick.end - thick.start
    side = np.cross(run, up)
    side /= np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-6)
    lumen = 0.85 * np.minimum(thick.radius, 3.2)
    move = side * (thick.radius + lumen + 0.9)[:, None]
    return Branches(start=thick.start + move, end=thick.end + move, radius=lumen, end_radius=lumen * 0.96)
