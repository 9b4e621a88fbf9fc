"""Attributes by which the slices of one series are told apart as several volumes.

PS3.3 C.7.6.1 (Image Type, Acquisition Number), C.7.6.16 (functional groups, concatenations), C.8.3 and C.8.13 (MR).
Text of a header, such as a kernel's name, is kept as a digest: it is compared and never shown.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass, fields
from typing import Any

TAGS = [
    "InstanceNumber",
    "AcquisitionNumber",
    "AcquisitionDateTime",
    "AcquisitionTime",
    "TemporalPositionIdentifier",
    "NominalPercentageOfCardiacPhase",
    "DiffusionBValue",
    "EchoNumbers",
    "EchoTime",
    "ConvolutionKernel",
    "DerivationCodeSequence",
    "ConcatenationUID",
    "InConcatenationNumber",
    "InConcatenationTotalNumber",
]
LOSSY_COMPRESSION = "113040"  # DCM code of a derivation that only compressed the pixels (PS3.16 CID 7203)
PROJECTION, DERIVED = "projection", "derived"
# Words of Image Type (value 3 and later) and Frame Type for slices that were computed from a volume: projections,
# reformats, renderings, averages over a slab.
_COMPUTED = frozenset(
    (
        *("MIP", "MINIP", "MIPMPR", "MAX_IP", "MIN_IP", "MEAN_IP", "MAXIP", "MPR", "MPVR", "CPR", "CURVED"),
        *("REFORMATTED", "REFORMAT", "PROJECTION", "RESAMPLED", "VRT", "SSD", "VOLREN", "RENDERED", "RENDERING"),
        *("VOLUME_RENDER", "SURFACE_RENDER", "MAXIMUM", "MINIMUM", "SUBTRACTION", "THICKMIP", "THICKMPR"),
    )
)
_COMPUTED_IF_DERIVED = frozenset(("AVERAGE", "MEAN", "ADDITION", "MIN", "MAX", "3D"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceAttributes:
    """Attributes of one slice or frame; "" or None where the header gives none. derived: PROJECTION, DERIVED or ""."""

    acquisition: int | None = None
    number: int | None = None  # Instance Number
    acquired: float | None = None  # date and time as one number, for order alone
    temporal: str = ""
    phase: str = ""  # cardiac, per cent
    b_value: str = ""
    echo: str = ""
    kernel: str = ""
    stack: str = ""
    derived: str = ""
    thickness_mm: float | None = None

    def apart_from_number(self) -> tuple[object, ...]:
        """All values that a copy of the slice shares with it."""
        own = ("number", "acquired", "thickness_mm")
        return tuple(getattr(self, f.name) for f in fields(self) if f.name not in own)


@dataclass(frozen=True, slots=True, kw_only=True)
class Concatenation:
    """Place of a multi-frame object among those into which one was divided. total: 0 where the header does not say."""

    uid: str
    number: int
    total: int


def slice_attributes(ds: Any, frames: int, lossy: bool) -> tuple[SliceAttributes, ...]:
    """Read the attributes of each frame; one for all of them where they share every value."""
    shared = _first(_value(ds, "SharedFunctionalGroupsSequence"))
    per_frame = _value(ds, "PerFrameFunctionalGroupsSequence") or []
    if len(per_frame) != frames:
        return (_attributes(ds, None, shared, lossy),)
    found = tuple(_attributes(ds, group, shared, lossy) for group in per_frame)
    return found[:1] if len(set(found)) == 1 else found


def concatenation(ds: Any) -> Concatenation | None:
    """Read the place of a part of a concatenation (PS3.3 C.7.6.16.2.2.4); None for a whole object."""
    uid = _digest(_value(ds, "ConcatenationUID"))
    number = _integer(_value(ds, "InConcatenationNumber"))
    if not uid or number is None:
        return None
    return Concatenation(uid=uid, number=number, total=_integer(_value(ds, "InConcatenationTotalNumber")) or 0)


def _attributes(ds: Any, own: Any, shared: Any, lossy: bool) -> SliceAttributes:
    def of(group: str, name: str, flat: str = "") -> Any:
        for source in (own, shared):
            item = _first(_value(source, group)) if source is not None else None
            value = None if item is None else _value(item, name)
            if value not in (None, ""):
                return value
        return _value(ds, flat) if flat else None

    frame_type = next(
        (
            value
            for kind in ("CT", "MR", "PET")
            if (value := of(f"{kind}ImageFrameTypeSequence" if kind != "PET" else "PETFrameTypeSequence", "FrameType"))
        ),
        None,
    )
    content = "FrameContentSequence"
    echo = of("MREchoSequence", "EffectiveEchoTime", "EchoTime")
    return SliceAttributes(
        acquisition=_integer(of(content, "FrameAcquisitionNumber", "AcquisitionNumber")),
        number=_integer(_value(ds, "InstanceNumber")) if own is None else None,
        acquired=_moment(
            of(content, "FrameAcquisitionDateTime", "AcquisitionDateTime") or _value(ds, "AcquisitionTime")
        ),
        temporal=_number(of(content, "TemporalPositionIndex", "TemporalPositionIdentifier")),
        phase=_number(
            of("CardiacSynchronizationSequence", "NominalPercentageOfCardiacPhase", "NominalPercentageOfCardiacPhase")
        ),
        b_value=_number(of("MRDiffusionSequence", "DiffusionBValue", "DiffusionBValue")),
        echo=_number(echo) or _number(_value(ds, "EchoNumbers")),
        kernel=_digest(of("CTReconstructionSequence", "ConvolutionKernel", "ConvolutionKernel")),
        stack=_digest(of(content, "StackID")),
        derived=derivation(_words(frame_type or _value(ds, "ImageType")), _codes(ds), lossy),
        thickness_mm=_length(of("PixelMeasuresSequence", "SliceThickness", "SliceThickness")),
    )


def derivation(words: list[str], codes: set[str], lossy: bool) -> str:
    """PROJECTION, DERIVED, or "" for an original; a copy that was only compressed counts as its original.

    words: the values of Image Type or Frame Type in capitals. codes: of the Derivation Code Sequence.
    """
    derived = words[:1] in (["DERIVED"], ["MIXED"])
    parts = {part for word in words[2:] for part in (word, *re.split(r"[ /\-]+", word))}
    if parts & _COMPUTED or (derived and parts & _COMPUTED_IF_DERIVED):
        return PROJECTION
    if not derived:
        return ""
    return "" if (lossy or codes) and codes <= {LOSSY_COMPRESSION} else DERIVED


def _words(value: Any) -> list[str]:
    values = list(value) if hasattr(value, "__iter__") and not isinstance(value, str) else [value]
    return [str(v or "").strip().upper() for v in values]


def _codes(ds: Any) -> set[str]:
    return {str(_value(item, "CodeValue") or "") for item in _value(ds, "DerivationCodeSequence") or []}


def _value(ds: Any, name: str) -> Any:
    """Value of an element; None where it is missing or cannot be read, since none of them is needed for a picture."""
    try:
        return ds.get(name)
    except (ValueError, TypeError, OverflowError, AttributeError, KeyError, NotImplementedError):
        return None


def _first(sequence: Any) -> Any:
    return sequence[0] if sequence else None


def _single(value: Any) -> Any:
    return next(iter(value), None) if hasattr(value, "__iter__") and not isinstance(value, str) else value


def _integer(value: Any) -> int | None:
    number = _float(value)
    return None if number is None or abs(number) > 2**31 else int(number)


def _number(value: Any) -> str:
    number = _float(value)
    return "" if number is None else f"{number:g}"


def _moment(value: Any) -> float | None:
    """YYYYMMDDHHMMSS.FFFFFF or HHMMSS.FFFFFF as a number, without an offset from UTC; for order alone."""
    match = re.match(r"\d{4,14}(\.\d+)?", str(value or "").strip())
    return float(match[0]) if match else None


def _length(value: Any) -> float | None:
    number = _float(value)
    return number if number is not None and number > 0 else None


def _float(value: Any) -> float | None:
    try:
        number = float(_single(value))
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _digest(value: Any) -> str:
    text = "\0".join(_words(value)) if value is not None else ""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16] if text.strip("\0") else ""
