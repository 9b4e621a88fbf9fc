"""Thresholds and their proof, and the file that carries both. NumPy and scipy.special only."""

from inspect_ai.calibration.bounds import clopper_pearson, lower_bound
from inspect_ai.calibration.groups import GroupScore, Units, per_group, reduced
from inspect_ai.calibration.planning import PlanRow, plan
from inspect_ai.calibration.point import matches, point_sha256, read_point, write_point
from inspect_ai.calibration.threshold import Proof, best_effort, prove

__all__ = [
    "GroupScore",
    "PlanRow",
    "Proof",
    "Units",
    "best_effort",
    "clopper_pearson",
    "lower_bound",
    "matches",
    "per_group",
    "plan",
    "point_sha256",
    "prove",
    "read_point",
    "reduced",
    "write_point",
]
