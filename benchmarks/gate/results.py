"""Results of the gate benchmark."""

from __future__ import annotations

from dataclasses import dataclass

from inspect_ai.calibration.out_of_distribution import Method

WAYS = ("fixed limits", "measures", "network", "measures and network", "whole gate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Pictures of one kind, and the number of them that each way rejects. kind: good, positives, spoilt or foreign."""

    name: str
    kind: str
    n: int
    caught: tuple[int, ...]  # in the order of WAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """Measurement of one task's gate."""

    task: str
    data: str
    split: str
    quality: Method
    features: Method
    calibration: int  # pictures of the reference
    rows: tuple[Counted, ...]
