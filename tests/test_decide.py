from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspect_ai.decide import GRID, decide
from inspect_ai.domain import Measure, Outcome
from inspect_ai.operating_point import OperatingPoint, ScoreScale
from tests.support.points import changed, make_point

POINT = make_point(
    task="lung_nodule", clear_below=0.25, flag_from=0.5, sensitivity=0.987, confidence=0.95, n_positive=315, n_missed=0,
    proved_sensitivity=0.99, covers="one candidate", model_sha256="a" * 64, config_sha256="b" * 64, engine="onnx",
    calibration_sha256="c" * 64,
)  # fmt: skip
ONE_LINE = changed(POINT, clear_below=0.5)
RANK = {Outcome.CLEAR: 0, Outcome.ABSTAIN: 1, Outcome.FLAG: 2}
BLURRED = Measure(name="focus", value=0.001, limit=0.002, advice="clean the lens and focus again")
SHARP = Measure(name="focus", value=0.002, limit=0.002, advice="clean the lens and focus again")

SCORES = st.floats(min_value=0, max_value=1)
POINTS = st.tuples(SCORES, SCORES).map(lambda t: changed(POINT, clear_below=min(t), flag_from=max(t)))
EXAMPLES = settings(deadline=None, max_examples=200)


@pytest.mark.parametrize(
    ("score", "outcome"),
    [
        (0.0, Outcome.CLEAR),
        (0.25 - 2 * GRID, Outcome.CLEAR),
        (0.25 - GRID, Outcome.ABSTAIN),
        (0.25, Outcome.ABSTAIN),
        (0.5 - 2 * GRID, Outcome.ABSTAIN),
        (0.5 - GRID, Outcome.FLAG),
        (0.5, Outcome.FLAG),
        (1.0, Outcome.FLAG),
    ],
)
def test_each_side_of_each_line(score: float, outcome: Outcome) -> None:
    assert decide(score, POINT).outcome is outcome


def test_a_score_between_the_lines_says_so_with_both_and_keeps_the_promise() -> None:
    between = decide(0.3, POINT)

    assert "score 0.30000 lies between the lines, 0.25000 and 0.50000: a person must look" in between.reason
    assert between.certified  # not cleared, so a positive here is not missed


def test_with_one_line_there_is_no_band_between() -> None:
    outcomes = [decide(i * GRID, ONE_LINE).outcome for i in range(32760, 32775)]

    assert Outcome.ABSTAIN not in outcomes
    assert outcomes.index(Outcome.FLAG) == 32767 - 32760


@EXAMPLES
@given(low=SCORES, high=SCORES, point=POINTS)
def test_raising_a_score_never_lowers_the_outcome(low: float, high: float, point: OperatingPoint) -> None:
    low, high = sorted((low, high))

    assert RANK[decide(low, point).outcome] <= RANK[decide(high, point).outcome]


@EXAMPLES
@given(score=SCORES, lower=POINTS, point=POINTS)
def test_lowering_the_lines_never_clears_more(score: float, lower: OperatingPoint, point: OperatingPoint) -> None:
    clear_below = min(lower.thresholds.clear_below, point.thresholds.clear_below)
    flag_from = max(clear_below, min(lower.thresholds.flag_from, point.thresholds.flag_from))
    lower = changed(lower, clear_below=clear_below, flag_from=flag_from)

    assert RANK[decide(score, lower).outcome] >= RANK[decide(score, point).outcome]


@EXAMPLES
@given(score=SCORES, wobble=st.floats(min_value=-GRID, max_value=GRID), point=POINTS)
def test_a_score_that_reaches_a_line_is_not_cleared_after_a_wobble_of_the_grid(
    score: float, wobble: float, point: OperatingPoint
) -> None:
    """Another batch size or thread count moves a score by less than half a step; after rounding, by one."""
    on_grid = round(score / GRID) * GRID
    if on_grid >= point.thresholds.clear_below:
        assert decide(on_grid + wobble / 2, point).outcome is not Outcome.CLEAR


