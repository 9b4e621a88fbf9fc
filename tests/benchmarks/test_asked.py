"""Simulated promises that were not named beforehand: those of the product are kept, a row picked after looking less."""

import pytest

from benchmarks.guarantee.asked import asked
from benchmarks.guarantee.results import Simulated


@pytest.fixture(scope="module")
def cases() -> list[Simulated]:
    return list(asked(1_000))


def test_what_the_product_promises_is_kept_as_often_as_the_exact_figure_says(cases: list[Simulated]) -> None:
    kept = [case for case in cases if case.keeps]

    assert len(kept) == 10
    for case in kept:
        assert case.within, case
        assert case.broken == pytest.approx(case.expected, abs=4 * (0.05 * 0.95 / 1_000) ** 0.5)


def test_a_picked_row_has_no_promise_to_keep(cases: list[Simulated]) -> None:
    picked = [case for case in cases if "picked after looking" in case.case]

    assert len(picked) == 3
    assert not any(case.keeps for case in picked)
