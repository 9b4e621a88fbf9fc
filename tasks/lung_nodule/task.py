"""Lung nodules of 3 to 30 mm on chest CT: single candidate pictures, or whole series where candidates are found first.

A series goes lungs -> candidates -> patches (lungs.py, candidates.py). A patch looks like a training picture: 50 x 50
pixels of about 0.7 mm, Hounsfield units [-1000, 400] in 8 bits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np

from inspect_ai.domain import Finding, Floats, Measure, Study, Unit, UnitOutput, Volume
from inspect_ai.plugins import Task, whole_picture
from inspect_ai.quality import greyness, luma, picture_quality, with_limits
from inspect_ai.stacks import STACK, cut, key_index, middle, neighbours

from .candidates import Candidate, find_candidates
from .landmarks import hounsfield
from .lungs import Lungs, find_lungs
from .masses import find_masses

WINDOW_HU = (-1000.0, 400.0)  # of the training pictures: soft tissue lies at grey 190, lung at 25
PATCH_PX = 50  # side of a training picture
NATIVE_MM = (0.55, 0.85)  # pixel sizes that training saw often; such slices are cut without resampling
PICTURE_PX = (40, 60)  # sides of a picture that may be a candidate
LARGEST_END = 0.17  # lung in the first or last slice, of the largest; a whole chest ends with 0 to 0.03, made ones 0.16
GREY_LIMIT = 0.02  # mean distance of colours from grey, 0..1


class LungNodule(Task):
    """One candidate is one unit; a study's score is that of its most suspicious candidate."""

    name = "lung_nodule"
    version = "1"
    title = "Lung nodules on chest CT"
    modalities = ("CT",)
    covers = (
        "solid nodules of 3 to 30 mm in the lungs on axial chest CT; larger masses are outside the promise, said where "
        "they are seen, and pure ground glass is not looked for. The promise counts single candidate pictures, never a "
        "scan or a patient: what the candidate finder passes over in a whole series is outside it, and hundreds of "
        "candidates a series make false alarms the rule"
    )

    def accepts(self, study: Study) -> str | None:
        """A CT series with lungs in it, or a small grey picture of one candidate."""
        if study.volumes:
            found = any(all(measure.passed for measure in volume_quality(volume)) for volume in study.volumes)
            return "a CT series with lungs" if found else None
        grey = all(_is_candidate_picture(image.unit_range()) for image in study.images)
        return "a grey picture of the size of a candidate" if study.images and grey else None

    def quality(self, study: Study) -> list[Measure]:
        """Of a picture the house's measures; of a series whether it shows lungs, axially, in slices thin enough."""
        if study.ref.kind == STACK:
            own = key_index(study)
            return candidate_quality(cut(self.slices(study)[own : own + 1], *self._window(study))[0])
        if study.ref.kind == "image":
            return [measure for image in study.images for measure in candidate_quality(image.unit_range())]
        if not study.volumes:
            return [_slices(0)]
        return [measure for volume in study.volumes for measure in volume_quality(volume)]

    def unseen(self, study: Study) -> list[str]:
        """Parts of the lungs that lie outside each series, and masses larger than what is looked for."""
        return [
            text
            for volume in study.volumes
            for text in (
                *unseen_lungs(volume, find_lungs(volume)),
                *(mass.sentence(volume) for mass in find_masses(volume, find_lungs(volume))),
            )
        ]

    def units(self, study: Study) -> Iterator[Unit]:
        """A picture whole, a stack's window, or the candidates of each series, most nodule-like first."""
        if study.ref.kind == STACK:
            yield from super().units(study)
            return
        for index, image in enumerate(study.images):
            yield whole_picture(image.unit_range(), self.config, index, image.sop_instance_uid)
        for volume in study.volumes:
            most = int(self.config.options.get("candidates", 64))
            merge_mm = float(self.config.options.get("merge_mm", 5.0))
            weakest = float(self.config.options.get("weakest_candidate", "-inf"))
            for rank, candidate in enumerate(find_candidates(volume, find_lungs(volume), merge_mm, most, weakest)):
                yield self.unit(volume, candidate, rank)

    def slices(self, study: Study) -> Floats:
        """[D, H, W] in 0..1 in the window of the training pictures, by two landmarks; grey as stored without them."""
        stored = np.stack([luma(image.unit_range()) for image in study.images])
        hu = hounsfield(np.round(stored * 255.0).astype(np.uint8), key_index(study))
        return np.asarray(stored if hu is None else in_window(hu), np.float32)

    def _window(self, study: Study) -> tuple[tuple[float, float], int, int]:
        """Centre and side of a stack's window, and its side in the pixels of a candidate picture."""
        height, width = study.images[0].pixels.shape[:2]
        side = self.config.input.window or PATCH_PX
        return middle((height, width)), side, side

    def unit(self, volume: Volume, candidate: Candidate, rank: int) -> Unit:
        """The axial patch around a candidate, in the window and scale of the training pictures.

        A network that sees stacks gets the patches of the neighbouring slices too, each as the series has it.
        """
        patch, step = cut_patch(volume, candidate, float(self.config.options.get("pixel_mm", 0.7)))
        unit = whole_picture(patch, self.config, candidate.slice_index, volume.sop_instance_uids[candidate.slice_index])
        scale = unit.scale_px[0] * step[0], unit.scale_px[1] * step[1]
        height, width = unit.pixels.shape[-2:]
        return replace(
            unit if self.config.input.depth == 1 else replace(unit, pixels=self._stacked(volume, candidate)),
            name=f"candidate {rank + 1}",
            origin_px=(candidate.row - (height - 1) / 2 * scale[0], candidate.col - (width - 1) / 2 * scale[1]),
            scale_px=scale,
            series_uid=volume.series_uid,
            position_mm=volume.position_mm(candidate.slice_index, candidate.row, candidate.col),
            diameter_mm=candidate.diameter_mm,
            axes_mm=candidate.axes_mm,
        )

    def _stacked(self, volume: Volume, candidate: Candidate) -> Floats:
        """[C, depth, size, size]: the patches of a candidate's slice and its neighbours."""
        pixel_mm = float(self.config.options.get("pixel_mm", 0.7))
        around = neighbours(len(volume.hu), candidate.slice_index, self.config.input.depth)
        patches = [cut_patch(volume, replace(candidate, slice_index=z), pixel_mm)[0] for z in around]
        return np.stack([whole_picture(patch, self.config).pixels for patch in patches], axis=1)

    def findings(self, unit: Unit, output: UnitOutput) -> list[Finding]:
        """A candidate lies in the middle of its unit, whatever else the network looked at."""
        (found,) = super().findings(unit, output)
        height, width = unit.pixels.shape[-2:]
        row = unit.origin_px[0] + (height - 1) / 2 * unit.scale_px[0]
        col = unit.origin_px[1] + (width - 1) / 2 * unit.scale_px[1]
        return [replace(found, row=round(row), col=round(col))]

    def merged(self, findings: Sequence[Finding]) -> list[Finding]:
        """One finding a nodule: a weaker one within the extent of a stronger one's, or the other way round, is its."""
        kept: list[Finding] = []
        for finding in sorted(findings, key=lambda one: -one.score):
            if not any(_of_one_nodule(finding, other) for other in kept):
                kept.append(finding)
        return kept


