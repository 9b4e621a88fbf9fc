"""`python -m benchmarks.phantoms`: what is promised follows from counts alone, and what ships is signed and pinned."""

import pytest

from benchmarks.phantoms.study import KINDS, promised
from inspect_ai.calibration import read_point
from inspect_ai.certificates.certificate import read_certificate
from inspect_ai.certificates.maker_key import PHANTOM_KEY
from inspect_ai.errors import UsageError
from inspect_ai.settings import bundled


@pytest.mark.parametrize(("positives", "best"), [(229, 0.987), (228, 0.98), (59, 0.95), (58, 0.9), (29, 0.9)])
def test_the_promise_is_the_highest_that_so_many_positives_prove_without_a_miss(positives: int, best: float) -> None:
    assert promised(positives, 0.95) == best
    assert best**positives <= 0.05


def test_too_few_made_studies_are_refused() -> None:
    with pytest.raises(UsageError, match="make more"):
        promised(13, 0.95)


@pytest.mark.parametrize("task", sorted(KINDS))
def test_the_phantom_points_that_ship_name_themselves_and_are_signed_with_the_pinned_key(task: str) -> None:
    folder = bundled("tasks") / task / "phantom"
    point, made = read_point(folder / "operating_point.json"), read_certificate(folder / "certificate.json")

    assert point.phantom
    assert point.certified
    assert "says nothing about a real picture" in point.covers
    assert made.certificate.point == point
    assert made.public_key == PHANTOM_KEY
