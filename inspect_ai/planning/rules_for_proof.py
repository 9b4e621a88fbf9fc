"""Rule for the splits: enough calibration positives for the promise, as far as train can spare them."""

from __future__ import annotations

import math

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
    return [_promise(data)] if data.given_splits else [_share(positives)]


def _promise(data: Fingerprint) -> Choice:
    """Misses that calibration shall allow: as many as it can with what train may give (datasets/topping_up.py)."""
    there, of = data.units("calibration", positive=True), data.units("train", positive=True)
    most = there + math.floor(recipe.MOST_TAKEN * of)
    has = f"calibration holds {there} independent positives and train {of}, of which a third may go to calibration"
    for misses in range(recipe.MOST_MISSES, -1, -1):
        needed = smallest_n(misses, recipe.SENSITIVITY, recipe.CONFIDENCE)
        if needed <= most:
            return Choice(
                key="promise.misses",
                value=misses,
                because=f"{has}: {needed} prove {recipe.SENSITIVITY:g} with {misses or 'none'} missed, and each miss "
                f"that is allowed spares many false alarms",
            )
    best = f"at most {lower_bound(there, there, recipe.CONFIDENCE):.3f} can be proved" if there else "nothing is proved"
    return Choice(
        key="promise.misses",
        value=0,
        because=f"{has}: {needed} would prove {recipe.SENSITIVITY:g}, so nothing is taken from train; {best}",
    )


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
