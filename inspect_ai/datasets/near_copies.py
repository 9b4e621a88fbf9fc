"""Near copies: pictures that are one picture turned, mirrored, recompressed, moved, scaled or relit.

Two steps. First the low frequencies of each picture (64 numbers of the DCT of a 64 x 64 thumbnail, as in perceptual
hashes; C. Zauner 2010) are compared in all eight turns and mirror images: their cosine finds candidates, as one product
of matrices. Then each candidate is aligned (phase correlation; ECC, Evangelidis and Psarakis 2008) and its detail is
compared block by block: parts of one type agree in their outlines and differ in the texture of some blocks, or in one
block with another defect; copies agree everywhere. The limits were chosen on real parts
(docs/decisions/018-one-content-one-unit.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

COARSE_PX, FREQUENCIES = 64, 8
CANDIDATE = 0.65  # least cosine of the low frequencies
NEIGHBOURS = 8  # candidates of one picture that are looked at; the most alike first
ROUNDS = 3  # each looks past what is joined already, so that many copies do not hide further ones
ROWS_AT_ONCE = 512

BAND_PX = (1.6, 6.0)  # standard deviations of the two Gaussians whose difference is the detail, at 128 px
SMALL_BAND, BAND_RATIO = 1.3, 2.5  # of a small picture: at least so many of its own pixels; and the coarser one
EDGE_PX, BLOCK_PX = 8, 16
LEAST_CONTRAST = 0.5  # grey levels: a flatter block shows noise alone
LEAST_BLOCKS = 6
SHARE_BELOW = 20  # per cent of the blocks that may agree less
ALIKE = 0.975  # correlation that the other blocks reach
SHOWS_MUCH, WORST_ALIKE = 1.0, 0.80  # grey levels; blocks of such contrast inside both pictures reach this, all of them
MOST_SCALE = 1.08  # of the alignment: a crop scales the thumbnail a little; a whole picture's scale leaves it as it is
HOPEFUL, COARSELY_ALIKE = 0.70, 0.93  # correlation at 64 px after a few steps of alignment, and at its end
TURNS_TRIED, NEARLY_AS_WELL = 3, 0.02
TINY_PX, TINY_MOVE_PX, TINY_ALIKE = 32, 4, 0.80  # a quick first look: the peak of the cross-correlation at 32 px

Thumbnails = NDArray[np.uint8]
Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two pictures by index, first < second, and how alike they are, 0..1 (1 for identical pixels)."""

    first: int
    second: int
    alike: float


def near_pairs(thumbnails: Thumbnails, sides_px: Sequence[int], units: Sequence[int]) -> list[Pair]:
    """Find near copies among pictures of different units. thumbnails: [N, 128, 128]; units: number of each one's.

    Only as many pairs as connect them: of three copies two pairs are enough.
    """
    if len(thumbnails) < 2:
        return []
    roots = np.asarray(units, np.int64).copy()
    features = _features(thumbnails)
    pairs: list[Pair] = []
    tried: set[tuple[int, int]] = set()
    tiny = np.stack([_tiny(picture) for picture in thumbnails])
    for _ in range(ROUNDS):
        joined = 0
        fresh = [pair for pair in _candidates(features, roots) if pair not in tried]
        tried.update(fresh)
        for i, j, turn in _worth_aligning(fresh, features, tiny):
            if roots[i] == roots[j]:
                continue
            alike = likeness(thumbnails[i], turned(thumbnails[j], turn), min(sides_px[i], sides_px[j]))
            if alike >= ALIKE:
                pairs.append(Pair(first=min(i, j), second=max(i, j), alike=alike))
                roots[roots == roots[j]] = roots[i]
                joined += 1
        if not joined:
            break
    return pairs


