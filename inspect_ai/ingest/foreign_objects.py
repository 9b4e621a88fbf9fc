"""DICOM objects that hold no picture to inspect, by SOP class (PS3.4 B.5, PS3.6 A): reports, plans, states, indexes.

They lie among pictures in every export. Each is accounted for with its name, and is no error of a person.
"""

from __future__ import annotations

from dataclasses import dataclass

from inspect_ai.errors import InputError

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
STORAGE = "1.2.840.10008.5.1.4.1.1."
# SOP class, or the beginning of several -> what it is. The longest that fits counts.
_KINDS = {
    "1.2.840.10008.1.3.10": "a DICOMDIR: an index, its folder is read itself",
    "1.2.840.10008.5.1.4.39.": "a colour palette",
    "1.2.840.10008.5.1.4.38.": "a hanging protocol",
    "1.2.840.10008.5.1.4.43.": "a template of an implant",
    "1.2.840.10008.5.1.4.44.": "a template of an implant",
    "1.2.840.10008.5.1.4.45.": "a template of an implant",
    STORAGE + "9.": "a waveform",
    STORAGE + "11.": "a presentation state",
    STORAGE + "30": "a parametric map",
    STORAGE + "66": "raw data",
    STORAGE + "66.1": "a registration",
    STORAGE + "66.2": "fiducials",
    STORAGE + "66.3": "a deformable registration",
    STORAGE + "66.4": "a segmentation",
    STORAGE + "66.5": "a surface segmentation",
    STORAGE + "66.6": "tracts",
    STORAGE + "66.7": "a label map segmentation",
    STORAGE + "66.8": "a height map segmentation",
    STORAGE + "67": "a real world value mapping",
    STORAGE + "68.": "a surface scan",
    STORAGE + "78.": "a measurement of the eye",
    STORAGE + "79.1": "a report of a macular grid",
    STORAGE + "80.1": "a visual field",
    STORAGE + "88.": "a structured report",
    STORAGE + "88.59": "a key object selection",
    STORAGE + "88.67": "a dose report",
    STORAGE + "88.68": "a dose report",
    STORAGE + "88.76": "a dose report",
    STORAGE + "90.1": "an assessment",
    STORAGE + "104.": "an encapsulated document",
    STORAGE + "104.1": "an encapsulated PDF",
    STORAGE + "131": "a structured display",
    STORAGE + "200.": "a parameter set of a scanner",
    STORAGE + "481.2": "a dose grid",
    STORAGE + "481.3": "a structure set of radiotherapy",
    STORAGE + "481.4": "a treatment record",
    STORAGE + "481.5": "a plan of radiotherapy",
    STORAGE + "481.6": "a treatment record",
    STORAGE + "481.7": "a treatment record",
    STORAGE + "481.8": "a plan of radiotherapy",
    STORAGE + "481.9": "a treatment record",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignObject:
    """An object without a picture. what: its kind in words; UIDs as the header has them, "" where they are missing."""

    what: str
    study_uid: str
    series_uid: str


class NotToInspect(InputError):
    """A DICOM object that holds no picture to inspect; `found` says which."""

    def __init__(self, found: ForeignObject) -> None:
        super().__init__(reason(found.what))
        self.found = found


def foreign_kind(sop_class: str) -> str:
    """Kind of object, in words; "" for a class whose objects hold pictures, and for one that is not known."""
    fitting = [kind for kind in _KINDS if sop_class == kind or (kind.endswith(".") and sop_class.startswith(kind))]
    return _KINDS[max(fitting, key=len)] if fitting else ""


def reason(what: str) -> str:
    """Sentence for an object that is set aside."""
    return f"no picture to inspect: {what}"
