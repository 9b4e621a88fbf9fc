"""The best named sensitivity that so many positives prove: chosen by their number, never by their scores."""

from dataclasses import replace

import numpy as np
import pytest

from inspect_ai.calibration.ladder import LADDER, best_step, short_of_usual
from inspect_ai.calibration.solver import USUAL_REQUEST, CalibrationRequest, CalibrationScores, solve
from inspect_ai.operating_point import Guarantee

SURE = {"confidence": 0.95, "guarantee": Guarantee.CONFIDENCE}


def scored(scores: list[float], values: list[str] | None = None) -> CalibrationScores:
    n = len(scores)
    return CalibrationScores(
        scores=scores, units=[f"u{i}" for i in range(n)], positive=[True] * n, passed=[True] * n, values=values or ()
    )


@pytest.mark.parametrize(
    ("n", "step"), [(229, 0.987), (228, 0.98), (149, 0.98), (148, 0.97), (99, 0.97), (98, 0.95), (59, 0.95), (58, 0.9)]
)
def test_the_first_step_that_so_many_prove_without_a_miss_is_taken(n: int, step: float) -> None:
    assert best_step([n], **SURE) == step
    assert step**n <= 0.05
    better = [other for other in LADDER if other > step]
    assert all(other**n > 0.05 for other in better)


def test_no_score_has_a_say_in_the_step_and_the_proof_keeps_its_confidence() -> None:
    random = np.random.default_rng(1)

    for spread in (0.0, 0.1, 1.0):
        pictures = scored((spread * random.random(68)).tolist())

        found = solve(pictures, USUAL_REQUEST)

        assert found.proof.sensitivity == 0.95
        assert found.proof.confidence == 0.95
        assert found == solve(pictures, CalibrationRequest(sensitivity=0.95))


def test_with_groups_the_smallest_one_decides_at_its_share_of_the_doubt() -> None:
    values = ["a"] * 80 + ["b"] * 240
    asked = replace(USUAL_REQUEST, group_by="camera")

    found = solve(scored(np.linspace(0, 1, 320).tolist(), values), asked)

    assert found.proof.sensitivity == 0.95  # 72 at half the doubt; 0.97 would take 122 in each
    assert found.proof.refusal is None


def test_too_few_for_the_last_step_are_refused_there_with_what_is_missing() -> None:
    found = solve(scored([0.5] * 14), USUAL_REQUEST)

    assert found.proof.sensitivity == LADDER[-1]
    assert "0.9 at 95 % confidence needs at least 29 independent positives; there are 14" in found.proof.refusal


def test_a_promise_below_the_usual_one_says_so_and_why() -> None:
    assert short_of_usual(0.95, [68], **SURE).startswith(
        "the usual 0.987 takes 229 positives and there are 68, so 0.95"
    )
    assert short_of_usual(0.987, [229], **SURE) == ""
    assert short_of_usual(0.95, [229], **SURE) == ""  # it was asked for, with positives enough


def test_on_average_fewer_positives_do() -> None:
    assert best_step([76], confidence=0.95, guarantee=Guarantee.AVERAGE) == 0.987  # n / (n + 1)
    assert best_step([75], confidence=0.95, guarantee=Guarantee.AVERAGE) == 0.98
