"""Figures of stacks, counted by hand."""

import numpy as np
import pytest

from inspect_ai.evaluation.stack_figures import StackScores, gains, stack_figures


def scores(**changes: object) -> StackScores:
    """Patients a and b with two findings each, c with one; five windows in six contexts."""
    made: dict[str, object] = {
        "finding": np.array([0.9, 0.8, 0.7, 0.2, 0.6]),
        "finding_group": ("a", "a", "b", "b", "c"),
        "diameter_px": np.array([5.0, 7.0, 7.9, 8.0, 30.0]),
        "readers": ("4", "4", "3", "3", "4"),
        "window": np.array([0.85, 0.5, 0.3, 0.1, 0.65]),
        "window_group": ("a", "b", "b", "c", "d"),
        "contexts": {"a": 2, "b": 2, "c": 1, "d": 1},
    }
    return StackScores(**(made | changes))  # type: ignore[arg-type]


def test_a_patient_is_found_when_each_of_his_findings_is() -> None:
    found = stack_figures(scores(), 0.6, "patient")

    assert found.groups_found is not None
    assert (found.groups_found.k, found.groups_found.n) == (2, 3)  # b has one at 0.2


def test_shares_stand_by_diameter_and_by_readers() -> None:
    by = {name: (e.value, e.n) for name, e in stack_figures(scores(), 0.6, "patient").by}

    assert by == {
        "all": (pytest.approx(0.8), 5),
        "0 to 6 px": (1.0, 1),
        "6 to 8 px": (1.0, 2),
        "8 to 12 px": (0.0, 1),
        "20 px and more": (1.0, 1),
        "3 readers": (0.5, 2),
        "4 readers": (1.0, 3),
    }


def test_false_positives_are_counted_a_context_whether_or_not_it_has_windows() -> None:
    found = stack_figures(scores(), 0.6, "patient")

    assert found.false_positives is not None
    assert (found.false_positives.value, found.false_positives.n) == (pytest.approx(2 / 6), 6)


def test_findings_count_above_the_first_window_too_many() -> None:
    rates = dict(stack_figures(scores(), None, "patient").free_response)

    assert rates[0.125].value == pytest.approx(1 / 5)  # none of 0.75 windows allowed: above 0.85
    assert rates[0.25].value == pytest.approx(3 / 5)  # one of 1.5: above 0.65
    assert rates[1.0].value == 1.0


def test_the_auc_is_the_share_of_pairs() -> None:
    made = scores()
    pairs = [(f > w) + 0.5 * (f == w) for f in made.finding for w in made.window]

    assert stack_figures(made, None, "patient").auc.value == pytest.approx(np.mean(pairs))


def test_an_interval_over_patients_is_wider_where_a_patients_findings_fall_together() -> None:
    finding = np.array([0.9] * 50 + [0.1] * 50)
    together = tuple(f"p{i // 10}" for i in range(100))
    apart = tuple(f"p{i}" for i in range(100))

    def width(groups: tuple[str, ...]) -> float:
        made = scores(
            finding=finding, finding_group=groups, diameter_px=np.full(100, 7.0), readers=("4",) * 100,
            contexts={group: 1 for group in groups},
        )  # fmt: skip
        (_, everything), *_ = stack_figures(made, 0.5, "patient").by
        return everything.high - everything.low

    assert width(together) > 2 * width(apart)


def test_without_a_line_nothing_is_said_at_it() -> None:
    found = stack_figures(scores(), None, "patient")

    assert found.groups_found is None
    assert found.false_positives is None
    assert found.by == ()


def test_a_gain_is_the_difference_on_the_same_stacks_and_draws() -> None:
    better = scores(finding=np.array([0.99, 0.98, 0.97, 0.96, 0.95]))

    found = dict(gains(better, scores()))

    assert found["AUC"].value == pytest.approx(1.0 - stack_figures(scores(), None, "patient").auc.value)
    assert found["found at 0.125 false positives a context"].value == pytest.approx(4 / 5)
    assert all(e.low >= 0.0 for e in found.values())
    assert all(e.value == e.low == e.high == 0.0 for _, e in gains(better, better))


def test_gains_over_other_stacks_are_refused() -> None:
    with pytest.raises(ValueError, match="same findings"):
        gains(scores(), scores(finding_group=("a", "a", "b", "b", "d")))
