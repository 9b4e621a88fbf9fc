"""Rule for the splits: enough calibration positives for the promise, as far as train can spare them."""

from __future__ import annotations

import math

from inspect_ai.calibration.bounds import lower_bound, smallest_n
from inspect_ai.calibration.ladder import LADDER, USUAL
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
    return _promise(data) if data.given_splits else [_share(positives)]


def _promise(data: Fingerprint) -> list[Choice]:
    """Sensitivity and misses that calibration shall allow, with what train may give it (datasets/topping_up.py).

    The first step of the ladder that so many positives can prove, and of it as many misses as they can; no score plays
    a part in either.
    """
    there, of = data.units("calibration", positive=True), data.units("train", positive=True)
    most = there + math.floor(recipe.MOST_TAKEN * of)
    has = f"calibration holds {there} independent positives and train {of}, of which a third may go to calibration"
    usual = smallest_n(0, USUAL, recipe.CONFIDENCE)
    for step in LADDER:
        for misses in range(recipe.MOST_MISSES, -1, -1):
            needed = smallest_n(misses, step, recipe.CONFIDENCE)
            if needed <= most:
                short = "" if step == USUAL else f"{usual} would prove {USUAL:g}, more than that; "
                proof = f"{needed} prove {step:g} with {misses or 'none'} missed"
                spared = ", and each miss that is allowed spares many false alarms"
                return [
                    Choice(key="promise.sensitivity", value=step, because=f"{short}{has}: {proof}"),
                    Choice(key="promise.misses", value=misses, because=f"{proof}{spared}"),
                ]
    best = f"at most {lower_bound(there, there, recipe.CONFIDENCE):.3f} can be proved" if there else "nothing is proved"
    nothing = f"{has}: {usual} would prove {USUAL:g}, so nothing is taken from train; {best}"
    return [Choice(key="promise.misses", value=0, because=nothing)]


def _share(positives: int) -> Choice:
    """Share of train's groups for calibration in a folder without splits."""
    spare = (1.0 - VAL_SHARE) * positives
    least = Training().calibration_share
    for misses in range(recipe.MOST_MISSES, -1, -1):
        needed = smallest_n(misses, USUAL, recipe.CONFIDENCE)
        share = needed / max(spare, 1.0)
        if share <= recipe.MOST_CALIBRATION_SHARE:
            value = max(least, round(share + 0.005, 2))
            proof = f"{needed} prove {USUAL:g} with {misses or 'no'} missed"
            break
    else:
        value = recipe.MOST_CALIBRATION_SHARE
        n = max(1, round(value * spare))
        proof = (
            f"{needed} would prove {USUAL:g}; {n} prove at most "
            f"{lower_bound(n, n, recipe.CONFIDENCE):.3f} with none missed"
        )
    return Choice(
        key="train.calibration_share",
        value=value,
        because=f"the folder names no splits and has {positives} independent positives; about {round(value * spare)} "
        f"go to calibration, and {proof}",
    )
