"""Result of a calibration: what was proved, and where it was written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from inspect_ai.calibration.frontier import Frontier
from inspect_ai.domain import Account
from inspect_ai.operating_point import OperatingPoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """Operating point, the file of its certificate (None where nothing is proved), and the frontier.

    no_reference: reason why no out-of-distribution reference was made, None where one was. left_to_a_person: share of
    positive pictures that the whole gate leaves to a person. training_known: the pictures that trained the model are
    known, so that none of them can count. account: the files of the folder. All of these are empty where another
    program made the scores. said: what was understood and joined in the folder, and what was calibrated on these
    positives before.
    """

    point: OperatingPoint
    certificate: Path | None
    frontier: Frontier
    no_reference: str | None = None
    left_to_a_person: float | None = None
    training_known: bool | None = None
    account: Account | None = None
    said: tuple[str, ...] = ()
