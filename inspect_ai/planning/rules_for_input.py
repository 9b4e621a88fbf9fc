"""Rule for the input: the side that shows the smallest object or finest detail, as far as the budget can pay for it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from inspect_ai.planning import recipe
from inspect_ai.planning.budget import Speed
from inspect_ai.planning.fingerprint import Fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class InputRule:
    """Height of the input (None: each picture's own), its width where it is not square, side of training crops, the
    trunk that can be paid for, and the reasons.

    train_mpx, val_mpx: megapixels of one unit in training and at work.
    """

    size: int | None
    width: int | None
    crop: int | None
    network: str
    because: str
    network_because: str
    train_mpx: float
    val_mpx: float


def input_rule(
    data: Fingerprint, speed: Speed, *, left_s: float, drawn: int, val: int, tiny_is_bare: bool = False
) -> InputRule:
    """Choose side and trunk. drawn, val: pictures an epoch; left_s: seconds that all epochs may take together.

    tiny_is_bare: the smaller trunk would start from random numbers, and the larger one would not.
    """
    if (whole := _at_full_resolution(data)) is not None:
        return whole
    wanted, because = wanted_side(data)
    asked = max(recipe.LEAST_SEEN, recipe.LEAST_EPOCHS * drawn)

    longer = max(data.stretch, 1 / data.stretch)

    own = min(math.ceil(data.side_px / recipe.STEP_PX) * recipe.STEP_PX, recipe.MOST_SIDE_PX)
    largest = wanted if data.objects is not None else max(wanted, own)

    def fits(side: int, network: str) -> bool:
        mpx = longer * (side / 1000) ** 2
        seen = asked if side <= wanted else recipe.SPARE * asked
        return speed.epoch_s(network, train_mpx=drawn * mpx, val_mpx=val * mpx) * (seen / drawn) <= left_s

    sides = [side for side in range(recipe.LEAST_SIDE_PX, largest + 1, recipe.STEP_PX)] or [wanted]
    small = max((side for side in sides if fits(side, recipe.SMALL)), default=0)
    tiny = max((side for side in sides if fits(side, recipe.TINY)), default=sides[0])
    few, shrunk = few_units(data), small < recipe.LEAST_SCALE * wanted
    is_small = small > 0 and (tiny_is_bare or (few is None and not shrunk))
    side, network = (small, recipe.SMALL) if is_small else (tiny, recipe.TINY)
    if side < wanted:
        because += f"; at {side} px the budget pays for {asked:,} augmented pictures, at more it does not"
    elif side > wanted:
        because += "; there is time for more, and detail that is rare does not show in such a measure"
    elif side > data.side_px:
        because += f"; a multiple of {recipe.STEP_PX} px, the coarsest stride"
    mpx = longer * (side / 1000) ** 2
    far = max(recipe.STEP_PX, round(longer * side / recipe.STEP_PX) * recipe.STEP_PX)
    if longer > 1.0:
        because += f"; the other side is {longer:.2f} times as long in the median, so the input is not square"
    height, width = (far, side) if data.stretch < 1.0 else (side, far)
    return InputRule(
        size=height,
        width=width if longer > 1.0 else None,
        crop=None,
        network=network,
        because=because,
        network_because=_why_this_trunk(is_small, few, shrunk, f"{asked:,} augmented", side, wanted),
        train_mpx=mpx,
        val_mpx=mpx,
    )


def _why_this_trunk(is_small: bool, few: int | None, shrunk: bool, asked: str, side: int, wanted: int) -> str:
    if is_small and (few is not None or shrunk):
        return "the smaller trunk has no pretrained weights here: the extra `imagenet` brings some"
    if is_small:
        return f"the larger trunk can see {asked} pictures at {side} px within the budget"
    if few is not None:
        return f"train holds {few} independent units of its scarcer side, and the larger trunk learns so few one by one"
    return (
        f"the larger trunk would have to shrink pictures below {recipe.LEAST_SCALE:.0%} of {wanted} px to see {asked} "
        f"ones within the budget"
    )


def few_units(data: Fingerprint) -> int | None:
    """Return the independent units of train's scarcer side where they are too few for the larger trunk, else None."""
    if not data.decides:
        return None
    scarcer = min(data.units("train", positive) for positive in (True, False))
    return scarcer if scarcer < recipe.FEW_UNITS else None


def wanted_side(data: Fingerprint) -> tuple[int, str]:
    """Side that shows everything, in pixels, and why."""
    own = data.side_px
    least = own / min(data.shrink, recipe.MOST_SHRUNK)
    detail = (
        f"pictures are {own:.0f} px on their shorter side, and shrinking them at all loses more than noise"
        if data.shrink <= 1
        else f"pictures are {own:.0f} px on their shorter side; down to {least:.0f} px only noise is lost "
        f"(noise {data.noise:.1f} grey levels of 255)"
    )
    if data.objects is not None and data.objects.small_px > 0:
        needed = own * recipe.SMALLEST_OBJECT_PX / data.objects.small_px
        least = min(own, needed)
        detail = (
            f"the smallest marked objects ({data.objects.marked_by}) are {data.objects.small_px:g} px wide in pictures "
            f"of {own:.0f} px; they keep {recipe.SMALLEST_OBJECT_PX:g} px from {needed:.0f} px on"
        )
    side = math.ceil(least / recipe.STEP_PX) * recipe.STEP_PX
    return min(max(side, recipe.LEAST_SIDE_PX), recipe.MOST_SIDE_PX), detail


def _at_full_resolution(data: Fingerprint) -> InputRule | None:
    """Crops at full resolution, where masks tell what a crop shows and shrinking would lose objects; else None."""
    objects = data.objects
    longest = max(data.width_px.most, data.height_px.most)
    if objects is None or objects.marked_by != "masks" or longest > recipe.WHOLE_UP_TO_PX:
        return None
    if wanted_side(data)[0] <= recipe.CROP_PX:
        return None
    own = data.width_px.median * data.height_px.median / 1e6
    crop = recipe.CROP_PX
    return InputRule(
        size=None,
        width=None,
        crop=crop,
        network=recipe.SMALL,
        because=f"each picture at its own size: the smallest masks are {objects.small_px:g} px wide, and masks tell "
        f"what a crop of {crop} px shows, which is what training looks at",
        network_because=f"crops of {crop} px are cheap enough for the larger trunk",
        train_mpx=(crop / 1000) ** 2,
        val_mpx=own,
    )
