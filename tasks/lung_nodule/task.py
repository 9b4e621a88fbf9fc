"""Lung nodules of 3 to 30 mm on chest CT: single candidate pictures, or whole series in which candidates are found first.

A series goes lungs -> candidates -> patches. Lungs: air that does not reach the border, on a 2 mm grid. Candidates: bright
blobs at three octaves of scale inside the closed lungs, ranked by a dot filter after Q. Li et al., Medical Physics 30 (2003)
2040 (here steeper, times the diameter, and at the blobs' centres alone). Patches: 50 x 50 pixels, Hounsfield units [-1000, 400] in 8 bits, as in training.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from inspect_ai.domain import Finding, Floats, Measure, Millimetres, Study, Unit, UnitOutput, Volume
from inspect_ai.plugins import Task, picture_quality, whole_picture

Mask = NDArray[np.uint8]  # 0 or 1

WINDOW_HU = (-1000.0, 400.0)  # of the training pictures: soft tissue lies at grey 190, lung at 25, in every one of them
PATCH_PX = 50  # side of a training picture
NATIVE_MM = (0.55, 0.85)  # pixel sizes that training saw often; such slices are cut without resampling
PICTURE_PX = (40, 60)  # sides of a picture that may be a candidate
GREY_LIMIT = 0.02  # mean distance of colours from grey, 0..1

AIR_HU = -400  # lung and other air below, tissue above; halfway between lung (-850) and tissue (50)
GAS_HU = -960  # the median of bowel gas and of the room is lower, that of emphysema is not
GRID_MM = 2.0  # of the lung mask
AIRWAY_MM = 9.0  # half the width of a trachea: what is narrower in a slice is no lung
LUNG_LITRES = 0.1  # smallest part of lung that counts
LARGEST_BRIDGE_MM = 60.0  # a hole of a lung's slice that is wider is heart or liver

DIAMETERS_MM = (3.0, 30.0)
OCTAVES = ((1.0, 8.0), (2.0, 14.0), (4.0, 20.0))  # grid in mm, reach of the closing over the pleura in mm
SIGMAS_PX = (1.26, 1.59, 2.0)  # within an octave
BRIGHTEST_HU = 0.0  # what is brighter (tissue, bone, contrast medium) is no more nodule-like for it
FAINTEST_HU = 40.0  # Laplacian response: below it is noise
THICK_SLICE = 0.3  # weight of the second difference across slices thicker than a blob: what a blob in one slice needs to look round
AROUND = 3.2  # sigma in octave grid cells of what counts as a blob's surroundings
IN_LUNG = (0.2, 0.5)  # share of lung around a blob: none counts at the first, all from the second (a flat wall leaves 0.4)
FLATTEST_HU = 10.0  # the same along a blob's longest axis: below it is a tube


class LungNodule(Task):
    """One candidate is one unit; a study's score is that of its most suspicious candidate."""

    name = "lung_nodule"
    version = "1"
    title = "Lung nodules on chest CT"
    modalities = ("CT",)
    covers = (
        "solid nodules of 3 to 30 mm inside the lungs of an axial chest CT; larger masses and pure ground glass are not looked "
        "for. The promise counts candidate pictures: what the candidate finder passes over in a whole series is outside it, and "
        "many candidates in one series mean that false alarms are frequent"
    )

    def accepts(self, study: Study) -> str | None:
        """A CT series with lungs in it, or a small grey picture of one candidate."""
        if study.volumes:
            found = any(all(measure.passed for measure in volume_quality(volume)) for volume in study.volumes)
            return "a CT series with lungs" if found else None
        grey = all(_is_candidate_picture(image.unit_range()) for image in study.images)
        return "a grey picture of the size of a candidate" if study.images and grey else None

    def quality(self, study: Study) -> list[Measure]:
        """Of a picture the house's measures; of a series whether it shows lungs, axially, in slices that are thin enough."""
        if study.ref.kind == "image":
            return [measure for image in study.images for measure in picture_quality(image.unit_range())]
        if not study.volumes:
            return [_slices(0)]
        return [measure for volume in study.volumes for measure in volume_quality(volume)]

    def units(self, study: Study) -> Iterator[Unit]:
        """A picture whole, or the candidates of each series, most nodule-like first."""
        for index, image in enumerate(study.images):
            yield whole_picture(image.unit_range(), self.config, index, image.sop_instance_uid)
        for volume in study.volumes:
            most = int(self.config.options.get("candidates", 64))
            merge_mm = float(self.config.options.get("merge_mm", 5.0))
            for rank, candidate in enumerate(find_candidates(volume, find_lungs(volume), merge_mm, most)):
                yield self.unit(volume, candidate, rank)

    def unit(self, volume: Volume, candidate: Candidate, rank: int) -> Unit:
        """The axial patch around a candidate, in the window and scale of the training pictures."""
        patch, step = cut_patch(volume, candidate, float(self.config.options.get("pixel_mm", 0.7)))
        unit = whole_picture(patch, self.config, candidate.slice_index, volume.sop_instance_uids[candidate.slice_index])
        scale = unit.scale_px[0] * step[0], unit.scale_px[1] * step[1]
        height, width = unit.pixels.shape[-2:]
        return replace(
            unit,
            name=f"candidate {rank + 1}",
            origin_px=(candidate.row - (height - 1) / 2 * scale[0], candidate.col - (width - 1) / 2 * scale[1]),
            scale_px=scale,
            series_uid=volume.series_uid,
            position_mm=volume.position_mm(candidate.slice_index, candidate.row, candidate.col),
            diameter_mm=candidate.diameter_mm,
        )

    def findings(self, unit: Unit, output: UnitOutput) -> list[Finding]:
        """A candidate lies in the middle of its unit, whatever else the network looked at."""
        (found,) = super().findings(unit, output)
        height, width = unit.pixels.shape[-2:]
        row = unit.origin_px[0] + (height - 1) / 2 * unit.scale_px[0]
        col = unit.origin_px[1] + (width - 1) / 2 * unit.scale_px[1]
        return [replace(found, row=round(row), col=round(col))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lungs:
    """mask: [d, h, w], 1 in the lungs' air, on a grid over the whole volume; spacing_mm of that grid; tissue_hu: median of the rest."""

    mask: Mask = field(compare=False, repr=False)
    spacing_mm: Millimetres
    air_hu: float
    tissue_hu: float

    @property
    def litres(self) -> float:
        """Volume of the lungs' air."""
        return float(self.mask.sum()) * float(np.prod(self.spacing_mm)) / 1e6

    def closed(self, reach_mm: float) -> Mask:
        """[d, h, w] the lungs with their holes, and with bays up to twice the reach: nodules on the pleura, vessels."""
        spacing = float(np.mean(self.spacing_mm[1:]))
        return np.stack([_closed(_without_holes(mask, LARGEST_BRIDGE_MM / spacing), reach_mm / spacing) for mask in self.mask])


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A bright blob in a lung, in the volume's own voxels. strength: roundness, contrast and size in one number, in
    Hounsfield units times millimetres."""

    slice_index: int
    row: float
    col: float
    diameter_mm: float
    strength: float


def volume_quality(volume: Volume) -> list[Measure]:
    """Measures of one series. Lungs are looked for only in what could show them."""
    slices, (step, *pixel) = len(volume.hu), volume.spacing_mm
    measures = [
        _slices(slices),
        Measure(name="slices per cm", value=10.0 / step, limit=1.0, advice="send the series with thinner slices"),
        Measure(name="height (mm)", value=slices * step, limit=120.0, advice="send the series of the whole chest"),
        Measure(name="pixels per cm", value=10.0 / max(pixel), limit=8.0, advice="send the original axial series, 512 x 512"),
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
        Measure(name="litres below 12", value=12.0 - lungs.litres, limit=0.0, advice="what looks like lung is too large: check the series"),
        Measure(name="tissue near 0 HU", value=150.0 - abs(lungs.tissue_hu), limit=0.0, advice=scale),
        Measure(name="lung below tissue (HU)", value=lungs.tissue_hu - lungs.air_hu, limit=500.0, advice=scale),
    ]


def find_lungs(volume: Volume) -> Lungs:
    """Air that does not reach the sides of the picture, in wide pieces; trachea and large bronchi are too narrow."""
    from scipy import ndimage  # the command line starts without it

    hu, spacing = shrink(volume.hu, volume.spacing_mm, GRID_MM)
    air = (hu < AIR_HU).astype(np.uint8)
    radius_px = AIRWAY_MM / float(np.mean(spacing[1:]))
    wide = np.stack([_opened(mask, radius_px) for mask in air])
    labels, count = ndimage.label(wide)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    outside = np.unique(np.concatenate([labels[:, [0, -1]].ravel(), labels[:, :, [0, -1]].ravel()]))
    sizes[0] = sizes[outside] = 0
    large = np.flatnonzero(sizes * float(np.prod(spacing)) > LUNG_LITRES * 1e6)
    lungs = [label for label in large if np.median(hu[labels == label]) > GAS_HU]
    core = np.isin(labels, lungs).astype(np.uint8)
    mask = _grown(air & (1 - np.stack([_dilated(part, 2.0) for part in wide & (1 - core)])), core)
    inside, rest = hu[mask > 0], hu[:, ::2, ::2][hu[:, ::2, ::2] > AIR_HU]
    return Lungs(
        mask=mask,
        spacing_mm=spacing,
        air_hu=float(np.median(inside)) if inside.size else np.nan,
        tissue_hu=float(np.median(rest)) if rest.size else np.nan,
    )


def find_candidates(volume: Volume, lungs: Lungs, merge_mm: float = 5.0, most: int = 64) -> list[Candidate]:
    """At most so many bright blobs inside the closed lungs, strongest first; of two that overlap or are nearer than `merge_mm` one."""
    if not lungs.mask.any():
        return []
    found: list[Candidate] = []
    hu, spacing = volume.hu, volume.spacing_mm
    for octave_mm, reach_mm in OCTAVES:
        hu, spacing = shrink(hu, spacing, octave_mm)
        inside, air = _on_grid(lungs.closed(reach_mm), hu.shape), _on_grid(lungs.mask, hu.shape)
        found += _blobs_of_octave(hu, inside, air, spacing, octave_mm, lungs.air_hu, volume)
    return _merged(found, volume.spacing_mm, merge_mm, most)


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
    low, high = WINDOW_HU
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    hu = cv2.warpAffine(
        volume.hu[candidate.slice_index], to_source, (PATCH_PX, PATCH_PX), flags=flags, borderValue=low
    ).astype(np.float32)
    return np.floor(np.clip((hu - low) / (high - low), 0.0, 1.0) * 255.0) / np.float32(255.0), step


def shrink(hu: NDArray[np.int16], spacing_mm: Millimetres, target_mm: float) -> tuple[NDArray[np.int16], Millimetres]:
    """[D, H, W] -> [d, h, w] averaged to voxels of about `target_mm`, never finer than they are; and the new spacing."""
    depth, height, width = hu.shape
    slab = max(1, min(depth, int(target_mm / spacing_mm[0] + 0.01)))
    rows, columns = (max(1, min(n, round(n * mm / target_mm))) for n, mm in ((height, spacing_mm[1]), (width, spacing_mm[2])))
    small = np.empty((-(-depth // slab), rows, columns), np.int16)
    for index in range(len(small)):
        part = hu[index * slab : (index + 1) * slab]
        slices = [cv2.resize(one, (columns, rows), interpolation=cv2.INTER_AREA) for one in part]
        small[index] = slices[0] if len(slices) == 1 else np.mean(slices, axis=0)
    return small, (spacing_mm[0] * slab, spacing_mm[1] * height / rows, spacing_mm[2] * width / columns)


def _blobs_of_octave(
    hu: NDArray[np.int16], inside: Mask, air: Mask, spacing: Millimetres, octave_mm: float, air_hu: float, volume: Volume
) -> list[Candidate]:
    """All local maxima of the scale-normalised Laplacian at three scales, with their dot response."""
    box = _bounding_box(inside)
    inside = inside[box]
    clipped = np.where(inside > 0, np.minimum(hu[box], BRIGHTEST_HU), air_hu).astype(np.float32)
    lung_around = _smoothed(air[box].astype(np.float32), AROUND * octave_mm, spacing)
    found = []
    for sigma in SIGMAS_PX:
        sigma_mm = sigma * octave_mm
        smooth = _smoothed(clipped, sigma_mm, spacing)
        weights = tuple(max((sigma_mm / mm) ** 2, THICK_SLICE) for mm in spacing)
        z, r, c = _maxima(_laplacian(smooth, weights), inside)
        flattest, roundness, shift = _shapes(smooth, (z, r, c), weights)
        keep = flattest > FLATTEST_HU
        places = np.stack([z, r + shift[:, 0], c + shift[:, 1]], axis=1)[keep] + [s.start for s in box]
        in_lung = np.clip((lung_around[z, r, c] - IN_LUNG[0]) / (IN_LUNG[1] - IN_LUNG[0]), 0.0, 1.0)
        found += _candidates(places, (flattest * roundness**2 * in_lung)[keep], sigma_mm, spacing, volume)
    return found


def _candidates(
    places: NDArray[np.float64], strength: NDArray[np.float64], sigma_mm: float, spacing: Millimetres, volume: Volume
) -> list[Candidate]:
    """Places on an octave's grid -> candidates in the volume's own voxels."""
    factor = np.array(spacing) / np.array(volume.spacing_mm)
    source = (places + 0.5) * factor - 0.5
    last = len(volume.hu) - 1
    diameter = float(np.clip(2.0 * np.sqrt(3.0) * sigma_mm, *DIAMETERS_MM))
    return [
        Candidate(slice_index=min(int(z + 0.5), last), row=float(r), col=float(c), diameter_mm=diameter, strength=float(s) * diameter)
        for (z, r, c), s in zip(source, strength, strict=True)
    ]


def _smoothed(hu: Floats, sigma_mm: float, spacing: Millimetres) -> Floats:
    """[D, H, W] blurred to `sigma_mm` in plane; across slices by what their own thickness has not done already."""
    blurred = np.stack([cv2.GaussianBlur(one, (0, 0), sigmaX=sigma_mm / spacing[2], sigmaY=sigma_mm / spacing[1]) for one in hu])
    across = np.sqrt(max(0.0, sigma_mm**2 - spacing[0] ** 2 / 12)) / spacing[0]
    if across < 0.3:
        return blurred
    kernel = cv2.getGaussianKernel(2 * int(3 * across + 0.5) + 1, across)
    flat = cv2.sepFilter2D(blurred.reshape(len(hu), -1), -1, np.ones(1), kernel, borderType=cv2.BORDER_REPLICATE)
    return flat.reshape(hu.shape)


def _laplacian(smooth: Floats, weights: Sequence[float]) -> Floats:
    """[D, H, W] minus the weighted second differences: positive where a blob is bright."""
    wz, wr, wc = weights
    kernel = np.array([[0, -wr, 0], [-wc, 2 * (wr + wc), -wc], [0, -wr, 0]], np.float32)
    answer = np.stack([cv2.filter2D(one, -1, kernel, borderType=cv2.BORDER_REPLICATE) for one in smooth])
    padded = np.concatenate([smooth[:1], smooth, smooth[-1:]])
    answer += np.float32(wz) * (2 * smooth - padded[:-2] - padded[2:])
    return answer


def _maxima(response: Floats, inside: Mask) -> tuple[NDArray[np.intp], ...]:
    """Indices of the maxima among 26 neighbours inside the mask, borders left out."""
    around = np.stack([cv2.dilate(one, np.ones((3, 3), np.uint8)) for one in response])
    highest = around.copy()
    np.maximum(highest[1:], around[:-1], out=highest[1:])
    np.maximum(highest[:-1], around[1:], out=highest[:-1])
    peaks = (response >= highest) & (response > FAINTEST_HU) & (inside > 0)
    peaks[:, [0, -1]] = peaks[:, :, [0, -1]] = False
    return np.nonzero(peaks)


def _shapes(
    smooth: Floats, at: tuple[NDArray[np.intp], ...], weights: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Of each place the smallest curvature |l3| in Hounsfield units, 0 where not all are downward; its ratio to the largest; and
    the sub-voxel shift of the peak [N, 2] (rows, columns)."""
    last = len(smooth) - 1

    def value(*step: int) -> NDArray[np.float64]:
        z, r, c = (index + by for index, by in zip(at, step, strict=True))
        return smooth[np.clip(z, 0, last), r, c].astype(np.float64)

    hessian = np.empty((len(at[0]), 3, 3))
    shift = np.zeros((len(at[0]), 3))
    steps = np.eye(3, dtype=int)
    middle = value(0, 0, 0)
    for a in range(3):
        plus, minus = value(*steps[a]), value(*-steps[a])
        hessian[:, a, a] = weights[a] * (plus + minus - 2 * middle)
        curve = np.minimum(plus + minus - 2 * middle, -1e-6)
        shift[:, a] = np.clip((minus - plus) / (2 * curve), -0.5, 0.5)
        for b in range(a):
            mixed = value(*(steps[a] + steps[b])) + value(*-(steps[a] + steps[b]))
            mixed -= value(*(steps[a] - steps[b])) + value(*(steps[b] - steps[a]))
            hessian[:, a, b] = hessian[:, b, a] = np.sqrt(weights[a] * weights[b]) * mixed / 4
    values = np.linalg.eigvalsh(hessian)  # [N, 3], ascending: the most negative first
    flattest = np.maximum(-values[:, 2], 0.0)
    return flattest, flattest / np.maximum(-values[:, 0], 1e-6), shift[:, 1:]


def _merged(found: Sequence[Candidate], spacing: Millimetres, merge_mm: float, most: int) -> list[Candidate]:
    """The strongest first, each keeping weaker ones away by `merge_mm` or the larger of the two radii."""
    places = np.array([(c.slice_index, c.row, c.col) for c in found]).reshape(-1, 3) * spacing
    radii = np.array([c.diameter_mm / 2 for c in found])
    free = np.ones(len(found), bool)
    kept: list[Candidate] = []
    for index in np.argsort([-c.strength for c in found], kind="stable"):
        if free[index] and len(kept) < most:
            kept.append(found[index])
            apart = np.maximum(np.maximum(radii, radii[index]), merge_mm)
            free &= ((places - places[index]) ** 2).sum(axis=1) >= apart**2
    return kept


def _on_grid(mask: Mask, shape: tuple[int, ...]) -> Mask:
    """The mask on another grid over the same volume."""
    slices = np.minimum(((np.arange(shape[0]) + 0.5) * len(mask) / shape[0]).astype(int), len(mask) - 1)
    return np.stack([cv2.resize(mask[z], (shape[2], shape[1]), interpolation=cv2.INTER_NEAREST) for z in slices])


def _bounding_box(mask: Mask) -> tuple[slice, slice, slice]:
    """Of a mask that is not empty, two voxels wider."""
    spans = [np.flatnonzero(mask.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    z, r, c = (slice(max(0, int(span[0]) - 2), int(span[-1]) + 3) for span in spans)
    return z, r, c


def _dilated(mask: Mask, radius_px: float) -> Mask:
    """[h, w], by a disc."""
    return (cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5) <= radius_px).astype(np.uint8) if mask.any() else mask


def _eroded(mask: Mask, radius_px: float) -> Mask:
    """[h, w], by a disc; beyond the picture the mask goes on."""
    return (cv2.distanceTransform(mask, cv2.DIST_L2, 5) > radius_px).astype(np.uint8) if not mask.all() else mask


def _opened(mask: Mask, radius_px: float) -> Mask:
    return _dilated(_eroded(mask, radius_px), radius_px)


def _closed(mask: Mask, radius_px: float) -> Mask:
    return _eroded(_dilated(mask, radius_px), radius_px)


def _without_holes(mask: Mask, widest_px: float) -> Mask:
    """[h, w] with all holes filled that are not wider than a disc of that diameter."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(1 - mask, connectivity=4)
    left, top, width, height, area = stats.T
    inside = (left > 0) & (top > 0) & (left + width < mask.shape[1]) & (top + height < mask.shape[0])
    filled = inside & (area <= np.pi / 4 * widest_px**2)
    filled[0] = False  # the mask itself
    return mask | filled[labels].astype(np.uint8)


def _grown(air: Mask, core: Mask) -> Mask:
    """[d, h, w] the pieces of each slice's air that touch the core or a piece kept in the next slice: the narrow recesses too."""
    labels = np.stack([cv2.connectedComponents(one, connectivity=4)[1] for one in air])
    mask = core & air
    down, up = range(len(air)), range(len(air) - 1, -1, -1)
    for order, before in ((down, -1), (up, 1)):
        for z in order:
            near = mask[z] | mask[z + before] if 0 <= z + before < len(air) else mask[z]
            kept = np.zeros(labels[z].max() + 1, np.uint8)
            kept[labels[z][near > 0]] = 1
            kept[0] = 0
            mask[z] |= kept[labels[z]]
    return mask


def _slices(count: int) -> Measure:
    return Measure(name="slices", value=float(count), limit=10.0, advice="send the whole axial series of the chest")


def _is_candidate_picture(picture: Floats) -> bool:
    low, high = PICTURE_PX
    grey = picture.ndim == 2 or float(np.abs(picture - picture.mean(axis=-1, keepdims=True)).mean()) <= GREY_LIMIT
    return grey and all(low <= side <= high for side in picture.shape[:2])
