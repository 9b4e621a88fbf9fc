"""Distance of a new picture from those of calibration, and its conformal p-value.

The groups of pictures are split into FOLDS parts. Each part is ranked by a distance that was fitted to the others, so
no picture is judged by itself or its own group; a new one is ranked in all parts (cross-conformal: Vovk, Annals of
Mathematics and Artificial Intelligence 74, 2015). Promised: where new good pictures are exchangeable with those of
calibration, each part alone would call at most a share `level` of them untypical, marginally over calibration and
picture; all together in the worst case twice as many, and in simulation and on val no more than the level. Ranking in
one part alone would keep the worst case at the level, but in a part of few pictures a single outlier would disable it.
Pictures of one group (a tile, a patient) resemble each other: an outlying group may make more false alarms than the
level among its own pictures, and below about 100 groups the level is not proved for pictures of a new group. Nothing
is promised about pictures of another kind: the share that is caught is measured (`benchmarks.gate`).

An untypical picture is left to a person, so a positive among them is no miss. A threshold is proved over positives as
if none were untypical, and abstention can only lower the share that is cleared, so the proof remains valid. The price
is work, hence the rate of abstention is reported beside the sensitivity.

Two distances. MAHALANOBIS: covariance shrunk after Ledoit and Wolf (Journal of Multivariate Analysis 88, 2004), for the
many features of a network. NEAREST: to the nearest picture, for the few measures of quality, which come in clusters.
The p-values by measures and by features, and those of several pictures of a study, are combined by Bonferroni.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from inspect_ai.errors import UsageError

Rows = NDArray[np.float64]
Single = NDArray[np.float32]

LEVEL = 0.01  # p below it: untypical
MOST = 4000  # pictures that a reference is made from, chosen by digest; keeps the file below 1 MB
FOLDS = 4  # the more, the more pictures fit each distance, and the larger the file
TINY = 1e-9
LARGEST = 6e4  # half precision ends there


class Method(StrEnum):
    """Kind of distance."""

    NEAREST = "nearest"
    MAHALANOBIS = "mahalanobis"


@dataclass(frozen=True, slots=True, kw_only=True)
class Distance:
    """Distance of a vector [F] from the pictures that it was fitted to. In half precision, for a small file.

    MAHALANOBIS: axes [F, F] whiten a centred vector, seen is [0, F]. NEAREST: axes is [0, 0], seen [n, F].
    held: [m] distances of the pictures held out of the fit, ascending; a new picture is ranked among them.
    """

    method: Method
    centre: Single = field(compare=False, repr=False)  # [F]
    axes: Single = field(compare=False, repr=False)
    seen: Single = field(compare=False, repr=False)
    held: Single = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Typicality:
    """Reference of the calibration pictures, by the quality measures `names` and by features; a distance for each fold.

    features: empty where the graph has no such output.
    """

    names: tuple[str, ...]
    quality: tuple[Distance, ...]
    features: tuple[Distance, ...]

    @property
    def n(self) -> int:
        """Number of calibration pictures among which a new one is ranked."""
        return sum(len(distance.held) for distance in self.quality)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Calibration pictures, row by row: measures [N, M], features [N, F] or None, group and digest of each."""

    names: tuple[str, ...]
    quality: Rows = field(compare=False, repr=False)
    features: Rows | None = field(compare=False, repr=False)
    groups: Sequence[str]
    digests: Sequence[str]

    def part(self, rows: NDArray[np.bool_]) -> Seen:
        """Select pictures by mask."""
        return self.at(np.flatnonzero(rows).tolist())

    def at(self, chosen: Sequence[int]) -> Seen:
        """Select pictures by index, in this order."""
        return Seen(
            names=self.names,
            quality=self.quality[list(chosen)],
            features=None if self.features is None else self.features[list(chosen)],
            groups=[self.groups[i] for i in chosen],
            digests=[self.digests[i] for i in chosen],
        )


def least_pictures(tests: int, level: float = LEVEL) -> int:
    """Fewest pictures n with which one of `tests` p-values can fall below the level: tests / (n + 1) < level."""
    return math.floor(tests / level)


def typicality(
    seen: Seen, *, quality: Method = Method.NEAREST, features: Method = Method.MAHALANOBIS
) -> tuple[Typicality, Rows]:
    """Fit the reference; returns it with [N] p-values of the same pictures. The order of the pictures does not matter.

    Each picture's own p-value is by the fold that was fitted without it, ranked among the others of the fold. Raises
    UsageError where vectors are no numbers, or too few for any picture ever to be called untypical.
    """
    _refuse(seen)
    order = sorted(range(len(seen.groups)), key=lambda i: (seen.digests[i], seen.groups[i]))
    seen = seen.at(order)
    fold, kept = folds(seen.groups), np.arange(len(order)) < MOST
    by_measures = _fitted(seen.quality, fold, kept, quality)
    by_features = () if seen.features is None else _fitted(seen.features, fold, kept, features)
    own = [_own(by_measures, seen.quality, fold)]
    if seen.features is not None:
        own.append(_own(by_features, seen.features, fold))
    p = np.empty(len(order))
    p[order] = np.minimum(len(own) * np.min(own, axis=0), 1.0)
    return Typicality(names=seen.names, quality=by_measures, features=by_features), p


def p_value(known: Typicality, quality: NDArray[np.floating], features: NDArray[np.floating] | None) -> float:
    """p-value of one picture; NaN, which never passes, where a vector is missing, of another size, or no number."""
    for distances, vector in ((known.quality, quality), (known.features, features)):
        for distance in distances:
            if vector is None or vector.shape != distance.centre.shape or not np.isfinite(vector).all():
                return math.nan
    return float(p_values(known, quality[None], None if features is None else features[None])[0])


