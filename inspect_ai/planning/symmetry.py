"""Symmetry of a kind of picture, measured on pixels without training a network.

Two samples: pictures as they are, and the same pictures turned or mirrored. A linear classifier, cross-validated by
group, tries to tell them apart (classifier two-sample test, Lopez-Paz and Oquab, arXiv 1610.06545); what it cannot tell
changes nothing about the look. It is asked twice: about the whole look (layout of brightness, directed slopes, so also
light that falls from one side) and about the shape alone (directions of edges and grain). It is asked for each label as
well: where one label runs one way and another label the other, only the whole looks symmetric. Last, whether turning
makes pictures of one side look like those of the other: then the direction carries the label.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.domain import Floats

LAYOUT_PX = 64  # side of the picture whose layout and slopes are compared
CROP_PX = 160  # side of the central piece at full resolution whose slopes are compared: grain, grinding marks
DIRECTIONS = 12  # bins of the direction of slopes, over the full circle
CELLS = 4  # of a side: slopes are counted in so many cells, since a hole or a label stands at one place
TILES = 8  # of a side, for the coarse layout of brightness
FOLDS = 5
RESAMPLES = 200  # of groups, for the interval
LEAST_GROUPS = 20  # of a label; with fewer nothing is said about it alone
MOST_LABELS = 8  # that are asked for one by one, the largest first

Vectors = NDArray[np.float64]
Turned = Callable[[Floats, float], Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class Symmetry:
    """Degree to which turned pictures can be told from those as they are: 0.5 not at all, 1 each of them.

    look, shape: areas under the curve, of the label for which it is largest; *_low: lower 95 % limits over groups.
    crossing: area under the curve of "looks like the other side of the decision", turned against as it is; 0.5 where
    turning says nothing about the label, and where the sides cannot be told by these measures anyway. groups: number of
    independent ones behind it; from few of them nothing follows.
    """

    look: float
    look_low: float
    shape: float
    shape_low: float
    crossing: float
    groups: int


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Parts of one picture that the tests see: a small square of the whole, and a central piece at full resolution."""

    whole: Floats  # [2 * LAYOUT_PX, 2 * LAYOUT_PX] grey
    piece: Floats  # [up to CROP_PX, the same] grey


def view_of(grey: Floats) -> View:
    """[H, W] in 0..1 -> its View: central squares, so that a quarter turn fits."""
    side = min(grey.shape)
    square = np.ascontiguousarray(_central(grey, side))
    how = cv2.INTER_AREA if side > 2 * LAYOUT_PX else cv2.INTER_LINEAR
    whole = cv2.resize(square, (2 * LAYOUT_PX, 2 * LAYOUT_PX), interpolation=how)
    return View(whole=np.asarray(whole, np.float32), piece=np.ascontiguousarray(_central(grey, min(side, CROP_PX))))


# Each passes the same blur, the picture as it is too, so that sharpness tells nothing.
TURNS: dict[str, Turned] = {
    "mirror": lambda square, _: _rotated(square[:, ::-1], 0.0),
    "upside_down": lambda square, _: _rotated(square[::-1], 0.0),
    "quarter_turn": lambda square, angle: _rotated(np.rot90(square, 1 if angle < 180 else 3), 0.0),
    "any_angle": lambda square, angle: _rotated(square, angle),
}


def symmetries(
    views: Sequence[View], labels: Sequence[str], positive: Sequence[bool], groups: Sequence[str], seed: int = 0
) -> dict[str, Symmetry]:
    """Test each turn of TURNS. labels, positive (side of the decision), groups: one a view."""
    angles = np.random.default_rng(seed).uniform(0, 360, len(views))
    still = _Sample([_rotated(v.whole, 0.0) for v in views], [_rotated(v.piece, 0.0) for v in views])
    names, group = np.unique(np.array(groups), return_inverse=True)
    fold = (np.random.default_rng(seed).permutation(len(names)) % FOLDS)[group]
    asked = _Asked(labels=np.array(labels), positive=np.array(positive), group=group, fold=fold, seed=seed)
    found = {}
    for name, turn in TURNS.items():
        pairs = list(zip(views, angles, strict=True))
        turned = _Sample([turn(v.whole, a) for v, a in pairs], [turn(v.piece, a) for v, a in pairs])
        look, look_low = _most_visible(still.look, turned.look, asked)
        shape, shape_low = _most_visible(still.shape, turned.shape, asked)
        found[name] = Symmetry(
            look=look,
            look_low=look_low,
            shape=shape,
            shape_low=shape_low,
            crossing=_crossing(still.shape, turned.shape, asked),
            groups=len(names),
        )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """Columns beside the views: label, side, number of its group, and fold of that group."""

    labels: NDArray[np.str_]
    positive: NDArray[np.bool_]
    group: NDArray[np.intp]
    fold: NDArray[np.intp]
    seed: int

    def kinds(self) -> list[NDArray[np.intp]]:
        """Rows of all views, and of each label that has enough groups."""
        rows = [np.flatnonzero(self.labels == label) for label in np.unique(self.labels)]
        enough = [found for found in rows if len(np.unique(self.group[found])) >= LEAST_GROUPS]
        return [np.arange(len(self.labels)), *sorted(enough, key=len, reverse=True)[:MOST_LABELS]]


