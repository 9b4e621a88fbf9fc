"""Rules for what pictures may go through: turns by symmetry, light by its measured spread, views at work."""

from __future__ import annotations

from inspect_ai.planning import recipe
from inspect_ai.planning.fingerprint import Fingerprint
from inspect_ai.planning.plan import Choice
from inspect_ai.planning.symmetry import Symmetry

IN_WORDS = {
    "mirror": "mirrored pictures",
    "upside_down": "pictures upside down",
    "quarter_turn": "pictures turned by a quarter",
    "any_angle": "pictures turned by any angle",
}


def may_flip(found: Symmetry) -> bool:
    """True where mirrored pictures are worth learning from: light may give them away; a fixed pose may not."""
    return found.crossing < recipe.CROSSING and found.shape_low < recipe.FIXED_POSE


def may_quarter_turn(found: Symmetry) -> bool:
    """True where grain and edges look the same after a quarter turn."""
    return _telling(found) and found.crossing < recipe.CROSSING and found.shape_low < recipe.SAME_SHAPE


def may_turn_freely(found: Symmetry) -> bool:
    """True where nothing of the look changes by a turn; needs `may_quarter_turn` of the quarter turn as well."""
    alike = max(found.look_low, found.shape_low) < recipe.FREELY_TURNED
    return _telling(found) and found.crossing < recipe.CROSSING and alike


def _telling(found: Symmetry) -> bool:
    return found.groups >= recipe.TELLING_GROUPS


def augment_choices(data: Fingerprint, *, cropped: bool, square: bool) -> list[Choice]:
    """Choices of `augment`. cropped: training looks at crops, whose place is chance already; square: the input is."""
    seen = data.symmetry
    crop = (
        [Choice(key="augment.crop", value=recipe.CROP_PX, because="masks tell whether a crop shows an object")]
        if cropped
        else []
    )
    return [
        *crop,
        _flip("augment.flip_horizontal", "mirror", seen["mirror"]),
        _flip("augment.flip_vertical", "upside_down", seen["upside_down"]),
        _quarter_turn(seen["quarter_turn"], square),
        _angle(seen["any_angle"], may_quarter_turn(seen["quarter_turn"])),
        _border(data),
        Choice(key="augment.scale", value=recipe.SCALE, because="distance to the camera varies a little everywhere"),
        Choice(
            key="augment.shift",
            value=0.0 if cropped else recipe.SHIFT,
            because="crops lie anywhere already" if cropped else "parts are not centred to the pixel",
        ),
        _light("augment.brightness", data.brightness, "brightness"),
        _light("augment.contrast", data.contrast, "contrast"),
        Choice(key="augment.gamma", value=recipe.GAMMA, because="light and cameras differ in more than a factor"),
        Choice(key="augment.blur", value=recipe.BLUR, because="focus varies: one picture in ten is blurred by a pixel"),
        _noise(data),
        *_paste(data),
    ]


def view_choice(data: Fingerprint, side_px: int, *, square: bool) -> Choice:
    """Views averaged at work: those that augmentation makes anyway, as many as a picture of this side is cheap for."""
    seen = data.symmetry
    flips = may_flip(seen["mirror"]) and may_flip(seen["upside_down"])
    if flips and square and may_quarter_turn(seen["quarter_turn"]) and side_px <= recipe.EIGHT_VIEWS_UP_TO_PX:
        return Choice(
            key="network.views", value="dihedral", because=f"all eight views look alike, and {side_px} px are cheap"
        )
    if flips and side_px <= recipe.FOUR_VIEWS_UP_TO_PX:
        return Choice(
            key="network.views",
            value="flips",
            because=f"the four mirrored views look alike, and their mean errs less; {side_px} px can afford them",
        )
    if may_flip(seen["mirror"]):
        return Choice(
            key="network.views", value="mirror", because="the mirrored view looks alike; more cost too much time"
        )
    return Choice(key="network.views", value="one", because="mirrored pictures do not look alike")


