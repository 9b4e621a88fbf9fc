"""Windows of stacks: positives wherever a nodule lies in them, negatives on bright blobs that no reader counted.

A stack shows its own finding in the middle, so whole stacks would teach "middle". A window's target is the share of the
readers who count something in it as a finding; a window that shows a small part of one is left out, and so is one that
shows a finding of the same group which these votes do not mark (each stack has the votes on its own finding alone).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.config import Input, LabelSet
from inspect_ai.datasets.blobs import bright_blobs
from inspect_ai.datasets.folder import Row
from inspect_ai.datasets.samples import IGNORE, Sample
from inspect_ai.stacks import Place, cut, middle, neighbours, offset

MOST_NEGATIVES = 4  # of one stack, the brightest blobs first
LEAST_SHOWN = 0.25  # of a finding's votes: a window with less of them is neither positive nor negative
ALIKE = 0.90  # normalised correlation: the finding of another stack is in view here
TEMPLATE_PX = 32
MARGIN_PX = 6.0  # around the middle of a finding of another stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Slices of one stack [D, H, W] uint8 in one scale, the readers' votes on its finding, and findings of others.

    elsewhere: middles of findings of the same group that other stacks mark.
    """

    sample: Sample = field(repr=False)
    votes: NDArray[np.uint8] = field(repr=False)
    elsewhere: tuple[Place, ...] = ()

    @property
    def slices(self) -> NDArray[np.uint8]:
        """[D, H, W]."""
        return self.sample.pixels[..., 0]

    @property
    def key(self) -> int:
        """Index of the stack's own slice."""
        return self.sample.row.stack.index(self.sample.row.file)

    @property
    def finding(self) -> Place:
        """Middle of the votes in the stack's own slice, to half a pixel; of the slice where nobody voted."""
        (row, col), (down, right) = middle(self.votes.shape), offset(self.votes[self.key])
        return row + down, col + right


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Place of a window in a context; `label` as it is centred there: of the row, or that of a negative."""

    context: Context = field(repr=False)
    centre: Place
    label: str

    @property
    def labels(self) -> LabelSet:
        """Label set of the stack."""
        return self.context.sample.labels

    @property
    def row(self) -> Row:
        """Row of the stack."""
        return self.context.sample.row

    @property
    def sha256(self) -> str:
        """Digest of the stack."""
        return self.context.sample.sha256

    @property
    def positive(self) -> int:
        """Side of the label: 1 or 0."""
        return int(self.label in self.labels.positive)

    def sample(self, seen: Input, shift: Place = (0.0, 0.0)) -> Sample:
        """Cut the window, moved by `shift` source pixels: pixels [depth, size, size, C] or [size, size, C]."""
        context, side = self.context, seen.window or min(self.context.votes.shape[1:])
        centre = self.centre[0] + shift[0], self.centre[1] + shift[1]
        size = seen.size or side
        chosen = neighbours(len(context.slices), context.key, seen.depth)
        pixels = cut(context.slices[chosen], centre, side, size)[..., None]
        pixels = np.repeat(pixels if seen.depth > 1 else pixels[0], seen.channels, axis=-1)
        row = replace(context.sample.row, label=self.label)
        return replace(context.sample, pixels=pixels, row=row, target=self._target(centre, side, chosen))

    def _target(self, centre: Place, side: int, chosen: Sequence[int]) -> float:
        """Share of the readers who count something in the window; IGNORE where little of it is in view."""
        votes = self.context.votes[sorted(set(chosen))]
        inside = cut(votes, centre, side, side, nearest=True)
        if not inside.any():
            return 0.0
        shown = float(inside.sum()) / float(votes.sum())
        return float(inside.max()) / self.context.sample.labels.readers if shown >= LEAST_SHOWN else float(IGNORE)


def positive_window(context: Context) -> Window:
    """Window on the finding of a stack."""
    return Window(context=context, centre=context.finding, label=context.sample.row.label)


def negative_windows(context: Context, seen: Input, off_centre: float) -> Iterator[Window]:
    """Windows on bright blobs without a vote in them, nor, however they are moved, a finding of another stack."""
    labels = context.sample.labels
    (name,) = (word for word in labels.classes if word not in labels.positive)
    height, width = context.votes.shape[1:]
    side = seen.window or min(height, width)
    any_vote = context.votes.max(axis=0)[None]
    reach = side / 2 + off_centre * side + MARGIN_PX
    found = 0
    for place in bright_blobs(context.slices[context.key]):
        inside = all(side / 2 - 1 <= at <= length - side / 2 for at, length in zip(place, (height, width), strict=True))
        near = any(max(abs(a - b) for a, b in zip(place, other, strict=True)) < reach for other in context.elsewhere)
        if inside and not near and not cut(any_vote, place, side, side, nearest=True).any():
            yield Window(context=context, centre=place, label=name)
            found += 1
        if found == MOST_NEGATIVES:
            return


def with_others(contexts: Sequence[Context]) -> list[Context]:
    """Find in each context the findings of the other contexts of its group, by the look of their middles."""
    groups: dict[str, list[Context]] = {}
    for context in contexts:
        groups.setdefault(context.sample.row.group, []).append(context)
    return [replace(c, elsewhere=tuple(_in_view(c, groups[c.sample.row.group]))) for c in contexts]


def _in_view(context: Context, others: Iterable[Context]) -> Iterator[Place]:
    half = TEMPLATE_PX // 2
    for other in others:
        if other is context:
            continue
        row, col = (
            min(max(round(at), half), n - half) for at, n in zip(other.finding, other.votes.shape[1:], strict=True)
        )
        template = other.slices[other.key][row - half : row + half, col - half : col + half]
        for one in context.slices:
            if min(one.shape) < TEMPLATE_PX:
                continue
            alike = cv2.matchTemplate(one, template, cv2.TM_CCOEFF_NORMED)
            _, highest, _, (left, top) = cv2.minMaxLoc(alike)
            if highest >= ALIKE:
                yield float(top + half), float(left + half)
