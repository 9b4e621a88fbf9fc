from __future__ import annotations

import json
from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, betabinom, binom
from typer.testing import CliRunner

from inspect_ai.calibration import plan, prove
from inspect_ai.calibration.bounds import binomial_cdf, fresh_misses_cdf, missed_at_most
from inspect_ai.calibration.field_sample_size import audits_needed, audits_prove, negatives_needed, share_of_clears
from inspect_ai.calibration.planning import have, in_parts, split_confidence
from inspect_ai.calibration.power import acceptance, positives_for, power
from inspect_ai.cli.plan import app
from inspect_ai.errors import CalibrationRefused, UsageError

S, C = 0.987, 0.95
FRESH = (50, 100, 200, 300, 500)
SHOWN = {  # (calibrated on, missed): chance to observe 0.987 on so many fresh positives, from a table made by hand
    (229, 0): (0.82, 0.91, 0.90, 0.90, 0.93),
    (364, 1): (0.77, 0.88, 0.87, 0.87, 0.92),
    (1302, 10): (0.66, 0.79, 0.76, 0.74, 0.84),
}
ALLOW = (1, 2, 3, 5, 7)  # misses to allow among FRESH after a calibration on 229 without a miss
SMALL = {50: 0.942, 100: 0.970, 150: 0.980, 300: 0.990, 500: 0.994}  # best sensitivity, no miss


