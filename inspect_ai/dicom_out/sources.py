"""Source files of a decision: found below a folder, compared with the digests in the log, and their headers read.

Here alone identifiers of a patient are copied, from file to file: they are held in a data set, never in a message.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from inspect_ai.audit import Entry, Log
from inspect_ai.domain import Finding, Millimetres, SourceFile, StudyRef
from inspect_ai.errors import InputError, UsageError
from inspect_ai.ingest.data_set import parsed
from inspect_ai.ingest.header import read_header
from inspect_ai.ingest.plane_geometry import Plane
from inspect_ai.ingest.slice_order import SAME_POSITION_MM
from inspect_ai.ingest.volumes.duplicates import reencoded, without_duplicates
from inspect_ai.ingest.volumes.encoded import damage_named, path_of
from inspect_ai.ingest.volumes.instance import Instance
from inspect_ai.ingest.volumes.stacking import stack
from inspect_ai.ingest.walk import FoundFile, opened, walk
from inspect_ai.inspection import decided_files
from inspect_ai.settings import Settings
from inspect_ai.text import printable

# PS3.3 C.7.1.1 and C.7.2.1, as far as archives file by them. Everything else of a person stays in the source.
PATIENT = ("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex")
STUDY = ("StudyID", "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "StudyDescription")
IDENTITY = (*PATIENT, *STUDY)
TYPE_2 = frozenset({*IDENTITY} - {"IssuerOfPatientID", "StudyDescription"})  # present even where they are empty
PLACE = (
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "PositionReferenceIndicator",
    "Modality",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "ImageType",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SliceThickness",
    "SpacingBetweenSlices",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "LossyImageCompression",
    "LossyImageCompressionRatio",
    "LossyImageCompressionMethod",
    "BurnedInAnnotation",
    "TimezoneOffsetFromUTC",
)
WINDOW, RESCALE = ("WindowCenter", "WindowWidth", "VOILUTFunction"), ("RescaleIntercept", "RescaleSlope", "RescaleType")
# What a presentation state repeats of its picture.
DISPLAY = ("SamplesPerPixel", "PhotometricInterpretation", "ICCProfile", *WINDOW, *RESCALE)
TAGS = ["SpecificCharacterSet", *IDENTITY, *PLACE, *DISPLAY]
GEOMETRY = ("PixelMeasuresSequence", "PlaneOrientationSequence", "PlanePositionSequence")  # kept of functional groups
FORMS = {
    "DA": r"\d{8}",
    "TM": r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?",
    "CS": r"[A-Z0-9_ ]{1,16}",
}
OFFSET = re.compile(r"[+-]\d{4}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file of the study. header: identity, place and shape (`TAGS`) and nothing else of its data set."""

    instance: Instance
    header: Any = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Picture in which a finding lies. frame: from 1 in a file of several, else None."""

    source: Source
    frame: int | None = None
    spacing_mm: tuple[float, float] | None = None  # between rows, between columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Files of a study in the order in which it lists them. selection: frames of each, as StudyRef has them."""

    files: tuple[Source, ...]
    selection: tuple[str, ...] = ()

    @property
    def identity(self) -> dict[str, Any]:
        """Patient and study as the first file has them, without what no element may hold."""
        return _identity(self.files[0].header)

    @property
    def offset(self) -> str:
        """Offset from UTC that the files state, "" where they state none."""
        stated = str(self.files[0].header.get("TimezoneOffsetFromUTC") or "").strip()
        return stated if OFFSET.fullmatch(stated) else ""

    @property
    def step_mm(self) -> float | None:
        """Smallest distance between the planes of two files, along the normal of the first; None without two."""
        planes = [plane for source in self.files for plane in source.instance.header.planes if plane is not None]
        heights = sorted(_height(planes[0], plane.position_mm) for plane in planes)
        steps = [b - a for a, b in pairwise(heights) if b - a > SAME_POSITION_MM]
        return min(steps, default=None)

    @property
    def references(self) -> list[Any]:
        """Headers without identity: what an object needs to refer to the files and to lie in their space."""
        return [reference(source) for source in self.files]

    def place_of(self, finding: Finding) -> Place | None:
        """Picture in which a finding lies; None where no file has its UID."""
        named = [s for s in self.files if s.instance.header.sop_instance_uid == (finding.sop_instance_uid or "")]
        source = named[0] if finding.sop_instance_uid and named else None
        if source is not None and source.instance.header.frames == 1:
            return Place(source=source, spacing_mm=_spacing(source, 0))
        if source is not None and finding.position_mm is not None:
            frame = _nearest(source, finding)
        else:
            source, frame = self._by_index(finding.image_index, source)
        if source is None or frame is None:
            return None
        several = source.instance.header.frames > 1
        return Place(source=source, frame=frame + 1 if several else None, spacing_mm=_spacing(source, frame))

    def slice_at(self, index: int) -> Place | None:
        """Slice of the volume by its number, as ingest puts them in order; None where there is no such slice."""
        of = {source.instance.file.path: source for source in self.files}
        kept, _ = reencoded(without_duplicates([source.instance for source in self.files])[0])
        slices, _ = stack(kept, dict(zip(of, self.selection, strict=False)))
        if not 0 <= index < len(slices):
            return None
        found, source = slices[index], of[slices[index].path]
        several = source.instance.header.frames > 1
        return Place(source=source, frame=found.frame + 1 if several else None, spacing_mm=found.plane.spacing_mm)

    def picture_at(self, image_index: int) -> Place | None:
        """Picture by its number in the study; None where there is no such picture."""
        source, frame = self._by_index(image_index, None)
        if source is None or frame is None:
            return None
        several = source.instance.header.frames > 1
        return Place(source=source, frame=frame + 1 if several else None, spacing_mm=_spacing(source, frame))

    def _by_index(self, image_index: int, named: Source | None) -> tuple[Source | None, int | None]:
        """Source and frame (from 0) of a picture by its number in the study, which counts frames of all files."""
        kept, _ = without_duplicates([source.instance for source in self.files])
        of = {source.instance.file.path: source for source in self.files}
        pictures = [(of[m.file.path], frame) for m in kept for frame in range(m.header.frames)]
        if not 0 <= image_index < len(pictures):
            return None, None
        source, frame = pictures[image_index]
        return (source, frame) if named is None or source is named else (None, None)