def _of_one_nodule(a: Finding, b: Finding) -> bool:
    """True where the place of one lies within half the longest extent of the other, of one series."""
    if a.position_mm is None or b.position_mm is None or a.series_uid != b.series_uid:
        return False
    extents = [max(one.axes_mm or (one.diameter_mm or 0.0,)) for one in (a, b)]
    return math.dist(a.position_mm, b.position_mm) < max(extents) / 2


def candidate_quality(picture: Floats) -> list[Measure]:
    """The house's measures of a single candidate, and whether it is a grey picture of the size of one."""
    measures = with_limits(
        picture_quality(picture), {"smaller side (px)": float(PICTURE_PX[0]), "contrast to noise": 2.0}
    )
    return [
        *measures,
        Measure(
            name="spare pixels",
            value=float(PICTURE_PX[1] - max(picture.shape[:2])),
            limit=0.0,
            advice="send the candidate alone, cut out at the pixels of the slice",
        ),
        greyness(picture),
    ]


def volume_quality(volume: Volume) -> list[Measure]:
    """Measures of one series. Lungs are looked for only in what could show them."""
    slices, (step, *pixel) = len(volume.hu), volume.spacing_mm
    measures = [
        _slices(slices),
        Measure(name="slices per cm", value=10.0 / step, limit=1.0, advice="send the series with thinner slices"),
        Measure(name="height (mm)", value=slices * step, limit=120.0, advice="send the series of the whole chest"),
        Measure(name="pixels per cm", value=10.0 / max(pixel), limit=8.0, advice="send the series at full resolution"),
        Measure(name="axial", value=abs(volume.normal[2]), limit=0.9, advice="send the axial series"),
    ]
    if not all(measure.passed for measure in measures):
        return measures
    lungs = find_lungs(volume)
    whole = "send a CT of the whole chest; no lungs were found in this one, or only parts of them"
    scale = "the Hounsfield scale of this series is wrong; send the original"
    return [
        *measures,
        Measure(name="lungs (litres)", value=lungs.litres, limit=0.8, advice=whole),
        Measure(name="litres below 12", value=12.0 - lungs.litres, limit=0.0, advice="too large for lungs: check it"),
        Measure(name="tissue near 0 HU", value=150.0 - abs(lungs.tissue_hu), limit=0.0, advice=scale),
        Measure(name="lung below tissue (HU)", value=lungs.tissue_hu - lungs.air_hu, limit=500.0, advice=scale),
    ]