@EXAMPLES
@given(place=st.integers(min_value=1, max_value=2**16 - 1), wobble=st.floats(min_value=-0.49, max_value=0.49))
def test_scores_that_round_to_one_place_on_the_grid_get_one_verdict(place: int, wobble: float) -> None:
    point = changed(POINT, clear_below=(place + 0.75) * GRID, flag_from=(place + 0.75) * GRID)  # a step is no boundary

    assert decide((place + wobble) * GRID, point) == decide(place * GRID, point)


@EXAMPLES
@given(
    score=st.one_of(st.none(), st.floats()),
    point=POINTS,
    problems=st.lists(st.just("a gap of 4 mm between slices 3 and 4"), max_size=1),
    blurred=st.booleans(),
    mismatches=st.lists(st.just("the operating point was made for other weights"), max_size=1),
    refusal=st.one_of(st.none(), st.just("50 positives prove at most 0.941")),
)
def test_whatever_comes_in_the_verdict_is_sound(
    score: float | None,
    point: OperatingPoint,
    problems: list[str],
    blurred: bool,
    mismatches: list[str],
    refusal: str | None,
) -> None:
    measures = [BLURRED if blurred else SHARP]

    verdict = decide(
        score, changed(point, refusal=refusal), problems=problems, measures=measures, mismatches=mismatches
    )

    undecidable = bool(problems) or blurred or score is None or not 0 <= score <= 1
    if undecidable:
        assert verdict.outcome is Outcome.ABSTAIN
    assert verdict.certified == (not undecidable and not mismatches and refusal is None)
    for sentence in [*problems, *([] if undecidable else [*mismatches, *([refusal] if refusal else [])])]:
        assert sentence in verdict.reason
    assert ("proved:" in verdict.reason) == verdict.certified


@pytest.mark.parametrize("score", [None, math.nan, math.inf, -math.inf])
def test_no_number_is_left_to_a_person(score: float | None) -> None:
    verdict = decide(score, POINT)

    assert verdict.outcome is Outcome.ABSTAIN
    assert not verdict.certified
    assert "the score is not a number" in verdict.reason


@pytest.mark.parametrize("score", [-0.1, 1.1, -1e303, 1e303])
def test_a_score_outside_0_to_1_is_left_to_a_person(score: float) -> None:
    verdict = decide(score, POINT)

    assert verdict.outcome is Outcome.ABSTAIN
    assert f"the score {score:g} does not lie between 0 and 1" in verdict.reason


def test_a_failed_measure_says_what_the_person_at_the_device_can_do() -> None:
    verdict = decide(0.9, POINT, measures=[SHARP, BLURRED])

    assert verdict.outcome is Outcome.ABSTAIN
    assert verdict.reason == "focus is 0.001, less than 0.002: clean the lens and focus again"


def test_a_measure_that_is_no_number_fails() -> None:
    verdict = decide(0.9, POINT, measures=[replace(BLURRED, value=math.nan)])

    assert verdict.outcome is Outcome.ABSTAIN
    assert "focus could not be measured" in verdict.reason


def test_all_problems_are_named_before_the_measures() -> None:
    verdict = decide(0.9, POINT, problems=["two slices at one position", "a gap of 4 mm"], measures=[BLURRED])

    assert verdict.reason.startswith("two slices at one position; a gap of 4 mm; focus is")


@pytest.mark.parametrize(("score", "outcome"), [(0.1, Outcome.ABSTAIN), (0.3, Outcome.ABSTAIN), (0.9, Outcome.FLAG)])
def test_a_suspension_leaves_what_would_be_clear_to_a_person_and_promises_nothing(
    score: float, outcome: Outcome
) -> None:
    verdict = decide(score, POINT, suspended="auto-clear is suspended since entry 7")

    assert verdict.outcome is outcome
    assert not verdict.certified
    assert "auto-clear is suspended since entry 7" in verdict.reason
    assert ("a person must look" in verdict.reason) == (outcome is Outcome.ABSTAIN)