def sources_of(entry: Entry, log: Log, root: Path, settings: Settings, study: StudyRef | None = None) -> Sources:
    """Read the headers of an entry's files. study: the decided study with the names of its files, where they are known.

    Raises InputError for a file that is missing, altered or damaged, and for one without the UID of its study.
    """
    hidden = {file.sha256: file.path for file in entry.decision().study.files}
    named = study or named_study(entry, log, root, settings)
    read = []
    for number, file in enumerate(named.files):
        shown = f"file {number + 1} of {len(named.files)} ({printable(hidden.get(file.sha256, ''), 80)})"
        read.append(_read(root, file, settings, f"{shown} of entry {entry.id}"))
    if not read:
        raise InputError(f"Entry {entry.id} of the audit log names no file: no DICOM object can refer to it.")
    first = read[0].header
    if not all(str(first.get(name) or "") for name in ("StudyInstanceUID", "SeriesInstanceUID")):
        raise InputError(
            f"The files of entry {entry.id} have no StudyInstanceUID (0020,000D) or SeriesInstanceUID (0020,000E): no "
            "object can be put into their study. Export them again from where they come from."
        )
    return Sources(files=tuple(read), selection=named.selection)


def named_study(entry: Entry, log: Log, root: Path, settings: Settings) -> StudyRef:
    """Study of a decision with the paths of its files: from the sealed names, else by content below the root."""
    if decided_files.keeps_names(entry, log):
        return decided_files.named_study(entry, log)
    study = entry.decision().study
    if all(path_of(root, file).is_file() for file in study.files):  # earlier versions wrote names
        return study
    if not root.exists():
        raise UsageError(f"{printable(str(root))} does not exist. --root is the folder that was scanned.")
    found = {
        item.file.sha256: item.file.path
        for item in walk(root, int(settings.max_file_gib * (1 << 30)))
        if isinstance(item, FoundFile)
    }
    return replace(study, files=tuple(replace(f, path=found.get(f.sha256, f.path)) for f in study.files))


