import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from benchmarks.accuracy.figures import figures, resampled, weighted
from benchmarks.statistics import difference, kappa, ratio, spread
from tests.support.bench import scores_of

few_values = st.sampled_from([0.1, 0.2, 0.3, 0.4, 0.5])  # so that ties are the rule
pictures = st.lists(st.tuples(st.booleans(), few_values, st.integers(0, 3)), min_size=2, max_size=40)


def sides(rows: list[tuple[bool, float, int]]) -> tuple[list[float], list[float]]:
    return [score for positive, score, _ in rows if positive], [score for positive, score, _ in rows if not positive]


@given(pictures)
def test_auc_with_ties_is_that_of_scikit_learn(rows: list[tuple[bool, float, int]]) -> None:
    positive, score, _ = zip(*rows, strict=True)

    found = figures(scores_of(positive, score))

    if len(set(positive)) < 2:
        assert "auc" not in found
    else:
        assert found["auc"] == pytest.approx(roc_auc_score(positive, score))


@given(pictures, st.sampled_from([0.95, 0.987]))
def test_false_positives_stand_at_the_largest_threshold_that_keeps_the_sensitivity(
    rows: list[tuple[bool, float, int]], share: float
) -> None:
    positives, negatives = sides(rows)
    if not positives or not negatives:
        return
    allowed = {
        t
        for t in positives + negatives
        if 1000 * sum(p >= t for p in positives) >= round(1000 * share) * len(positives)
    }

    found = figures(scores_of([r[0] for r in rows], [r[1] for r in rows]))

    assert found[f"false_positives_at_{share}"] == sum(n >= max(allowed) for n in negatives)
    assert found[f"false_positive_rate_at_{share}"] == sum(n >= max(allowed) for n in negatives) / len(negatives)


@given(pictures, st.sampled_from([0.05, 0.1, 0.25]))
def test_sensitivity_is_the_highest_that_the_false_positive_rate_allows(
    rows: list[tuple[bool, float, int]], rate: float
) -> None:
    positives, negatives = sides(rows)
    if not positives or not negatives:
        return
    reached = [
        sum(p >= t for p in positives)
        for t in [*positives, *negatives, 1.0]
        if 100 * sum(n >= t for n in negatives) <= round(100 * rate) * len(negatives)
    ]

    found = figures(scores_of([r[0] for r in rows], [r[1] for r in rows]))

    assert found[f"sensitivity_at_{rate}"] == max(reached) / len(positives)


def test_operating_points_of_twenty_positives_counted_by_hand() -> None:
    positives = [0.9] * 18 + [0.6, 0.2]  # 19 of 20 reach 0.6
    negatives = [0.95, 0.9, 0.6, 0.6, 0.5, 0.2, 0.1, 0.1]  # four reach 0.6, six reach 0.2

    found = figures(scores_of([True] * 20 + [False] * 8, positives + negatives))

    assert found["false_positives_at_0.95"] == 4
    assert found["false_positives_at_0.987"] == 6
    assert found["sensitivity_at_0.25"] == 18 / 20  # two of eight negatives may flag: 0.95 and 0.9
    assert found["sensitivity_at_0.05"] == 0.0  # none may, and one scores above all


@given(pictures)
def test_a_picture_of_weight_three_counts_as_three_pictures(rows: list[tuple[bool, float, int]]) -> None:
    positive, score, weights = (np.array(column) for column in zip(*rows, strict=True))
    repeated = scores_of(np.repeat(positive, weights), np.repeat(score, weights))

    found = weighted(scores_of(positive, score), weights[None])

    expected = figures(repeated) if repeated.files else {}
    assert {name: values[0] for name, values in found.items() if np.isfinite(values[0])} == pytest.approx(expected)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=60))
