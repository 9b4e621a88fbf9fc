"""Guarantee benchmark in small: 2,000 calibrations, exact figures, MAPIE, and splits of made scores."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom, gamma, multivariate_normal, norm
from typer.testing import CliRunner

from benchmarks.guarantee import crossfit, draws, study
from benchmarks.guarantee import splits as guarantee_splits
from benchmarks.guarantee.__main__ import app
from benchmarks.guarantee.bounds import boundaries, checked
from benchmarks.guarantee.results import Counting, Simulated
from benchmarks.guarantee.splits import carried, split_often
from benchmarks.guarantee.units import certifiable, read_scores
from benchmarks.guarantee.with_mapie import Rule as MapieRule
from benchmarks.guarantee.with_mapie import accepted, chosen, default_accepts, needed, one_threshold_accepts
from inspect_ai.calibration import prove
from inspect_ai.errors import InputError, UsageError
from inspect_ai.settings import load

CALIBRATIONS = 2_000
PROMISES = ((0.9, 0.9, 22), (0.95, 0.95, 59), (0.95, 0.95, 93), (0.987, 0.95, 229))
S, C = 0.987, 0.95


def write_scores(path: Path, rows: list[tuple[str, str, int, float]]) -> Path:
    """(group, label, positive, score) of each picture."""
    with path.open("w", newline="", encoding="utf-8") as f:
        writer = csv.writer(f)
        writer.writerow(["file", "group", "label", "positive", "score"])
        writer.writerows((f"{i}.jpg", *row) for i, row in enumerate(rows))
    return path


def tiles(path: Path, alike: int = 6, tiles: int = 40) -> Path:
    """Positive tiles with `alike` pictures of exactly the same score each, and one negative picture."""
    scores = np.random.default_rng(3).random(tiles)
    rows = [(f"tile{i}", "flag", 1, float(s)) for i, s in enumerate(scores) for _ in range(alike)]
    return write_scores(path, [*rows, ("tile_x", "pass", 0, 0.1)])


@pytest.fixture(scope="module")
def kept() -> list[Simulated]:
    return list(draws.kept(draws.families(), PROMISES, CALIBRATIONS))


def test_the_promise_is_broken_no_more_often_than_allowed(kept: list[Simulated]) -> None:
    assert {d.case for d in kept} == {"normal", "skewed", "256 levels", "20 levels"}
    for d in kept:
        assert d.broken <= (1 - d.confidence) + 3 * math.sqrt((1 - d.confidence) * d.confidence / CALIBRATIONS), d
        assert d.within


def test_the_thresholds_are_those_that_the_product_sets() -> None:
    for family in draws.families():
        scores = family.draw(np.random.default_rng(7), (300, 93))
        assert draws.thresholds(scores, 0.95, 0.95).tolist() == [
            prove(row, sensitivity=0.95, confidence=0.95).threshold for row in scores.tolist()
        ]


def test_without_ties_it_is_not_needlessly_safe_either(kept: list[Simulated]) -> None:
    for d in (d for d in kept if "levels" not in d.case):
        doubt = 1 - d.confidence
        allowed = max(k for k in range(-1, d.n) if binom.cdf(k, d.n, 1 - d.sensitivity) <= doubt + 1e-12)
        exact = binom.cdf(allowed, d.n, 1 - d.sensitivity)
        assert d.expected == pytest.approx(exact, abs=1e-10)
        assert d.broken == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / CALIBRATIONS))
        assert d.broken > 0.5 * doubt


def test_with_ties_the_exact_expectation_says_how_much_safer_it_is(kept: list[Simulated]) -> None:
    for d in (d for d in kept if "levels" in d.case):
        assert d.expected is not None
        assert d.expected < 1 - d.confidence
        assert d.broken == pytest.approx(d.expected, abs=4 * math.sqrt(0.1 * 0.9 / CALIBRATIONS))


def test_the_true_sensitivity_is_that_of_the_known_distribution() -> None:
    normal, skewed, fine, coarse = draws.families()
    t = np.array([-2.0, 0.3, 1.1])
    assert normal.reached(t) == pytest.approx(norm.sf(t))
    assert skewed.reached(t) == pytest.approx(gamma(draws.SKEW).sf(t))
    for family in (normal, skewed, fine, coarse):
        sample = family.draw(np.random.default_rng(5), (200_000,))
        for level in np.quantile(sample, [0.01, 0.3, 0.9]):
            assert np.mean(sample >= level) == pytest.approx(float(family.reached(np.array(level))), abs=0.005)
    assert len(np.unique(coarse.draw(np.random.default_rng(5), (100_000,)))) <= 20


def test_what_breaks_the_promise_breaks_it_as_theory_says() -> None:
    found = {(d.case, d.n): d for d in draws.broken(CALIBRATIONS)}
    held = {case: 1 - d.broken for (case, n), d in found.items()}
    se = 4 * math.sqrt(0.25 / CALIBRATIONS)
    for n, known in ((229, 0.57), (500, 0.47), (1000, 0.43)):
        d = found["threshold that 98.7 % of the calibration positives reach", n]
        assert 1 - d.broken == pytest.approx(known, abs=se)
        assert not d.within
    alike = held["two pictures a patient, correlation 1, 229 pictures counted singly"]
    assert alike == pytest.approx(1 - 0.987**115, abs=se)  # 115 patients are all that there is
    assert held["best of K = 3 models on the same 229 positives, each at the full doubt"] == pytest.approx(0.86, abs=se)
    assert held["best of K = 10 models on the same 229 positives, each at the full doubt"] == pytest.approx(
        0.60, abs=se
    )
    assert all(d.within for d in found.values() if d.keeps)
    assert sum(d.keeps for d in found.values()) == 7  # one score a patient (4 correlations), the doubt shared (3 K)


def test_one_score_a_patient_is_judged_by_the_chance_that_both_pictures_reach_it() -> None:
    t, correlation = -1.7, 0.6
    both = multivariate_normal([0, 0], [[1, correlation], [correlation, 1]]).cdf([-t, -t])

    ours = norm.cdf(-t) - 2 * draws.owens_t(t, math.sqrt((1 - correlation) / (1 + correlation)))

    assert ours == pytest.approx(both, abs=1e-6)


def test_every_boundary_is_confirmed_by_binomial_and_beta() -> None:
    found = list(boundaries())

    assert len(found) == 35
    assert all(b.agrees for b in found)
    first = next(b for b in found if (b.sensitivity, b.confidence, b.misses) == (S, C, 0))
    assert (first.n, f"{first.bound_one_less:.5f}", f"{first.bound:.5f}") == (229, "0.98695", "0.98700")


def test_every_figure_agrees_with_scipy() -> None:
    found = list(checked())

    assert len(found) == 5 + 2 * 15 + 2 + 2 + 2
    assert [c.what for c in found if not c.agrees] == []


def test_ours_never_needs_more_positives_than_mapie() -> None:
    for row in needed([(0.95, 0.95)], (0, 3)):
        assert row.ours <= row.one_threshold
        assert row.default is not None
        assert row.ours < row.default


def test_mapie_stands_at_the_same_boundary() -> None:
    assert [one_threshold_accepts(n, 0, S, C) for n in (228, 229)] == [False, True]
    assert [one_threshold_accepts(n, 1, S, C) for n in (363, 364)] == [False, True]
    assert not default_accepts(229, 0, S, C)  # a hundred thresholds share the doubt


def test_mapie_takes_one_miss_for_two_where_floats_round_up() -> None:
    """366 positives with one miss: more than enough (364), yet refused, as 366 * (1 - 365 / 366) exceeds 1."""
    n = next(n for n in range(364, 464) if not one_threshold_accepts(n, 1, S, C))

    assert math.ceil(n * (1 - (n - 1) / n)) == 2
    assert prove(list(range(n)), sensitivity=S, confidence=C).n_missed == 1


def test_at_no_size_does_mapie_set_a_higher_threshold() -> None:
    rows = list(chosen((229, 364, 700), S, C))
    for n in (229, 364, 700):
        ours, *theirs = (row.threshold for row in rows if row.n == n)
        assert ours is not None
        assert all(t is None or t <= ours for t in theirs)


def test_the_stub_gives_mapie_the_scores_as_they_are() -> None:
    scores, positive = np.array([0.2, 0.6, 0.9] * 100), np.ones(300, dtype=int)

    valid = accepted(scores, positive, np.array([0.1, 0.2, 0.3]), 0.95, 0.95, MapieRule.SEQUENCE)

    assert list(valid) == [0.1, 0.2]  # a tie is found


def test_real_scores_are_counted_as_their_task_counts(tmp_path: Path) -> None:
    path = tiles(tmp_path / "tiles.csv", alike=3, tiles=5)
    counted = read_scores(f"metal_surface={path}", load())

    assert (len(counted.units), len(counted.singly), counted.pictures) == (5, 15, 16)
    assert counted.labels.independent_name == "tile"
    assert "needs at least 229 independent positives; there are 5" in certifiable(counted, S, C)


def test_split_units_fall_short_as_often_as_theory_says_and_pictures_counted_singly_more_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarantee_splits, "SHUFFLES", 19)
    monkeypatch.setattr(guarantee_splits, "SHUFFLED_SPLITS", 100)
    counted = read_scores(f"metal_surface={tiles(tmp_path / 'tiles.csv')}", load())
    found = {(s.how, s.sensitivity): s for s in split_often(counted, 400)}

    for sensitivity in carried(20):
        units, singly = found[Counting.UNITS, sensitivity], found[Counting.SINGLY, sensitivity]
        assert units.within
        assert units.short == pytest.approx(units.short_expected, abs=4 * units.se)
        assert (units.positives, singly.positives, singly.groups) == (40, 240, 40)
        assert singly.short > singly.short_expected + 6 * singly.se
        assert not singly.within
        assert (units.by_chance, singly.by_chance) == (None, 0.05)  # none of 19 shuffled sets goes beyond as often


def test_groups_that_mean_nothing_go_beyond_as_often_as_shuffled_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarantee_splits, "SHUFFLES", 19)
    monkeypatch.setattr(guarantee_splits, "SHUFFLED_SPLITS", 100)
    random = np.random.default_rng(8)
    rows = [(f"row{i % 12}", "nodule", 1, float(s)) for i, s in enumerate(random.random(120))]
    path = write_scores(tmp_path / "rows.csv", [*rows, ("row0", "other", 0, 0.1)])
    found = [s for s in split_often(read_scores(f"lung_nodule={path}", load()), 200) if s.how is Counting.GROUPS]

    assert [s.groups for s in found] == [12, 12]
    assert all(s.by_chance is not None and s.by_chance > 0.1 for s in found)


def test_where_no_split_by_groups_leaves_enough_positives_nothing_is_said_of_it(tmp_path: Path) -> None:
    rows = [("row0", "nodule", 1, i / 100) for i in range(20)]  # one group: it calibrates, or it checks
    path = write_scores(tmp_path / "rows.csv", [*rows, ("row0", "other", 0, 0.1)])

    found = list(split_often(read_scores(f"lung_nodule={path}", load()), 100))

    assert [(s.how, s.sensitivity) for s in found] == [(Counting.UNITS, 0.7), (Counting.UNITS, 0.6)]


def test_the_promise_of_a_split_is_one_that_half_of_the_units_carry() -> None:
    assert carried(15) == [0.8, 0.7]
    assert 0.8**14 <= 0.05 < 0.9**15


@pytest.mark.parametrize(
    ("named", "error", "said"),
    [
        ("scores.csv", UsageError, "names no task"),
        ("metal_surface=nowhere.csv", InputError, "cannot be read"),
        ("metal_surface={short}", UsageError, "lacks columns"),
        ("metal_surface={negative}", UsageError, "no positives"),
        ("metal_surface={nan}", UsageError, "not a number"),
        ("metal_surface={foreign}", UsageError, "does not know"),
    ],
)
def test_scores_that_cannot_serve_are_refused_in_words(
    named: str, error: type[Exception], said: str, tmp_path: Path
) -> None:
    (tmp_path / "short.csv").write_text("file,score\na,0.5\n", "utf-8")
    files = {
        "short": tmp_path / "short.csv",
        "negative": write_scores(tmp_path / "n.csv", [("a", "pass", 0, 0.1)]),
        "nan": write_scores(tmp_path / "x.csv", [("a", "flag", 1, math.nan)]),
        "foreign": write_scores(tmp_path / "f.csv", [("a", "melanoma", 1, 0.4)]),
    }

    with pytest.raises(error, match=said):
        read_scores(named.format(**files), load())


def test_the_command_writes_tables_picture_and_figures_and_finds_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "PROMISES", ((0.95, 0.95, 59),))
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(guarantee_splits, "SHUFFLES", 9)
    monkeypatch.setattr(guarantee_splits, "SHUFFLED_SPLITS", 20)
    out = tmp_path / "out"
    options = ["--out", str(out), "--calibrations", "500", "--splits", "100", "--no-mapie", "--json"]

    result = CliRunner().invoke(
        app, [*options, "--scores", f"metal_surface={tiles(tmp_path / 'tiles.csv')}"], catch_exceptions=False
    )

    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout.splitlines()[-1])
    written = json.loads((out / "guarantee.json").read_text("utf-8"))
    assert said["faults"] == []
    assert said["kept"] == written["kept"]
    text = (out / "guarantee.md").read_text("utf-8")
    assert "228 positives without a miss are refused (they prove 0.98695), 229 are accepted (0.98700)" in text
    assert "MAPIE was left out" in text
    with (out / "guarantee.csv").open(encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    assert {row["part"] for row in rows} == {"kept", "broken", "asked", "cross-fitted", "real"}
    assert (out / "guarantee.png").read_bytes().startswith(b"\x89PNG")


def test_a_promise_that_is_broken_too_often_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the promised share of the calibration positives for a threshold, as one would do it by hand."""

    pytest.importorskip("matplotlib")

    def naive(scores: draws.Array, sensitivity: float, confidence: float) -> draws.Array:
        return np.asarray(np.quantile(scores, 1 - sensitivity, axis=1))

    monkeypatch.setattr(study, "PROMISES", ((0.95, 0.95, 59),))
    monkeypatch.setattr(draws, "thresholds", naive)

    found = study.bench_guarantee(tmp_path, settings=load(), calibrations=500, mapie=False)

    assert any(fault.startswith("normal, n = 59: broken") for fault in found.faults)