def reference(source: Source, names: Sequence[str] = PLACE) -> Any:
    """Header of a file without the identity of patient and study. names: the elements that it keeps."""
    from pydicom.dataset import Dataset

    header = Dataset()
    for name in names:
        if name in source.header:
            header[name] = deepcopy(source.header[name])  # its items may be completed
    for name in IDENTITY:
        if name in TYPE_2:
            setattr(header, name, "")
    return header


def copy_identity(identity: dict[str, Any], target: Any) -> None:
    """Put patient and study into an object; texts are written in UTF-8."""
    target.SpecificCharacterSet = "ISO_IR 192"
    for name, value in identity.items():
        setattr(target, name, value)


def _read(root: Path, file: SourceFile, settings: Settings, shown: str) -> Source:
    try:
        with opened(path_of(root, file)) as f:
            if hashlib.file_digest(f, "sha256").hexdigest() != file.sha256:
                raise InputError(
                    f"The source {shown} is not the one that was decided: its content was altered. Scan the study "
                    "again, and take the new entry."
                )
            f.seek(0)
            with damage_named():
                header = read_header(f, settings.max_pixels, None, assume_hounsfield=settings.assume_hounsfield)
                f.seek(0)
                data_set = _parsed(f)
    except OSError as e:
        raise InputError(
            f"The source {shown} is not there or cannot be read ({e.strerror}). Give the folder that was scanned with "
            "--root, and put the file back where it was."
        ) from e
    return Source(instance=Instance(file=file, header=header), header=data_set)


def _parsed(f: Any) -> Any:
    """Data set of `TAGS` alone, functional groups with their geometry alone."""
    from pydicom.dataset import Dataset

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they quote values, which may be a name
        data_set, _, _ = parsed(f, TAGS)
        kept = Dataset()
        for name in TAGS:
            if name in data_set:
                kept[name] = data_set[name]
        for name in ("SOPInstanceUID", "SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
            if name in kept:
                setattr(kept, name, str(kept.get(name) or "").strip(" \0"))
        for name in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
            for group in kept.get(name) or []:
                for element in [e for e in group if e.keyword not in GEOMETRY]:
                    del group[element.tag]
    return kept


def _identity(header: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in IDENTITY:
            text = ""
            with suppress(KeyError, ValueError, TypeError, AttributeError):  # a value that its VR cannot hold
                text = _clean(header[name].value, str(header[name].VR))
            if text or name in TYPE_2:
                found[name] = text
    return found


def _clean(value: Any, vr: str) -> str:
    """Text of one value without control characters, "" where its VR has no such value (PS3.5 6.2)."""
    from pydicom.multival import MultiValue

    first = (value[0] if value else "") if isinstance(value, MultiValue | list) else value
    text = "".join(c for c in str(first if first is not None else "") if c.isprintable() and c != "\\").strip()
    form = FORMS.get(vr)
    return text if form is None or re.fullmatch(form, text) else ""


def _spacing(source: Source, frame: int) -> tuple[float, float] | None:
    planes = source.instance.header.planes
    plane = planes[frame if len(planes) > 1 else 0] if planes else None
    return None if plane is None else plane.spacing_mm


def _nearest(source: Source, finding: Finding) -> int | None:
    """Frame (from 0) whose plane is nearest to the finding."""
    if finding.position_mm is None:
        return None
    at = finding.position_mm
    distances = [np.inf if plane is None else abs(_height(plane, at)) for plane in source.instance.header.planes]
    nearest = int(np.argmin(distances)) if distances else 0
    return nearest if distances and np.isfinite(distances[nearest]) else None


def _height(plane: Plane, position_mm: Millimetres) -> float:
    """Height of a position above a plane, in millimetres."""
    normal = np.cross(plane.row_direction, plane.column_direction)
    return float(np.dot(np.subtract(position_mm, plane.position_mm), normal))
