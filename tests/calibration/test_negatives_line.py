"""A line at a price: negatives set it, positives prove what reaches it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import beta, norm

from inspect_ai.calibration import GroupScore, point_sha256, read_point, write_point
from inspect_ai.calibration.costs import Costs
from inspect_ai.calibration.point_validation import faults
from inspect_ai.calibration.solver import CalibrationRequest, CalibrationResult, CalibrationScores, solve
from inspect_ai.calibration.statement import limits
from inspect_ai.decide import GRID, decide
from inspect_ai.domain import Outcome
from inspect_ai.errors import CalibrationRefused, UsageError
from inspect_ai.operating_point import Digests, FalseAlarmProof, Guarantee, OperatingPoint

ASKED = CalibrationRequest(at_fpr=0.1)


def drawn(n_positive: int, n_negative: int, seed: int = 3) -> CalibrationScores:
    """Normal scores, the positives two higher."""
    random = np.random.default_rng(seed)
    scores = [*random.normal(2, 1, n_positive).tolist(), *random.normal(0, 1, n_negative).tolist()]
    n = len(scores)
    positive = [True] * n_positive + [False] * n_negative
    return CalibrationScores(scores=scores, units=[f"u{i}" for i in range(n)], positive=positive, passed=[True] * n)


def solved(pictures: CalibrationScores, asked: CalibrationRequest) -> CalibrationResult:
    return solve(pictures, asked, highest=np.inf)


def reached(found: CalibrationResult) -> FalseAlarmProof:
    assert found.negatives_line is not None
    return found.negatives_line


def point_of(found: CalibrationResult) -> OperatingPoint:
    digests = Digests(model_sha256="", config_sha256="", engine="", calibration_sha256="")
    return OperatingPoint(
        task="t", covers="", thresholds=found.thresholds, proof=found.proof, false_alarms=found.false_alarms,
        negatives_line=found.negatives_line, digests=digests,
    )  # fmt: skip


def test_the_line_is_the_lowest_that_no_more_negatives_reach_and_the_bound_is_exact() -> None:
    pictures = drawn(120, 505)
    positives, negatives = np.array(pictures.scores[:120]), np.array(pictures.scores[120:])

    found = solved(pictures, ASKED)

    line = found.thresholds.clear_below
    assert (negatives >= line).sum() == 50  # a tenth of 505, rounded down
    assert (negatives >= np.nextafter(line, -np.inf)).sum() == 51
    missed = int((positives < line).sum())
    bound = beta.ppf(0.05, 120 - missed, missed + 1)
    assert found.proof.n_missed == missed
    assert found.proof.proved_sensitivity == pytest.approx(bound)
    assert found.proof.sensitivity == np.floor(1000 * bound) / 1000
    assert found.thresholds.flag_from == line


def test_another_draw_of_positives_moves_no_line() -> None:
    pictures = drawn(120, 505)
    others = replace(pictures, scores=[s - 1 for s in pictures.scores[:120]] + list(pictures.scores[120:]))

    before, after = solved(pictures, ASKED), solved(others, ASKED)

    assert before.thresholds == after.thresholds
    assert before.proof.sensitivity > after.proof.sensitivity


def test_the_share_of_these_negatives_is_not_called_proved_and_a_proved_one_is() -> None:
    pictures = drawn(120, 505)

    observed, proved = (reached(solved(pictures, replace(ASKED, prove_fpr=prove))) for prove in (False, True))

    assert observed.n_flagged == 50
    assert observed.proved_overkill == pytest.approx(beta.ppf(0.95, 51, 455))
    assert "at most 0.124 is proved" in observed.overkill_refusal
    assert proved.overkill_refusal is None
    k = proved.n_flagged
    assert beta.ppf(0.95, k + 1, 505 - k) <= 0.1 < beta.ppf(0.95, k + 2, 504 - k)


def test_over_many_calibrations_both_promises_are_kept_as_often_as_said() -> None:
    """2,000 calibrations of 80 positives and 200 negatives; true shares beyond the line are known."""
    kept = {"sensitivity": 0, "share": 0}
    for seed in range(2_000):
        found = solved(drawn(80, 200, seed), replace(ASKED, prove_fpr=True))
        line = found.thresholds.clear_below
        kept["sensitivity"] += norm.sf(line - 2) >= found.proof.proved_sensitivity
        kept["share"] += norm.sf(line) <= 0.1

    assert all(0.95 - 3 * (0.95 * 0.05 / 2_000) ** 0.5 <= k / 2_000 <= 0.985 for k in kept.values()), kept


def test_negatives_beside_a_positive_of_their_unit_set_no_line() -> None:
    """They look like the positive, and would make the line depend on what proves it."""
    pictures = CalibrationScores(
        scores=[0.9, 0.8, 0.1, 0.2, 0.3, 0.4],
        units=["a", "a", "b", "c", "d", "e"],
        positive=[True, False, False, False, False, False],
        passed=[True] * 6,
    )

    for rule in GroupScore:
        found = solve(pictures, replace(ASKED, at_fpr=0.25, group_score=rule))
        assert (reached(found).n_negative, reached(found).n_flagged) == (4, 1)  # 0.8 is none of them
        assert 0.3 < found.thresholds.clear_below <= 0.4


def test_at_work_no_more_negatives_are_kept_from_clearing_than_were_counted() -> None:
    random = np.random.default_rng(5)
    scores = np.round(random.random(300) / GRID) * GRID
    pictures = replace(drawn(100, 200), scores=scores.tolist())

    found = solve(pictures, ASKED, step=GRID)

    outcomes = [decide(score, point_of(found)).outcome for score in pictures.scores[100:]]
    assert sum(outcome is not Outcome.CLEAR for outcome in outcomes) == reached(found).n_flagged <= 20


def test_a_flag_line_may_lie_above_it_and_never_below() -> None:
    pictures = drawn(120, 505)

    dear, cheap = (solved(pictures, replace(ASKED, overkill=share)).thresholds for share in (0.05, 0.5))

    assert dear.flag_from > dear.clear_below
    assert cheap.flag_from == cheap.clear_below == dear.clear_below


@pytest.mark.parametrize(
    ("pictures", "asked", "error", "said"),
    [
        (drawn(50, 0), ASKED, UsageError, "no unit without a positive"),
        (drawn(50, 28), replace(ASKED, prove_fpr=True), CalibrationRefused, "at least 29 independent negatives"),
        (drawn(50, 50), replace(ASKED, at_fpr=1.0), UsageError, "must lie between 0 and 1"),
        (drawn(50, 50), replace(ASKED, group_by="camera"), UsageError, "goes with no groups"),
        (drawn(50, 50), replace(ASKED, guarantee=Guarantee.AVERAGE), UsageError, "no promise on average"),
        (drawn(50, 50), replace(ASKED, costs=Costs(escape=9, overkill=1, prevalence=0.1)), UsageError, "no costs"),
    ],
)
def test_what_it_cannot_answer_is_refused_with_what_to_do(
    pictures: CalibrationScores, asked: CalibrationRequest, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        solved(pictures, asked)


def test_negatives_at_the_top_of_the_scale_and_positives_below_the_line_leave_nothing_to_promise() -> None:
    tied = replace(drawn(5, 20), scores=[0.5] * 5 + [1.0] * 20)
    low = replace(drawn(5, 20), scores=[0.1] * 5 + [0.5] * 20)

    with pytest.raises(CalibrationRefused, match="20 of 20 negatives have the highest score"):
        solve(tied, ASKED, step=GRID)
    with pytest.raises(CalibrationRefused, match="5 of 5 positives lie below that line"):
        solve(low, ASKED)


def test_the_point_says_which_rule_set_its_line_in_its_file_and_in_words(tmp_path: Path) -> None:
    found = solve(replace(drawn(100, 200), scores=np.random.default_rng(5).random(300).tolist()), ASKED, step=GRID)
    point = point_of(found)

    write_point(point, tmp_path / "point.json")

    back = read_point(tmp_path / "point.json")
    assert back == point
    assert point_sha256(back) == point_sha256(point)
    assert '"schema": 4' in (tmp_path / "point.json").read_text("utf-8")
    assert "negatives alone set the line: at most 0.1" in limits(drawn(5, 5), ASKED)[0]


def test_a_claim_about_the_line_that_its_counts_do_not_prove_is_refused() -> None:
    found = solve(replace(drawn(100, 200), scores=np.random.default_rng(5).random(300).tolist()), ASKED, step=GRID)
    point = point_of(found)

    assert not list(faults(point))
    better = replace(reached(found), proved_overkill=0.05)
    proved = replace(reached(found), overkill_refusal=None)
    for claim, said in ((better, "proved_fpr is 0.05"), (proved, "it claims an fpr of at most 0.1")):
        assert any(fault.startswith(said) for fault in faults(replace(point, negatives_line=claim)))
