"""Domain values that packages pass to each other: frozen dataclasses, NumPy at most.

Patient coordinates are LPS millimetres (DICOM PS3.3 C.7.6.2.1.1). Scores are probabilities of the positive side, 0..1.
Arrays are `field(compare=False, repr=False)`: a frozen dataclass with a compared array raises in == and hash.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.generic]
Floats: TypeAlias = NDArray[np.float32]
Millimetres: TypeAlias = tuple[float, float, float]


# Attributes of a study that are known before it is decided: only these can give it a threshold of its own.
OBSERVABLE = ("manufacturer", "model", "slice_thickness", "age_band", "site", "camera")


class Outcome(StrEnum):
    """Outcome of one study, as a person sees it."""

    CLEAR = "clear"
    FLAG = "flag"
    ABSTAIN = "abstain"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """One file that was found: its path relative to the scanned root, its content digest (SHA-256, hex) and size."""

    path: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A file that will not be decided on, and the sentence with the reason. Counted, logged, shown.

    `expected`: the file is sound and no picture to inspect (a report, a localizer beside the slices): it is set aside,
    and nobody has to act. False for a file that cannot be read.
    """

    file: str
    reason: str
    sha256: str | None = None
    expected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRef:
    """A study before its pixels are read: one image file, or one volume or set of pictures of a DICOM series. Cheap.

    `key` names it on screen and never holds a patient's name; `digest` is SHA-256 over its sorted file digests.
    `kind` is "image" (camera file), "dicom", or "stack" (slices of a labelled folder, the one that `key` names and its
    neighbours). `modality` is DICOM's (CT, OP, ...) or "" for image files.
    `body_part`, `sop_class_uid` and `frames` serve routing. `problems` are reasons known from headers alone that forbid
    a decision (two slices at one position, a gap ...); `notes` are remarks that do not (a duplicate counted once ...).
    `patient_hash` is a keyed hash or None. `attributes`: (name, value) of OBSERVABLE, where known; never a person's.
    `selection`: for each of `files` the frames that belong to the study, from 1, such as "1-60,121"; "" for all of a
    file, () for all of all.
    """

    key: str
    source: str
    kind: str
    digest: str
    files: tuple[SourceFile, ...]
    modality: str = ""
    body_part: str = ""
    sop_class_uid: str = ""
    study_uid: str | None = None
    series_uid: str | None = None
    patient_hash: str | None = None
    rows: int = 0
    columns: int = 0
    frames: int = 1
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()
    selection: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One picture.

    pixels: [H, W] grey or [H, W, 3] RGB, uint8 or uint16, as stored; `white` is its full-scale value.
    """

    pixels: Pixels = field(compare=False, repr=False)
    white: int = 255
    sop_instance_uid: str | None = None
    spacing_mm: tuple[float, float] | None = None  # between rows, between columns
    laterality: str | None = None  # "L" or "R", ophthalmic photographs
    burned_in_annotation: bool = False
    lossy: bool = False
    file: str = ""  # SourceFile.path of its file, where that is known
    frame: int | None = None  # number of the frame in that file, from 1; None where it holds one picture

    def unit_range(self) -> Floats:
        """[H, W] or [H, W, 3] in 0..1."""
        return self.pixels.astype(np.float32) / np.float32(self.white)


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A sorted stack of slices with sound geometry. hu: [D, H, W] int16 Hounsfield units; padding is air (-1024)."""

    hu: NDArray[np.int16] = field(compare=False, repr=False)
    spacing_mm: Millimetres  # between slices, rows, columns
    origin_mm: Millimetres  # centre of voxel (0, 0, 0)
    row_direction: Millimetres  # along increasing column index
    column_direction: Millimetres  # along increasing row index
    normal: Millimetres  # along increasing slice index
    series_uid: str
    sop_instance_uids: tuple[str, ...]  # one a slice
    lossy: bool = False

    def position_mm(self, slice_index: float, row: float, col: float) -> Millimetres:
        """Patient coordinates of a voxel's centre (PS3.3 equation C.7.6.2.1-1)."""
        ds, dr, dc = self.spacing_mm
        x, y, z = (
            o + c * col * dc + r * row * dr + n * slice_index * ds
            for o, c, r, n in zip(self.origin_mm, self.row_direction, self.column_direction, self.normal, strict=True)
        )
        return (x, y, z)

    def voxel_at(self, position_mm: Millimetres) -> tuple[float, float, float]:
        """Slice, row and column of patient coordinates, the inverse of `position_mm`; may lie outside the volume."""
        directions = (
            np.array((self.normal, self.column_direction, self.row_direction)) * np.array(self.spacing_mm)[:, None]
        )
        z, r, c = np.linalg.solve(directions.T, np.subtract(position_mm, self.origin_mm))
        return float(z), float(r), float(c)


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A study with its decoded pixels, ready for a task. Pictures or volumes, never neither unless `problems`."""

    ref: StudyRef
    images: tuple[Image, ...] = ()
    volumes: tuple[Volume, ...] = ()
    problems: tuple[str, ...] = ()  # found while decoding; ref.problems are not repeated here
    rejections: tuple[Rejection, ...] = ()  # files of this study whose pixels could not be read
    decoders: tuple[str, ...] = ()  # name and version of each decoder that served


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One measure of the quality gate: passed when value >= limit."""

    name: str
    value: float
    limit: float
    advice: str  # an action for the person at the device

    @property
    def passed(self) -> bool:
        """True when the value reaches the limit; False for NaN."""
        return self.value >= self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One input of the network. pixels: [C, H, W] or [C, D, H, W] float32 in 0..1, C = 1 or 3.

    shown: [H, W], where the unit shows its object, such as the round field of an eye's photograph; None for everywhere.
    A unit pixel (r, c) lies at source pixel origin_px + scale_px * (r, c); scale_px > 1 means the unit is smaller.
    """

    pixels: Floats = field(compare=False, repr=False)
    name: str = "image"
    image_index: int = 0  # which picture, or which slice of a volume
    origin_px: tuple[float, float] = (0.0, 0.0)  # row, column in the source
    scale_px: tuple[float, float] = (1.0, 1.0)  # source pixels a unit pixel, rows and columns
    series_uid: str | None = None
    sop_instance_uid: str | None = None
    position_mm: Millimetres | None = None
    diameter_mm: float | None = None
    axes_mm: Millimetres | None = None  # long and short axis in the slice, height across slices
    laterality: str | None = None  # of its picture, as Image.laterality
    shown: NDArray[np.bool_] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitOutput:
    """Output of the network for one unit.

    logits: [K]; heat: [K, h, w] attention of each output over the padded unit, a cell every 8 pixels, never negative,
    [K, 0, 0] from graphs that give none; features: [F], the pooled tokens, or None from graphs without this output.
    """

    logits: Floats = field(compare=False, repr=False)
    heat: Floats = field(compare=False, repr=False)
    features: Floats | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A finding in one unit, in source pixels and, where there is geometry, in millimetres."""

    name: str
    score: float
    image_index: int = 0
    row: int | None = None
    col: int | None = None
    position_mm: Millimetres | None = None
    diameter_mm: float | None = None
    axes_mm: Millimetres | None = None  # long and short axis in the slice, height across slices; None: not measured
    series_uid: str | None = None
    sop_instance_uid: str | None = None
    laterality: str | None = None  # "L" or "R": the eye, where the picture's header tells it

    def __post_init__(self) -> None:
        if not 0.0 <= self.score <= 1.0:  # false for NaN too
            raise ValueError(f"a score lies between 0 and 1; {self.name} has {self.score}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Outcome of one score at one operating point, and whether the operating point's promise holds for it."""

    outcome: Outcome
    reason: str
    certified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Origin of a decision besides the pixels; together with the study's digest it is the decision's key."""

    task: str
    task_version: str
    model_sha256: str
    config_sha256: str
    operating_point_sha256: str
    engine: str
    software: str
    certificate_sha256: str = ""  # of the certificate present, sound or not; no part of the decision's key


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One study, decided. Committed to the audit log before anyone sees it."""

    study: StudyRef
    provenance: Provenance
    verdict: Verdict
    score: float | None
    threshold: float | None
    findings: tuple[Finding, ...] = ()
    measures: tuple[Measure, ...] = ()
    decoders: tuple[str, ...] = ()
    supersedes: int | None = None  # the entry that this one decides again, on demand

    def __post_init__(self) -> None:
        if self.score is not None and not math.isfinite(self.score):
            raise ValueError(f"a decision's score is a number; {self.study.key} has {self.score}")

    @property
    def remarks(self) -> tuple[str, ...]:
        """Remarks that every output shows with the decision: the study's notes, and problems its reason lacks."""
        unsaid = (problem for problem in self.study.problems if problem not in self.verdict.reason)
        return tuple(dict.fromkeys((*unsaid, *self.study.notes)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Counts of one labelled folder or of several: found = used + skipped."""

    used: int
    skipped: tuple[tuple[str, int], ...]  # reason, files; the most frequent first

    @property
    def found(self) -> int:
        """Number of all files."""
        return self.used + sum(count for _, count in self.skipped)

    @property
    def sentence(self) -> str:
        """The counts in one line."""
        skipped = self.found - self.used
        why = ", ".join(f"{count:,} {_singular(reason) if count == 1 else reason}" for reason, count in self.skipped)
        files = "1 file" if self.found == 1 else f"{self.found:,} files"
        return f"found {files}: {self.used:,} used, {skipped:,} skipped{f' ({why})' if why else ''}"

    def plain(self) -> dict[str, object]:
        """Convert the counts to plain values for JSON."""
        return {"found": self.found, "used": self.used, "skipped": dict(self.skipped)}


def _singular(reason: str) -> str:
    """Reason of one file: blank lines -> blank line."""
    for many, one in (("copies", "copy"), ("names", "name"), ("lines", "line"), ("masks", "mask")):
        reason = reason.replace(many, one)
    return reason