def unseen_lungs(volume: Volume, lungs: Lungs) -> list[str]:
    """Sentences on lungs that go on beyond the first slice, the last slice, or the sides of the picture."""
    upward = volume.normal[2] > 0
    found = []
    for name, share, above in (("first", lungs.ends[0], not upward), ("last", lungs.ends[1], upward)):
        if share > LARGEST_END:
            found.append(
                f"the lungs reach the {name} slice, with {share:.0%} of their largest cross-section: what of them lies "
                f"{'above' if above else 'below'} was not looked at. Send the series of the whole chest"
            )
    if lungs.cut_litres > 0:
        found.append(
            f"a lung is cut off by the side of the picture ({lungs.cut_litres:.1f} litres of it were not looked at). "
            "Send a reconstruction of the whole chest"
        )
    return found


def cut_patch(volume: Volume, candidate: Candidate, pixel_mm: float) -> tuple[Floats, tuple[float, float]]:
    """[50, 50] in 0..1 around a candidate, black outside the slice, and its pixel in source pixels (rows, columns)."""
    spacing = volume.spacing_mm[1:]
    native = all(NATIVE_MM[0] <= mm <= NATIVE_MM[1] for mm in spacing)
    step = (1.0, 1.0) if native else (pixel_mm / spacing[0], pixel_mm / spacing[1])
    half = (PATCH_PX - 1) / 2
    top, left = candidate.row - half * step[0], candidate.col - half * step[1]
    if native:
        top, left = round(top), round(left)  # no interpolation: noise is part of what training saw
    to_source = np.array([[step[1], 0.0, left], [0.0, step[0], top]])
    low, _ = WINDOW_HU
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    hu = cv2.warpAffine(
        volume.hu[candidate.slice_index], to_source, (PATCH_PX, PATCH_PX), flags=flags, borderValue=low
    ).astype(np.float32)
    return in_window(hu), step


def in_window(hu: Floats) -> Floats:
    """Hounsfield units in 0..1 of the training pictures' window, in their 256 steps."""
    low, high = WINDOW_HU
    return np.floor(np.clip((hu - low) / (high - low), 0.0, 1.0) * 255.0) / np.float32(255.0)


def _slices(count: int) -> Measure:
    return Measure(name="slices", value=float(count), limit=10.0, advice="send the whole axial series of the chest")


def _is_candidate_picture(picture: Floats) -> bool:
    low, high = PICTURE_PX
    grey = picture.ndim == 2 or float(np.abs(picture - picture.mean(axis=-1, keepdims=True)).mean()) <= GREY_LIMIT
    return grey and all(low <= side <= high for side in picture.shape[:2])