class _Sample:
    """Vectors of one sample of pictures. look, shape: [N, features]."""

    def __init__(self, wholes: Sequence[Floats], pieces: Sequence[Floats]) -> None:
        looks, shapes = [], []
        for whole, piece in zip(wholes, pieces, strict=True):
            small = np.asarray(cv2.resize(whole, (LAYOUT_PX, LAYOUT_PX), interpolation=cv2.INTER_AREA), np.float32)
            slopes = np.concatenate([_slopes(small, CELLS), _slopes(piece, 1)])  # [cells, DIRECTIONS]
            edges = slopes[:, : DIRECTIONS // 2] + slopes[:, DIRECTIONS // 2 :]  # a dark and a bright edge are one
            looks.append(np.concatenate([_shares(slopes.ravel()), _layout(small)]))
            shapes.append(np.concatenate([_shares(cell) for cell in edges]))
        self.look: Vectors = np.stack(looks)
        self.shape: Vectors = np.stack(shapes)


def _most_visible(still: Vectors, turned: Vectors, asked: _Asked) -> tuple[float, float]:
    """AUC and its lower limit, for all views or for the label where that limit is highest."""
    found = []
    for rows in asked.kinds():
        scores = np.stack(_held_out_scores(still[rows], turned[rows], asked.fold[rows], (still[rows], turned[rows])))
        found.append(_area_over_groups(scores, asked.group[rows], asked.seed))
    auc, low = max(found, key=lambda pair: pair[1])
    return round(auc, 3), round(low, 3)


def _crossing(still: Vectors, turned: Vectors, asked: _Asked) -> float:
    """Area under the curve by which turning moves pictures of either side towards the other; the larger of both."""
    sides = [np.flatnonzero(asked.positive == side) for side in (False, True)]
    if min(len(np.unique(asked.group[rows])) for rows in sides) < FOLDS:
        return 0.5
    every = np.arange(len(asked.positive))
    as_is, moved = np.zeros(len(every)), np.zeros(len(every))
    for fold in range(FOLDS):
        held, learnt = asked.fold == fold, asked.fold != fold
        if not held.any() or len(np.unique(asked.positive[learnt])) < 2:
            continue
        model = _linear(still[learnt], asked.positive[learnt])
        as_is[held], moved[held] = model(still[held]), model(turned[held])
    negative, positive = sides
    towards_positive = _area(moved[negative], as_is[negative])
    towards_negative = _area(-moved[positive], -as_is[positive])
    told = _area(as_is[positive], as_is[negative])  # without a way to tell the sides, a move says nothing
    return round(max(towards_positive, towards_negative), 3) if told > 0.6 else 0.5


def _held_out_scores(
    first: Vectors, second: Vectors, fold: NDArray[np.intp], judged: tuple[Vectors, Vectors]
) -> tuple[Vectors, Vectors]:
    """Scores of `judged` by classifiers of first (0) against second (1) that saw nothing of their group."""
    scores = (np.zeros(len(fold)), np.zeros(len(fold)))
    for held in (fold == number for number in np.unique(fold)):
        if held.all():
            continue
        model = _linear(np.concatenate([first[~held], second[~held]]), np.repeat([False, True], int((~held).sum())))
        for part, vectors in zip(scores, judged, strict=True):
            part[held] = model(vectors[held])
    return scores


def _linear(vectors: Vectors, truth: NDArray[np.bool_]) -> Callable[[Vectors], Vectors]:
    """Linear discriminant with Ledoit and Wolf's shrinkage."""
    from sklearn.covariance import ledoit_wolf

    means = [vectors[truth == side].mean(axis=0) for side in (False, True)]
    centred = np.concatenate([vectors[truth == side] - mean for side, mean in zip((False, True), means, strict=True)])
    covariance, _ = ledoit_wolf(centred, assume_centered=True)
    weights = np.linalg.solve(covariance + 1e-9 * np.eye(len(covariance)), means[1] - means[0])
    middle = (means[0] + means[1]) / 2
    return lambda judged: np.asarray((judged - middle) @ weights, np.float64)


def _area_over_groups(scores: Vectors, group: NDArray[np.intp], seed: int) -> tuple[float, float]:
    """Area under the curve of scores [2, N], and the 5th percentile of it over resampled groups."""
    names, number = np.unique(group, return_inverse=True)
    wins = (scores[1][:, None] > scores[0][None]) + 0.5 * (scores[1][:, None] == scores[0][None])
    member = np.zeros((len(names), len(number)))
    member[number, np.arange(len(number))] = 1.0
    won, count = member @ wins @ member.T, np.outer(member.sum(axis=1), member.sum(axis=1))  # group by group
    draws = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), RESAMPLES)
    areas = np.einsum("bg,gh,bh->b", draws, won, draws) / np.einsum("bg,gh,bh->b", draws, count, draws)
    return float(won.sum() / count.sum()), float(np.percentile(areas, 5))