def test_the_worst_mean_of_miss_rates_is_that_of_the_beta_distribution() -> None:
    rates = np.sort(np.random.default_rng(8).beta(2, 452, size=400_000))

    assert crossfit.worst_mean(2, 453, 0.05) == pytest.approx(float(rates[-20_000:].mean()), rel=0.005)
    assert [crossfit.misses_in_the_worst_case(n, S, C) for n in (305, 306, 452, 453)] == [-1, 0, 0, 1]


def test_no_dependence_of_the_folds_breaks_the_worst_case_and_one_keeps_it_barely() -> None:
    """Models whose miss rates are worst together: in so many draws all are the mean of the worst ones, else nothing."""
    random = np.random.default_rng(9)
    rates = np.sort(random.beta(1, 306, size=100_000))  # no miss of 306, as each model has it by itself
    doubt = 0.05
    worst = rates[-round(doubt * len(rates)) :]
    many = random.choice(worst, size=(200, 5_000)).mean(axis=1)  # 5,000 models share the worst draws evenly

    assert np.all(many < 0.013 * 1.01)
    assert np.all(many > 0.013 * 0.97)  # so a smaller n would not do
    assert crossfit.worst_mean(1, 305, doubt) > 1 - S >= crossfit.worst_mean(1, 306, doubt)


