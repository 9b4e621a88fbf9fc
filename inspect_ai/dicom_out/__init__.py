"""DICOM objects made of audit entries: a structured report, segments of the marks, and a picture for every viewer.

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

__all__ = ["DicomObject", "DicomObjects", "NoDicomStudy", "check_installed", "objects_for", "write_objects"]
