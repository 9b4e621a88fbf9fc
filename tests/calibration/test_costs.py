from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspect_ai.calibration import Units
from inspect_ai.calibration.costs import Costs, cheapest
from inspect_ai.errors import UsageError

SCORES = st.lists(st.integers(min_value=0, max_value=20).map(lambda i: i / 20), min_size=1, max_size=15)
PRICES = st.floats(min_value=0.1, max_value=1000)


def expected_cost(t: float, positives: list[float], negatives: list[float], abstained: int, costs: Costs) -> float:
    missed = sum(s < t for s in positives) / (len(positives) + abstained)
    flagged = sum(s >= t for s in negatives) / len(negatives)
    return costs.prevalence * costs.escape * missed + (1 - costs.prevalence) * costs.overkill * flagged


@settings(deadline=None, max_examples=60)
@given(
    positives=SCORES, negatives=SCORES, abstained=st.integers(min_value=0, max_value=5), escape=PRICES, overkill=PRICES,
    prevalence=st.floats(min_value=0.001, max_value=0.999),
)  # fmt: skip
def test_no_threshold_is_cheaper(
    positives: list[float], negatives: list[float], abstained: int, escape: float, overkill: float, prevalence: float
) -> None:
    costs = Costs(escape=escape, overkill=overkill, prevalence=prevalence)
    found = cheapest(Units(scores=tuple(positives), abstained=abstained), negatives, costs)

    least = min(expected_cost(t, positives, negatives, abstained, costs) for t in np.linspace(0, 1, 41))

    assert expected_cost(found, positives, negatives, abstained, costs) <= least + 1e-9


def test_among_equal_costs_the_lowest_threshold_wins() -> None:
    """Between 0.2 and 0.8 nothing lies: every threshold there costs nothing, and the lowest candidate is taken."""
    units = Units(scores=(0.6, 0.8))

    assert cheapest(units, [0.1, 0.2], Costs(escape=1, overkill=1, prevalence=0.5)) == 0.6


def test_a_dearer_escape_lowers_the_threshold() -> None:
    units, negatives = Units(scores=(0.3, 0.7, 0.9)), [0.1, 0.4, 0.5, 0.6]
    cheap, dear = (Costs(escape=price, overkill=1, prevalence=0.5) for price in (1, 100))

    assert cheapest(units, negatives, cheap) == 0.7
    assert cheapest(units, negatives, dear) == 0.3


@pytest.mark.parametrize(
    ("change", "word"),
    [({"escape": 0.0}, "escape"), ({"overkill": math.nan}, "overkill"), ({"prevalence": 1.0}, "prevalence")],
)
def test_senseless_prices_are_refused(change: dict[str, float], word: str) -> None:
    with pytest.raises(UsageError, match=word):
        Costs(**({"escape": 1.0, "overkill": 1.0, "prevalence": 0.5} | change))


def test_without_negatives_there_is_nothing_to_weigh() -> None:
    with pytest.raises(UsageError, match="no negative unit"):
        cheapest(Units(scores=(0.5,)), [], Costs(escape=1, overkill=1, prevalence=0.5))


def test_where_scores_have_no_highest_the_cheapest_threshold_may_lie_above_all_of_them() -> None:
    """Escapes cost next to nothing, and the highest score of all is a negative: to flag nothing is cheapest."""
    costs = Costs(escape=0.001, overkill=1, prevalence=0.5)

    found = cheapest(Units(scores=(55.0, 60.0)), [10.0, 71.0], costs, math.inf)

    assert found == math.nextafter(71.0, math.inf)