def p_values(known: Typicality, quality: NDArray[np.floating], features: NDArray[np.floating] | None) -> Rows:
    """[N, M], [N, F] -> [N], by measures and by features together."""
    p = [_ranked(known.quality, quality)]
    if known.features and features is not None:
        p.append(_ranked(known.features, features))
    return np.asarray(np.minimum(len(p) * np.min(p, axis=0), 1.0))


def _ranked(distances: Sequence[Distance], vectors: NDArray[np.floating]) -> Rows:
    """[N]: (1 + calibration pictures at least as far out, each by the fold fitted without it) / (n + 1)."""
    further = np.ones(len(vectors))
    for distance in distances:
        further += [at_least(distance.held, far) for far in plain(distance, vectors)]
    return np.asarray(further / (1 + sum(len(distance.held) for distance in distances)))


def _own(distances: Sequence[Distance], vectors: Rows, fold: NDArray[np.int64]) -> Rows:
    """[N] p-values of the calibration pictures, each by the fold fitted without it, ranked among all of them."""
    everyone = np.sort(np.concatenate([distance.held for distance in distances]))
    own = [plain(distances[f], row[None])[0] for f, row in zip(fold, vectors, strict=True)]
    return np.array([at_least(everyone, far) for far in own]) / len(everyone)


def together(p_values: Sequence[float]) -> float:
    """Combine several p-values of one study (Bonferroni): valid under any dependence. NaN if any is."""
    if not p_values or np.isnan(p_values).any():
        return math.nan
    return min(1.0, len(p_values) * min(p_values))


def plain(distance: Distance, vectors: NDArray[np.floating]) -> Rows:
    """[N, F] -> [N], rounded as `held` is stored, so that equal distances stay equal."""
    rows = np.asarray(vectors, np.float64)
    if distance.method is Method.MAHALANOBIS:
        far = np.linalg.norm((rows - distance.centre) @ distance.axes, axis=1)
    else:
        far = np.array([np.linalg.norm(distance.seen - row, axis=1).min() for row in rows])
    return np.asarray(far.astype(np.float32).astype(np.float64))


def at_least(held: Single, far: float) -> int:
    """Count the ascending `held` that lie as far out or farther."""
    return len(held) - int(np.searchsorted(held, far, side="left"))


def ledoit_wolf(rows: Rows) -> tuple[Rows, float]:
    """[n, F], centred -> covariance shrunk towards a multiple of the identity, and the shrinkage (0..1)."""
    n, width = rows.shape
    empirical = rows.T @ rows / n
    scale = float(np.trace(empirical)) / width
    spread = float(((empirical - scale * np.eye(width)) ** 2).sum())
    error = (float(((rows**2).sum(axis=1) ** 2).sum()) / n - float((empirical**2).sum())) / n
    share = min(max(error, 0.0), spread) / spread if spread > 0 else 1.0
    return (1 - share) * empirical + share * scale * np.eye(width), share


def folds(groups: Sequence[str], count: int = FOLDS) -> NDArray[np.int64]:
    """[N] number of each picture's fold. Whole groups, in the order of their names' digests, to the smallest fold."""
    members: dict[str, list[int]] = {}
    for i, name in enumerate(groups):
        members.setdefault(name, []).append(i)
    fold, sizes = np.zeros(len(groups), np.int64), [0] * count
    for name in sorted(members, key=lambda name: hashlib.sha256(name.encode()).digest()):
        smallest = sizes.index(min(sizes))
        fold[members[name]] = smallest
        sizes[smallest] += len(members[name])
    return fold


def _refuse(seen: Seen) -> None:
    vectors = [seen.quality] if seen.features is None else [seen.quality, seen.features]
    if any(v.ndim != 2 or len(v) != len(seen.groups) or not np.isfinite(v).all() for v in vectors):
        raise UsageError("A picture of calibration lacks measures or features; what is typical cannot be told.")
    least, groups = least_pictures(len(vectors)), len(set(seen.groups))
    if len(seen.groups) < least or groups < 2 * FOLDS:
        raise UsageError(
            f"{len(seen.groups)} good pictures in {groups} groups are too few to tell what is typical: below {least} "
            f"pictures or {2 * FOLDS} groups none could ever be called untypical at {LEVEL:g}."
        )


def _fitted(rows: Rows, fold: NDArray[np.int64], kept: NDArray[np.bool_], method: Method) -> tuple[Distance, ...]:
    """Fit one distance a fold to the other folds, with the fold's own distances to be ranked among."""
    made = []
    for number in range(FOLDS):
        distance = _distance(rows[kept & (fold != number)], method)
        held = np.sort(plain(distance, rows[kept & (fold == number)])).astype(np.float32)
        made.append(replace(distance, held=held))
    return tuple(made)


def _distance(rows: Rows, method: Method) -> Distance:
    width = rows.shape[1]
    if method is Method.NEAREST:
        centre, axes, seen = np.zeros(width), np.zeros((0, 0)), rows
    else:
        centre, seen = rows.mean(axis=0), np.zeros((0, width))
        values, directions = np.linalg.eigh(ledoit_wolf(rows - centre)[0])
        axes = directions / np.sqrt(np.maximum(values, TINY))
    none_held = np.zeros(0, np.float32)
    return Distance(method=method, centre=halved(centre), axes=halved(axes), seen=halved(seen), held=none_held)


def halved(values: Rows) -> Single:
    """Round to half precision, as values are stored."""
    return np.clip(values, -LARGEST, LARGEST).astype(np.float16).astype(np.float32)