def test_the_learners_true_rates_are_those_of_fresh_pictures() -> None:
    random = np.random.default_rng(10)
    site = crossfit._drawn(random, 200, 40_000)
    model = crossfit.learnt(site.train, site.negatives)
    line = float(np.quantile(model.scores(site.calibration), 0.05))
    fresh = random.normal(size=(40_000, crossfit.DIMENSIONS))

    assert model.sensitivity(line) == pytest.approx(0.95, abs=0.005)
    assert model.reached(line, 0.0) == pytest.approx(float(np.mean(model.scores(fresh) >= line)), abs=0.01)


def test_topping_up_spares_false_alarms_and_exact_cross_fitting_does_not() -> None:
    found = [c for c in crossfit.cross_fitted(150, S, C) if "luna16" in c.data]
    as_it_is, topped, _, split, worst, pooled, *_ = found

    assert [(c.n, c.misses) for c in (as_it_is, topped, split, worst, pooled)] == [
        (315, 0), (483, 2), (422, 0), (422, 0), (850, 5),
    ]  # fmt: skip
    assert all(c.within for c in found if c.exact)
    flagged = [c.flagged or 0.0 for c in (topped, as_it_is, worst)]
    assert flagged == sorted(flagged)
    assert not pooled.exact


def test_a_learner_can_be_made_for_which_counting_all_folds_as_one_set_fails() -> None:
    five, fifty = crossfit.contrived(20_000, S, C)

    assert (five.within, fifty.within) == (True, False)
