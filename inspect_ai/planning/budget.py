"""Budget of a training: words such as 10m and 1h, and how many epochs fit into it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from inspect_ai.errors import UsageError

RESERVE_S, RESERVE_SHARE = 10.0, 0.03  # of a budget, for the graph, its check and the figures on val
UNITS_S = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def budget_seconds(text: str) -> float:
    """Seconds of 90s, 10m, 1h or 1h30m. Raises UsageError for anything else."""
    word = text.strip().casefold().replace(" ", "")
    parts = re.findall(r"(\d+(?:\.\d+)?)(min|h|m|s)", word)
    total = sum(float(number) * UNITS_S[unit] for number, unit in parts)
    if not parts or "".join(number + unit for number, unit in parts) != word or total <= 0:
        raise UsageError(f"--budget {text!r} is no time. Write 10m, 45m, 1h or 1h30m.")
    return total


def minutes(seconds: float) -> str:
    """Seconds in words of a person: 40 s, 12 min, 1 h 5 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    whole = round(seconds / 60)
    return f"{whole} min" if whole < 60 else f"{whole // 60} h" + (f" {whole % 60} min" if whole % 60 else "")


def left_for_fitting(budget: str, spent_s: float) -> float:
    """Seconds of a budget that are left for the epochs."""
    whole = budget_seconds(budget)
    return max(1.0, whole - spent_s - RESERVE_S - RESERVE_SHARE * whole)


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Measured seconds a megapixel of input, of a training step with augmentation and of validation, by trunk size."""

    train: dict[str, float]
    val: dict[str, float]
    threads: int

    def epoch_s(self, size: str, *, train_mpx: float, val_mpx: float) -> float:
        """Seconds of one epoch over so many megapixels."""
        return self.train[size] * train_mpx + self.val[size] * val_mpx