def _found(name: str, found: Symmetry) -> str:
    return (
        f"{IN_WORDS[name]} are told from others with an area under the curve of {found.look:.2f} by their look and "
        f"{found.shape:.2f} by shape alone (0.5 is chance)"
    )


def _too_few(found: Symmetry) -> str:
    return f", from {found.groups} groups alone, which is too few to rest on"


def _crossing(found: Symmetry) -> str:
    return (
        f"turning makes one side of the decision look like the other (area under the curve {found.crossing:.2f}): the "
        f"direction carries the label"
    )


def _flip(key: str, name: str, found: Symmetry) -> Choice:
    said = _found(name, found)
    if found.shape_low >= recipe.FIXED_POSE:
        return Choice(key=key, value=False, because=f"{said}: the parts lie in a fixed pose")
    if found.crossing >= recipe.CROSSING:
        return Choice(key=key, value=False, because=_crossing(found))
    light = "; light gives them away, not what they show" if found.look_low >= recipe.FREELY_TURNED else ""
    return Choice(key=key, value=True, because=f"{said}{light}")


def _quarter_turn(found: Symmetry, square: bool) -> Choice:
    key = "augment.rotate90"
    if not square:
        return Choice(key=key, value=False, because="the input is longer one way, and a quarter turn would not fit")
    if found.crossing >= recipe.CROSSING and found.shape_low < recipe.SAME_SHAPE:
        return Choice(key=key, value=False, because=_crossing(found))
    may = may_quarter_turn(found)
    against = ": grain or parts run one way" if _telling(found) else _too_few(found)
    return Choice(key=key, value=may, because=_found("quarter_turn", found) + ("" if may else against))


def _angle(found: Symmetry, quarter: bool) -> Choice:
    key, said = "augment.rotate_degrees", _found("any_angle", found)
    if quarter and may_turn_freely(found):
        return Choice(key=key, value=180.0, because=f"{said}: round parts, or no upright side")
    against = "" if _telling(found) else _too_few(found)
    return Choice(key=key, value=recipe.SMALL_TURN_DEGREES, because=f"{said}{against}: only as far as parts lie askew")


def _border(data: Fingerprint) -> Choice:
    found = f"along the edges pictures vary {data.rim:.2f} times as much as inside"
    if data.rim <= recipe.PLAIN_RIM:
        because = (
            f"{found}: parts lie on a plain ground, and a mirrored border would show rims of parts that are not there"
        )
        return Choice(key="augment.border", value="replicate", because=because)
    return Choice(
        key="augment.border",
        value="reflect",
        because=f"{found}: what is inspected goes on beyond them, and so its mirror",
    )


def _light(key: str, spread: float, what: str) -> Choice:
    value = round(min(max(2.0 * spread, recipe.LEAST_LIGHT), recipe.MOST_LIGHT), 2)
    return Choice(
        key=key,
        value=value,
        because=f"the {what} of the pictures varies by {spread:.0%} (standard deviation); twice that, between "
        f"{recipe.LEAST_LIGHT:g} and {recipe.MOST_LIGHT:g}",
    )


def _noise(data: Fingerprint) -> Choice:
    noisy = data.noise >= recipe.NOISY
    return Choice(
        key="augment.noise",
        value=recipe.NOISE_WHERE_NOISY if noisy else recipe.NOISE,
        because=f"the pictures have noise of {data.noise:.1f} grey levels of 255",
    )


def _paste(data: Fingerprint) -> list[Choice]:
    if data.objects is None or data.objects.marked_by != "masks" or not data.decides:
        return []
    return [
        Choice(
            key="augment.paste",
            value=recipe.PASTE,
            because=f"{data.objects.count:,} masked objects can be put onto pictures without one, so that nothing but "
            f"the object tells the sides apart",
        )
    ]
