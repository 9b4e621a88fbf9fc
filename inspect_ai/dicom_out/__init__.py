"""DICOM objects made of audit entries, decisions and answers to them: reports, segments, marks and pictures.

Needs the extra `dicom` (highdicom), which is imported when objects are made.
"""

from inspect_ai.dicom_out.objects import (
    DicomObject,
    DicomObjects,
    NoDicomStudy,
    check_installed,
    objects_for,
    write_objects,
)

__all__ = [
    "DicomObject",
    "DicomObjects",
    "NoDicomStudy",
    "check_installed",
    "objects_for",
    "write_objects",
]