def _area(high: Vectors, low: Vectors) -> float:
    wins = (high[:, None] > low[None]) + 0.5 * (high[:, None] == low[None])
    return float(wins.mean())


def _slopes(grey: Floats, cells: int) -> Vectors:
    """[side, side] -> [cells * cells, DIRECTIONS]: sums of slopes by direction, in each cell, inside a disc."""
    side = len(grey)
    right, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    size, angle = cv2.cartToPolar(right, down)
    bins = (angle * (DIRECTIONS / (2 * np.pi))).astype(np.intp) % DIRECTIONS
    place = (np.arange(side) * cells) // side
    index = (place[:, None] * cells + place[None]) * DIRECTIONS + bins
    disc = _disc(side)
    counted = np.bincount(index[disc], weights=size[disc], minlength=cells * cells * DIRECTIONS)
    return np.asarray(counted.reshape(cells * cells, DIRECTIONS), np.float64)


def _shares(counted: Vectors) -> Vectors:
    """Square roots of the shares: differences of them are Hellinger's distance."""
    return np.asarray(np.sqrt(counted / max(float(counted.sum()), 1e-9)), np.float64)


def _layout(small: Floats) -> Vectors:
    """[LAYOUT_PX, LAYOUT_PX] -> [TILES * TILES]: standardised brightness inside the disc."""
    disc = _disc(LAYOUT_PX)
    inside = small[disc]
    even = np.where(disc, (small - inside.mean()) / max(float(inside.std()), 1e-3), 0.0).astype(np.float32)
    return np.asarray(cv2.resize(even, (TILES, TILES), interpolation=cv2.INTER_AREA).ravel() / TILES, np.float64)


def _disc(side: int) -> NDArray[np.bool_]:
    """[side, side]: inside the largest circle, less a rim, which a turn leaves where it is."""
    rows, cols = np.indices((side, side)) - (side - 1) / 2
    return np.asarray(np.hypot(rows, cols) < 0.47 * side, np.bool_)


def _rotated(square: Floats, angle: float) -> Floats:
    """Rotation about the centre in degrees, after a slight blur."""
    smooth = cv2.GaussianBlur(np.ascontiguousarray(square), (0, 0), 1.0)
    centre = ((square.shape[1] - 1) / 2, (square.shape[0] - 1) / 2)
    matrix = cv2.getRotationMatrix2D(centre, angle, 1.0)
    return np.asarray(
        cv2.warpAffine(smooth, matrix, square.shape[::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101),
        np.float32,
    )


def _central(grey: Floats, side: int) -> Floats:
    top, left = (grey.shape[0] - side) // 2, (grey.shape[1] - side) // 2
    return grey[top : top + side, left : left + side]
