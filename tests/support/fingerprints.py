"""Fingerprints for the tests of rules: grey pictures of 300 px without marks, changed one thing at a time."""

from dataclasses import replace

from inspect_ai.planning.budget import Speed
from inspect_ai.planning.fingerprint import Count, Fingerprint, Spread
from inspect_ai.planning.rules import Means
from inspect_ai.planning.symmetry import TURNS, Symmetry

ALIKE = Symmetry(look=0.5, look_low=0.45, shape=0.5, shape_low=0.45, crossing=0.5, groups=100)
FAST = Speed(train={"small": 0.1, "tiny": 0.05}, val={"small": 0.03, "tiny": 0.015}, threads=2)  # seconds a megapixel


def side(pixels: float) -> Spread:
    return Spread(least=pixels, median=pixels, most=pixels)


def counts(train: tuple[int, int], val: tuple[int, int], calibration: tuple[int, int]) -> tuple[Count, ...]:
    """Positive and negative pictures of each split, each its own unit."""
    splits = {"train": train, "val": val, "calibration": calibration}
    return tuple(
        Count(split=split, label=label, positive=label == "flag", pictures=n, groups=n, units=n)
        for split, numbers in splits.items()
        for label, n in zip(("flag", "pass"), numbers, strict=True)
    )


def fingerprint(**changes: object) -> Fingerprint:
    """A folder of 800 train pictures, half of them positive, that looks the same however it is turned."""
    plain = Fingerprint(
        data=("parts",),
        labels="parts",
        decides=True,
        given_splits=True,
        counts=counts((400, 400), (50, 50), (240, 240)),
        copies=0,
        measured=240,
        width_px=side(300),
        height_px=side(300),
        aspect=side(1),
        grey=True,
        depth_bits=8,
        objects=None,
        noise=2.0,
        lost=(3.0,) * 7,
        shrink=1.0,
        brightness=0.05,
        contrast=0.05,
        rim=0.8,
        symmetry=dict.fromkeys(TURNS, ALIKE),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def means(budget: str = "1h", seconds: float = 3600.0, speed: Speed = FAST) -> Means:
    """An hour on a machine that does ten megapixels a second."""
    return Means(budget=budget, budget_s=seconds, speed=speed, starts=("imagenet", "scratch"))