def test_the_reason_says_score_line_and_what_is_proved() -> None:
    assert decide(0.8712, ONE_LINE).reason == (
        "score 0.87120 is at or above 0.50000; proved: at least 98.7 % of positives reach 0.50000 (95 % confidence)"
    )
    assert decide(0.1, POINT).reason == (
        "score 0.10001 is below 0.25000; proved: at least 98.7 % of positives reach 0.25000 (95 % confidence)"
    )


def test_a_promise_is_never_rounded_up() -> None:
    verdict = decide(0.9, changed(POINT, sensitivity=0.9995, confidence=0.975))

    assert "at least 99.95 % of positives" in verdict.reason
    assert "97.5 % confidence" in verdict.reason


def test_neighbours_on_the_grid_read_differently() -> None:
    reasons = {decide(i * GRID, POINT).reason.split(" is ")[0] for i in range(1000)}

    assert len(reasons) == 1000


def test_a_flag_just_below_the_line_says_so() -> None:
    assert "counts as reaching it" in decide(0.5 - GRID, ONE_LINE).reason


def test_a_whole_series_is_decided_without_a_promise() -> None:
    point = changed(POINT, flag_volume_from=0.75).for_volume()

    assert decide(0.7, point).outcome is Outcome.ABSTAIN
    assert decide(0.75, point).outcome is Outcome.FLAG
    assert not decide(0.75, point).certified
    assert "whole series" in decide(0.75, point).reason


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
EXACT = changed(ONE_LINE, score_scale=ScoreScale.EXACT)


@EXAMPLES
@given(score=NUMBERS, low=NUMBERS, high=NUMBERS)
def test_scores_of_another_program_are_compared_as_they_are(score: float, low: float, high: float) -> None:
    low, high = sorted((low, high))

    verdict = decide(score, changed(EXACT, clear_below=low, flag_from=high))

    expected = Outcome.FLAG if score >= high else Outcome.CLEAR if score < low else Outcome.ABSTAIN
    assert verdict.outcome is expected
    assert verdict.certified


@pytest.mark.parametrize("line", [0.5, -3.25, 71.3, 1e-9, -1e300])
def test_the_nearest_number_below_an_exact_line_is_below_it_and_reads_otherwise(line: float) -> None:
    point, below = changed(EXACT, clear_below=line, flag_from=line), math.nextafter(line, -math.inf)

    assert decide(line, point).outcome is Outcome.FLAG
    assert decide(below, point).outcome is Outcome.CLEAR
    assert decide(below, point).reason.startswith(f"score {below!r} is below {line!r}; proved: ")


@pytest.mark.parametrize("score", [None, math.nan, math.inf, -math.inf])
def test_no_number_is_left_to_a_person_whoever_made_it(score: float | None) -> None:
    assert decide(score, EXACT).outcome is Outcome.ABSTAIN
    assert "the score is not a number" in decide(score, EXACT).reason


def test_what_a_study_does_not_show_stops_a_clear_and_no_flag() -> None:
    half = ["the lungs reach the last slice"]

    assert decide(0.1, POINT).outcome is Outcome.CLEAR
    stopped = decide(0.1, POINT, unseen=half)
    assert (stopped.outcome, stopped.certified) == (Outcome.ABSTAIN, False)
    assert half[0] in stopped.reason
    assert decide(0.9, POINT, unseen=half) == decide(0.9, POINT)
    assert decide(0.3, POINT, unseen=half) == decide(0.3, POINT)


def test_of_many_doubts_a_sentence_names_the_first_and_counts_the_others() -> None:
    many = [f"module{i}.py is not the one that was certified" for i in range(40)]

    reason = decide(0.9, POINT, mismatches=many).reason

    assert "module2.py" in reason
    assert "module3.py" not in reason
    assert "and 37 more reasons" in reason
