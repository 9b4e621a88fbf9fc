"""Attributes of device and picture, from header and settings, which identify groups of pictures.

DICOM tags (0008,0070), (0008,1090), (0018,0050), (0010,1010). Numbers become bands, so that an age or a thickness
tells groups apart and not persons; makers and models are free text, of which known words pass (known_words.py); names
and ids of patients are never read here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

from inspect_ai.domain import OBSERVABLE
from inspect_ai.ingest import known_words
from inspect_ai.ingest.known_words import LONGEST
from inspect_ai.settings import Settings
from inspect_ai.text import printable

THIN_MM, THICK_MM = 1.5, 3.0  # up to 1.5 mm nodules are measured in; above 3 mm small ones disappear between slices
OLDEST = 80  # years; one band from there on
_YEARS = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0}  # units of an age string (AS)


_DEVICE = {"manufacturer": known_words.maker, "model": known_words.model}


def attributes_of(ds: Any) -> tuple[tuple[str, str], ...]:
    """Read (name, value) of each attribute in a header; absent and invalid ones are left out."""
    found = (
        ("manufacturer", known_words.maker(ds.get("Manufacturer", ""))),
        ("model", known_words.model(ds.get("ManufacturerModelName", ""))),
        ("slice_thickness", thickness_band(ds.get("SliceThickness", ""))),
        ("age_band", age_band(ds.get("PatientAge", ""))),
    )
    return tuple((name, value) for name, value in found if value)


def attributes_set(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Read (name, value) of the attributes that settings give."""
    found = (("site", attribute_text(settings.site)), ("camera", attribute_text(settings.camera)))
    return tuple((name, value) for name, value in found if value)


def as_at_work(column: str, text: str) -> str:
    """Convert a table's value to that of a study at work where the column is OBSERVABLE, else to a printable line."""
    if column == "slice_thickness":
        return thickness_band(text) or attribute_text(text)
    if column == "age_band":
        return age_band(text) or attribute_text(text)
    if column in _DEVICE:
        return _DEVICE[column](text)
    return attribute_text(text) if column in OBSERVABLE else printable(text.strip())


def attribute_text(value: Any) -> str:
    """Convert to one printable bounded line without space at its ends; case is kept, since makers differ by it too."""
    return printable(str(value or "").strip(), LONGEST)


def thickness_band(value: Any) -> str:
    """ "<=1.5", "1.5-3" or ">3" for a thickness in millimetres; "" for anything else."""
    try:
        mm = float(value)
    except (TypeError, ValueError):
        return ""
    if not (math.isfinite(mm) and mm > 0):
        return ""
    return f"<={THIN_MM:g}" if mm <= THIN_MM else f"{THIN_MM:g}-{THICK_MM:g}" if mm <= THICK_MM else f">{THICK_MM:g}"


def age_band(value: Any) -> str:
    """Ten years, such as "40-49", or "80+", for an age string such as 045Y or 018M; "" for anything else."""
    match = re.fullmatch(r"(\d{3})([DWMY])", str(value or "").strip())
    if match is None:
        return ""
    decade = 10 * int(int(match[1]) * _YEARS[match[2]] // 10)
    return f"{OLDEST}+" if decade >= OLDEST else f"{decade}-{decade + 9}"


def shared(each: Iterable[tuple[tuple[str, str], ...]]) -> tuple[tuple[str, str], ...]:
    """Attributes that all files of a series have in common."""
    sets = [set(attributes) for attributes in each]
    common = set.intersection(*sets) if sets else set()
    return tuple(sorted(common))
