"""Operating points by the names of their flat record, so that a test says one line a field."""

from dataclasses import replace
from typing import Any

from inspect_ai.calibration.point_record import PointRecord, point_of, record_of
from inspect_ai.operating_point import OperatingPoint


def make_point(**fields: Any) -> OperatingPoint:
    """The point with these fields of its record, proofs unchecked."""
    return point_of(PointRecord(**fields))


def changed(point: OperatingPoint, **fields: Any) -> OperatingPoint:
    """The same point with other values in some fields of its record."""
    return point_of(replace(record_of(point), **fields))