def test_kappa_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    truth, answers = zip(*pairs, strict=True)
    if len({*truth, *answers}) < 2 or len(set(truth)) == len(set(answers)) == 1:
        return
    assert kappa(truth, answers, quadratic=False) == pytest.approx(cohen_kappa_score(truth, answers))
    expected = cohen_kappa_score(truth, answers, weights="quadratic", labels=range(5))
    assert kappa(truth, answers, quadratic=True) == pytest.approx(expected)


def test_class_answers_and_grades_give_accuracy_and_both_kappas() -> None:
    scores = scores_of(
        [True] * 4, [0.5] * 4, labels=("a", "b", "c", "c"), answers=("a", "c", "c", "c"),
        grades=(0, 2, 4, None), answered_grades=(0, 1, 4, 3),
    )  # fmt: skip

    found = figures(scores)

    assert found["accuracy"] == 3 / 4
    assert found["kappa"] == pytest.approx(cohen_kappa_score(["a", "b", "c", "c"], ["a", "c", "c", "c"]))
    expected = cohen_kappa_score([0, 2, 4], [0, 1, 4], weights="quadratic", labels=range(5))
    assert found["quadratic_kappa"] == pytest.approx(expected)
    assert "auc" not in found


def test_the_spread_over_seeds_divides_by_one_less() -> None:
    assert spread([0.8, 0.9, 1.0]).sd == pytest.approx(0.1)
    assert spread([0.8]).sd is None


def test_a_ratio_knows_models_that_never_err() -> None:
    none, some = {0: np.zeros(9)}, {0: np.full(9, 3.0)}

    assert ratio(none, none, (0.0, 0.0)).value == ratio(none, none, (0.0, 0.0)).high == 1.0
    assert ratio(some, none, (3.0, 0.0)).value == ratio(some, none, (3.0, 0.0)).low == np.inf
    assert ratio(none, some, (0.0, 3.0)).high == 0.0


def test_only_common_seeds_are_compared() -> None:
    mine, other = {0: np.full(9, 0.9), 1: np.full(9, 0.1)}, {0: np.full(9, 0.7), 2: np.full(9, 0.0)}

    found = difference(mine, other, (0.9, 0.7))

    assert (found.low, found.high) == pytest.approx((0.2, 0.2))


def two_models(random: np.random.Generator, groups: int, members: int) -> list[np.ndarray]:
    """Positives and scores of two equally good models whose errors go by group, as a patient's pictures do."""
    group = np.repeat(np.arange(groups), members)
    positive = random.random(groups)[group] < 0.4
    hard = random.normal(0, 0.6, groups * members)  # the pictures are the same for both
    found = [positive]
    for _ in range(2):
        own = random.normal(0, 1.0, groups)[group] + random.normal(0, 0.3, groups * members)
        found.append(1.5 * positive + hard + own)
    return found


def covered(by_group: bool) -> tuple[float, float]:
    """Shares of simulated comparisons of equal models whose interval holds 0, and 1 for the ratio."""
    random = np.random.default_rng(5)
    differences, ratios, repeats = 0, 0, 150
    for _ in range(repeats):
        positive, first, second = two_models(random, groups=50, members=6)
        groups = [f"{i // 6}" if by_group else f"{i}" for i in range(300)]
        models = [scores_of(positive, score, groups) for score in (first, second)]
        draws, here = [resampled(m, 200) for m in models], [figures(m) for m in models]
        name = "false_positives_at_0.95"
        auc = difference({0: draws[0]["auc"]}, {0: draws[1]["auc"]}, (here[0]["auc"], here[1]["auc"]))
        alarms = ratio({0: draws[0][name]}, {0: draws[1][name]}, (here[0][name], here[1][name]))
        differences += auc.low <= 0 <= auc.high
        ratios += alarms.low <= 1 <= alarms.high
    return differences / repeats, ratios / repeats


def test_intervals_over_groups_cover_and_those_over_pictures_would_not() -> None:
    auc, alarms = covered(by_group=True)

    assert 0.90 <= auc <= 0.99
    assert 0.88 <= alarms <= 1.0
    assert covered(by_group=False)[0] < 0.80