def told(*options: str) -> list[dict[str, object]]:
    result = CliRunner().invoke(app, [*options, "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    return [json.loads(line) for line in result.stdout.splitlines()]


def shown(*options: str) -> str:
    result = CliRunner().invoke(app, [*options], catch_exceptions=False)
    assert result.exit_code == 0
    return " ".join(result.stdout.split())


@pytest.mark.parametrize(("n", "best"), SMALL.items())
def test_what_small_sets_prove_is_the_known_figure(n: int, best: float) -> None:
    (row,) = have(n, S, C, [0])

    assert round(row.provable, 3) == best
    assert row.provable == pytest.approx(beta.ppf(1 - C, n, 1), abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(n=st.integers(min_value=1, max_value=1500), misses=st.integers(min_value=0, max_value=20))
def test_what_is_missing_is_just_what_makes_the_proof_stand(n: int, misses: int) -> None:
    rows = have(n, S, C, [misses])
    if misses >= n:
        assert rows == []
        return
    enough = n + rows[0].missing

    assert beta.ppf(1 - C, enough - misses, misses + 1) >= S
    assert rows[0].missing == 0 or beta.ppf(1 - C, enough - 1 - misses, misses + 1) < S


def test_more_positives_buy_a_higher_threshold_and_not_only_confidence() -> None:
    few, many = have(229, S, C, [0])[0].expected, have(1302, S, C, [10])[0].expected

    assert (round(few, 4), round(many, 4)) == (0.9957, 0.9916)
    assert few == pytest.approx(1 - beta.mean(1, 229))  # the miss rate at the threshold is Beta(k + 1, n - k)


@pytest.mark.parametrize(("parts", "positives"), [(1, 229), (3, 313), (10, 405), (50, 528)])
def test_the_doubt_is_shared_among_groups(parts: int, positives: int) -> None:
    (row,) = in_parts(S, C, parts, [0])

    assert (row.positives_each, row.positives_in_all) == (positives, parts * positives)
    assert Fraction(987, 1000) ** positives <= Fraction(5, 100) / parts < Fraction(987, 1000) ** (positives - 1)


def test_sharing_never_rounds_towards_less_confidence() -> None:
    for parts in range(2, 200):
        assert Fraction(repr(split_confidence(0.95, parts))) >= 1 - Fraction(5, 100) / parts


@pytest.mark.parametrize(("calibrated", "chances"), SHOWN.items())
def test_what_a_finite_test_shows_is_the_known_table_and_that_of_scipy(
    calibrated: tuple[int, int], chances: tuple[float, ...]
) -> None:
    n, missed = calibrated
    for m, chance in zip(FRESH, chances, strict=True):
        row = acceptance(n, missed, m, S)
        fresh = betabinom(m, missed + 1, n - missed)
        assert row.chance == pytest.approx(chance, abs=0.0051)
        assert row.chance == pytest.approx(sum(fresh.pmf(j) for j in range(m + 1) if m - j >= S * m), abs=1e-10)
        assert row.allow == fresh.ppf(0.95)


def test_the_misses_to_allow_are_the_known_ones() -> None:
    assert tuple(acceptance(229, 0, m, S).allow for m in FRESH) == ALLOW


def test_fresh_misses_of_a_threshold_follow_the_law_that_is_claimed() -> None:
    """30,000 calibrations of 93 uniform scores and tests of 40 fresh ones, thresholds by the product."""
    random, draws = np.random.default_rng(11), 30_000
    missed = prove(list(range(93)), sensitivity=0.95, confidence=0.95).n_missed
    thresholds = np.sort(random.random((draws, 93)), axis=1)[:, missed]
    misses = (random.random((draws, 40)) < thresholds[:, None]).sum(axis=1)

    law = fresh_misses_cdf(missed, 93, 40)

    for j in range(6):
        assert np.mean(misses <= j) == pytest.approx(law[j], abs=4 * np.sqrt(0.25 / draws))


def test_an_observed_share_is_compared_in_whole_cases() -> None:
    assert missed_at_most(0.987, 1000) == 13  # in floats (1 - 0.987) * 1000 is 13.000000000000012
    assert missed_at_most(0.9, 30) == 3  # in floats (1 - 0.9) * 30 is 2.9999999999999996
    assert missed_at_most(0.987, 76) == 0


@settings(deadline=None, max_examples=40)
@given(n=st.integers(min_value=1, max_value=400), k=st.integers(min_value=-1, max_value=400))
def test_the_binomial_tail_is_that_of_scipy(n: int, k: int) -> None:
    assert binomial_cdf(k, n, 0.013) == pytest.approx(binom.cdf(k, n, 0.013), abs=1e-12)


def test_power_is_the_chance_that_few_enough_are_missed() -> None:
    assert power(228, S, C, 0.995).allowed == -1
    assert power(228, S, C, 0.995).chance == 0.0
    assert power(229, S, C, 0.995).chance == pytest.approx(0.995**229)
    assert power(364, S, C, 0.995).chance == pytest.approx(0.995**364 + 364 * 0.005 * 0.995**363)
    assert power(500, S, C, S).chance <= 1 - C  # what is just as good as its promise seldom proves it


@pytest.mark.parametrize("chance", [0.8, 0.9])
def test_no_smaller_number_of_positives_has_the_power(chance: float) -> None:
    row = positives_for(chance, S, C, 0.997)

    assert row.chance >= chance
    for n in range(1, row.positives):
        allowed = int(binom.ppf(1 - C, n, 1 - S))  # smallest k with cdf above the doubt: one less is allowed
        allowed -= binom.cdf(allowed, n, 1 - S) > 1 - C
        assert binom.cdf(allowed, n, 0.003) < chance


def test_what_is_no_better_than_its_promise_cannot_be_planned_for() -> None:
    with pytest.raises(UsageError, match=r"assumed sensitivity \(0\.98\) must lie above the promised one \(0\.987\)"):
        positives_for(0.8, S, C, 0.98)
    with pytest.raises(UsageError, match="takes more than"):
        positives_for(0.8, 0.5, 0.95, 0.5001)


def test_clean_audits_prove_the_known_shares() -> None:
    assert [f"{audits_prove(n, 0, C).share:.2%}" for n in (300, 1000)] == ["0.99%", "0.30%"]
    for n, found in ((300, 0), (1000, 2)):
        assert audits_prove(n, found, C).share == pytest.approx(beta.ppf(C, found + 1, n - found), abs=1e-12)


@pytest.mark.parametrize(("prevalence", "audits"), [(Fraction(1, 10), 1869), (Fraction(1, 100), 20_534)])
def test_audits_of_clears_are_dear_where_findings_are_rare(prevalence: Fraction, audits: int) -> None:
    """By whole numbers: 1,868 audits at 10 % leave a chance just above 5 %, so it takes one more."""
    share = prevalence * Fraction(13, 1000) / (prevalence * Fraction(13, 1000) + (1 - prevalence) * Fraction(9, 10))

    (row,) = audits_needed(S, C, specificity=0.9, prevalence=float(prevalence), found=[0])

    assert row.audits == audits
    assert share_of_clears(S, 0.9, float(prevalence)) == pytest.approx(float(share))
    cleared = share.denominator - share.numerator  # (cleared / denominator) ** n <= 1 / 20, in whole numbers
    assert 20 * cleared**audits <= share.denominator**audits
    assert 20 * cleared ** (audits - 1) > share.denominator ** (audits - 1)


def test_seeded_positives_prove_what_calibration_positives_do() -> None:
    rows = told("--prevalence", "0.01", "--misses", "1")[2:]

    assert [(r["found"], r["audits"], r["seeded"]) for r in rows] == [(0, 20_534, 229), (1, rows[1]["audits"], 364)]


def test_negatives_bound_overkill_as_positives_bound_misses() -> None:
    for row in negatives_needed(0.1, C, [0, 1, 5, 21]):
        bounds = [beta.ppf(C, row.flagged + 1, n - row.flagged) for n in (row.negatives, row.negatives - 1)]
        assert bounds[0] <= 0.1 < bounds[1]


def test_exact_proof_needs_far_less_than_a_concentration_inequality() -> None:
    hoeffding = np.log(1 / 0.05) / (2 * 0.013**2)

    assert 8862 < hoeffding < 8865
    assert plan(S, C, [0])[0].positives == 229


@pytest.mark.parametrize(("n", "missed"), [(228, None), (229, 0), (363, 0), (364, 1), (482, 1), (483, 2)])
def test_the_boundary_stands_where_the_binomial_says(n: int, missed: int | None) -> None:
    tail = [sum(comb(n, j) * Fraction(13) ** j * Fraction(987) ** (n - j) for j in range(k + 1)) for k in range(4)]
    allowed = [k for k in range(4) if 20 * tail[k] <= 1000**n]
    assert (max(allowed) if allowed else None) == missed
    if missed is None:
        with pytest.raises(CalibrationRefused, match="needs at least 229"):
            prove(list(range(n)), sensitivity=S, confidence=C)
        return

    assert prove(list(range(n)), sensitivity=S, confidence=C).n_missed == missed


def test_without_further_options_the_plan_is_what_it_always_was() -> None:
    rows = told("--sensitivity", "0.987")

    assert rows == [{"misses": row.misses, "positives": row.positives} for row in plan(S, C, range(11))]
    assert "independent" not in shown("--sensitivity", "0.987")


def test_every_further_row_names_its_table() -> None:
    rows = told("--misses", "0", "--have", "30", "--assume", "0.995", "--acceptance", "50", "--groups", "3", "--folds",
                "5", "--overkill", "0.1", "--prevalence", "0.1", "--audits", "300")  # fmt: skip

    names = list(dict.fromkeys(row.get("part") for row in rows))
    assert names == [None, "have", "power", "acceptance", "groups", "folds", "overkill", "field", "audits"]


def test_too_few_positives_are_told_what_they_carry_and_what_is_missing() -> None:
    said = shown("--have", "228", "--misses", "0")

    assert "228 positives cannot carry the promise; 1 more are needed" in said
    assert "0.9869, with no miss" in said  # 0.98695, not rounded up to what was asked
    assert "229 positives carry the promise: the threshold may miss up to 0" in shown("--have", "229", "--misses", "0")


def test_the_power_table_names_the_size_for_the_customary_chances() -> None:
    said = shown("--assume", "0.995", "--misses", "1")

    assert f"80% takes {positives_for(0.8, S, C, 0.995).positives} positives" in said
    assert f"90% takes {positives_for(0.9, S, C, 0.995).positives} positives" in said


def test_folds_say_what_they_do_not_prove() -> None:
    said = shown("--folds", "5", "--have", "1200", "--misses", "0")

    assert "Not proved is a model fitted again on everything" in said
    assert "1200 positives in equal shares are 240 each" in said
    (row,) = [row for row in told("--folds", "5", "--misses", "0") if row.get("part") == "folds"]
    assert (row["positives_each_alone"], row["positives_in_all_alone"]) == (229, 1145)
    assert row["positives_each_together"] == in_parts(S, C, 5, [0])[0].positives_each


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--assume", "0.98"), "must lie above the promised one"),
        (("--assume", "1.2"), "assumed sensitivity must lie between 0 and 1"),
        (("--overkill", "0"), "overkill must lie between 0 and 1"),
        (("--prevalence", "1"), "prevalence must lie between 0 and 1"),
        (("--prevalence", "0.1", "--specificity", "nan"), "specificity must lie between 0 and 1"),
        (("--have", "2", "--groups", "3"), "2 positives cannot be shared among 3"),
    ],
)
def test_what_cannot_be_planned_is_refused_in_words(options: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        CliRunner().invoke(app, [*options, "--misses", "0"], catch_exceptions=False)
