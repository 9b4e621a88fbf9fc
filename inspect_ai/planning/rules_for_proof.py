"""Rule for the splits: enough calibration positives for the promise, as far as train can spare them."""

from __future__ import annotations

from inspect_ai.calibration.bounds import lower_bound, smallest_n
from inspect_ai.config import Training
from inspect_ai.planning import recipe
from inspect_ai.planning.fingerprint import Fingerprint
from inspect_ai.planning.plan import Choice

VAL_SHARE = 0.2  # of the groups, where a folder has no splits (datasets/folder.py)


def proof_choices(data: Fingerprint) -> list[Choice]:
    """Choices that decide how many positives stand in calibration; none for a catalogue, which decides nothing."""
    if not data.decides:
        return []
    positives = sum(data.units(split, positive=True) for split in ("train", "val", "calibration"))
    return [] if data.given_splits else [_share(positives)]


def _share(positives: int) -> Choice:
    """Share of train's groups for calibration in a folder without splits."""
    spare = (1.0 - VAL_SHARE) * positives
    least = Training().calibration_share
    for misses in range(recipe.MOST_MISSES, -1, -1):
        needed = smallest_n(misses, recipe.SENSITIVITY, recipe.CONFIDENCE)
        share = needed / max(spare, 1.0)
        if share <= recipe.MOST_CALIBRATION_SHARE:
            value = max(least, round(share + 0.005, 2))
            proof = f"{needed} prove {recipe.SENSITIVITY:g} with {misses or 'no'} missed"
            break
    else:
        value = recipe.MOST_CALIBRATION_SHARE
        n = max(1, round(value * spare))
        proof = (
            f"{needed} would prove {recipe.SENSITIVITY:g}; {n} prove at most "
            f"{lower_bound(n, n, recipe.CONFIDENCE):.3f} with none missed"
        )
    return Choice(
        key="train.calibration_share",
        value=value,
        because=f"the folder names no splits and has {positives} independent positives; about {round(value * spare)} "
        f"go to calibration, and {proof}",
    )