def likeness(one: Thumbnails, other: Thumbnails, side_px: int) -> float:
    """Least correlation that all but a fifth of the blocks reach, after alignment.

    0 where they cannot be aligned, or where a block shows much in one of them and something else in the other.
    """
    fine = max(BAND_PX[0], SMALL_BAND * one.shape[0] / max(side_px, 1))
    band = (fine, max(BAND_PX[1], BAND_RATIO * fine))
    a, b = one.astype(np.float32), other.astype(np.float32)
    move = _alignment(a, b)
    if move is None:
        return 0.0
    size = (a.shape[1], a.shape[0])
    moved = cv2.warpAffine(
        b, move, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )
    covered = cv2.warpAffine(np.ones_like(b), move, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
    first, second = _blocks(_detail(a, *band)), _blocks(_detail(np.asarray(moved, np.float32), *band))
    power_a, power_b = (first**2).sum(1), (second**2).sum(1)
    shows = np.minimum(power_a, power_b) >= LEAST_CONTRAST**2 * BLOCK_PX**2
    flat = np.maximum(power_a, power_b) < LEAST_CONTRAST**2 * BLOCK_PX**2
    counted = ~flat
    if shows.sum() < LEAST_BLOCKS:
        return 0.0
    correlation = (first * second).sum(1) / np.sqrt(power_a * power_b + 1e-6)
    inside = _blocks(np.asarray(covered, np.float32)).min(1) > 0
    marked = inside & (np.maximum(power_a, power_b) >= SHOWS_MUCH**2 * BLOCK_PX**2)
    if (correlation[marked] < WORST_ALIKE).any():
        return 0.0
    return float(np.percentile(correlation[counted], SHARE_BELOW))


def turned(picture: NDArray[Any], turn: int) -> NDArray[Any]:
    """One of the eight turns and mirror images of a square picture; bits: transposed, upside down, left to right."""
    if turn & 4:
        picture = picture.swapaxes(-1, -2)
    if turn & 2:
        picture = picture[..., ::-1, :]
    if turn & 1:
        picture = picture[..., :, ::-1]
    return np.ascontiguousarray(picture)


def _features(thumbnails: Thumbnails) -> NDArray[np.float32]:
    """[8, N, 64]: low frequencies of each turn, weighted by frequency (natural pictures fall off so), of length 1."""
    n = np.arange(FREQUENCIES)
    weight = np.hypot(n[:, None], n[None, :]).astype(np.float32)
    low = np.empty((len(thumbnails), FREQUENCIES, FREQUENCIES), np.float32)
    for i, picture in enumerate(thumbnails):
        small = cv2.resize(picture, (COARSE_PX, COARSE_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
        low[i] = cv2.dct(small)[:FREQUENCIES, :FREQUENCIES] * weight
    sign = np.where(n % 2, -1.0, 1.0).astype(np.float32)
    turns = []
    for turn in range(8):
        of_turn = low.swapaxes(1, 2) if turn & 4 else low
        if turn & 2:
            of_turn = of_turn * sign[:, None]
        if turn & 1:
            of_turn = of_turn * sign[None, :]
        turns.append(of_turn.reshape(len(low), -1))
    every = np.stack(turns)
    length = np.linalg.norm(every, axis=-1, keepdims=True)
    return np.asarray(every / np.maximum(length, 1e-6), np.float32)  # a picture without contrast: zeros


def _candidates(features: NDArray[np.float32], roots: NDArray[np.int64]) -> list[tuple[int, int]]:
    """(i, j), i < j: the pictures of other units that are most alike, the most alike pairs first."""
    n = features.shape[1]
    most = min(NEIGHBOURS, n - 1)
    found: dict[tuple[int, int], float] = {}
    for start in range(0, n, ROWS_AT_ONCE):
        some = features[0, start : start + ROWS_AT_ONCE]
        best = some @ features[0].T
        for turn in range(1, 8):
            np.maximum(best, some @ features[turn].T, out=best)
        best[roots[start : start + len(some), None] == roots[None, :]] = -1.0
        nearest = np.argpartition(-best, most, axis=1)[:, : most + 1]
        cosine = np.take_along_axis(best, nearest, 1)
        rows, columns = np.nonzero(cosine >= CANDIDATE)
        for row, j, value in zip(
            (rows + start).tolist(), nearest[rows, columns].tolist(), cosine[rows, columns].tolist(), strict=True
        ):
            found[min(row, j), max(row, j)] = value
    return sorted(found, key=lambda pair: (-found[pair], pair))


def _worth_aligning(
    pairs: Sequence[tuple[int, int]], features: NDArray[np.float32], tiny: Plane
) -> Iterator[tuple[int, int, int]]:
    """Yield (i, j, turn of j) of the pairs whose tiny pictures agree when moved by a few pixels.

    Of a round part that was moved several turns fit nearly as well: the two that agree best are given then.
    """
    for start in range(0, len(pairs), ROWS_AT_ONCE):
        i, j = np.array(pairs[start : start + ROWS_AT_ONCE]).T
        cosine = np.einsum("nf,tnf->nt", features[0][i], features[:, j])
        likely = np.argsort(-cosine, axis=1)[:, :TURNS_TRIED]  # [pairs, turns]
        agreement = np.stack([_agreement(tiny, i, j, likely[:, k]) for k in range(TURNS_TRIED)], axis=1)
        best = agreement.max(1)
        for row in np.nonzero(best >= TINY_ALIKE)[0].tolist():
            order = np.argsort(-agreement[row])[:2].tolist()
            yield from (
                (int(i[row]), int(j[row]), int(likely[row, k]))
                for k in order
                if agreement[row, k] >= best[row] - NEARLY_AS_WELL
            )


def _agreement(tiny: Plane, i: NDArray[np.int64], j: NDArray[np.int64], turn: NDArray[np.int64]) -> Plane:
    """Peaks of the cross-correlations of tiny pictures i with the turned ones j, over moves of a few pixels."""
    other = np.stack([turned(tiny[b], int(t)) for b, t in zip(j, turn, strict=True)])
    product = np.fft.rfft2(tiny[i]) * np.conj(np.fft.rfft2(other))
    peaks = np.fft.fftshift(np.fft.irfft2(product, s=(TINY_PX, TINY_PX)), axes=(1, 2))
    near = slice(TINY_PX // 2 - TINY_MOVE_PX, TINY_PX // 2 + TINY_MOVE_PX + 1)
    return np.asarray(peaks[:, near, near].max((1, 2)), np.float32)


def _tiny(picture: Thumbnails) -> Plane:
    """[32, 32] detail under a window, of length 1."""
    small = cv2.resize(picture, (TINY_PX, TINY_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    detail = _detail(small, 0.7, 3.0) * _TINY_WINDOW
    detail -= detail.mean()
    return np.asarray(detail / max(float(np.linalg.norm(detail)), 1e-6), np.float32)


_TINYEVERYWHERE = np.full((COARSE_PX, COARSE_PX), 255, np.uint8)  # no part of the picture is left out of the alignment
_TINY_WINDOW: Plane = np.outer(np.hanning(TINY_PX + 2)[1:-1], np.hanning(TINY_PX + 2)[1:-1]).astype(np.float32)
EVERYWHERE = np.full((COARSE_PX, COARSE_PX), 255, np.uint8)  # no part is left out of the alignment
_WINDOW: Plane = np.outer(np.hanning(COARSE_PX), np.hanning(COARSE_PX)).astype(np.float32)
_STEPS = tuple((cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, count, 1e-4) for count in (6, 20))


def _alignment(a: Plane, b: Plane) -> Plane | None:
    """[2, 3] affine map from a's places to b's, found at 64 px; None where the pictures do not fit."""
    half = a.shape[0] / COARSE_PX
    small_a, small_b = (
        _detail(np.asarray(cv2.resize(p, (COARSE_PX, COARSE_PX), interpolation=cv2.INTER_AREA), np.float32), 0.6, 4.0)
        for p in (a, b)
    )
    (right, down), _ = cv2.phaseCorrelate(small_a, small_b, _WINDOW)
    move = np.array([[1.0, 0.0, right], [0.0, 1.0, down]], np.float32)
    if max(abs(right), abs(down)) > COARSE_PX / 8:
        move[:, 2] = 0.0
    for steps, least in zip(_STEPS, (HOPEFUL, COARSELY_ALIKE), strict=True):
        try:
            correlation, better = cv2.findTransformECC(small_a, small_b, move, cv2.MOTION_AFFINE, steps, EVERYWHERE, 3)
        except cv2.error:  # it does not converge: the pictures have nothing in common
            return None
        if correlation < least:
            return None
        move = np.asarray(better, np.float32)
    scales = np.linalg.svd(move[:, :2], compute_uv=False)
    if not 1.0 / MOST_SCALE <= scales.min() <= scales.max() <= MOST_SCALE:
        return None
    move[:, 2] = move[:, 2] * half + (half - 1) / 2 * (1 - move[:, :2].sum(1))  # centres of pixels, not corners
    return move


def _detail(picture: Plane, fine: float, coarse: float) -> Plane:
    reflect = cv2.BORDER_REFLECT
    return np.asarray(
        cv2.GaussianBlur(picture, (0, 0), fine, borderType=reflect)
        - cv2.GaussianBlur(picture, (0, 0), coarse, borderType=reflect),
        np.float32,
    )


def _blocks(detail: Plane) -> Plane:
    """[128, 128] -> [49, 256], without the edge, which a moved picture lacks."""
    inner = detail[EDGE_PX:-EDGE_PX, EDGE_PX:-EDGE_PX]
    n = inner.shape[0] // BLOCK_PX
    return inner.reshape(n, BLOCK_PX, n, BLOCK_PX).swapaxes(1, 2).reshape(n * n, -1)
