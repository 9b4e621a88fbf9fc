"""What a calibration answers, from columns of scored pictures."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspect_ai.calibration import GroupScore, prove, read_point, write_point
from inspect_ai.calibration.costs import Costs
from inspect_ai.calibration.solver import CalibrationRequest, CalibrationResult, CalibrationScores, solve
from inspect_ai.decide import GRID
from inspect_ai.errors import UsageError
from inspect_ai.operating_point import Digests, FalseAlarmProof, Guarantee, OperatingPoint, Thresholds

ASKED = CalibrationRequest(sensitivity=0.9, confidence=0.9)


def made(n: int = 200, seed: int = 0, *, pictures_a_unit: int = 2, values: int = 2) -> CalibrationScores:
    """n units, half of them positive, on the grid; positives score higher. Units alternate between the values."""
    random = np.random.default_rng(seed)
    rows = n * pictures_a_unit
    units = [i // pictures_a_unit for i in range(rows)]
    positive = [u % 2 == 0 for u in units]
    raw = np.clip(random.normal([0.7 if p else 0.3 for p in positive], 0.15), 0, 1)
    return CalibrationScores(
        scores=[round(s / GRID) * GRID for s in raw],
        units=[f"unit{u}" for u in units],
        positive=positive,
        passed=[True] * rows,
        values=[f"v{u // 2 % values}" for u in units],
    )


ALL = [
    ASKED,
    replace(ASKED, group_score=GroupScore.HIGHEST),
    replace(ASKED, group_by="cls"),
    replace(ASKED, group_by="camera", overkill=0.2),
    replace(ASKED, guarantee=Guarantee.AVERAGE, overkill=0.3),
    replace(ASKED, costs=Costs(escape=50, overkill=1, prevalence=0.05)),
]


def lines(found: CalibrationResult) -> tuple[float, ...]:
    own = (group.clear_below for group in found.proof.groups)
    return found.thresholds.clear_below, found.thresholds.flag_from, *own


def alarms(found: CalibrationResult) -> FalseAlarmProof:
    assert found.false_alarms is not None
    return found.false_alarms


def picked(pictures: CalibrationScores, order: list[int]) -> CalibrationScores:
    return CalibrationScores(
        scores=[pictures.scores[i] for i in order],
        units=[pictures.units[i] for i in order],
        positive=[pictures.positive[i] for i in order],
        passed=[pictures.passed[i] for i in order],
        values=[pictures.values[i] for i in order],
    )


@pytest.mark.parametrize("wanted", ALL)
def test_the_order_of_pictures_changes_nothing(wanted: CalibrationRequest) -> None:
    pictures = made()
    order = [int(i) for i in np.random.default_rng(1).permutation(len(pictures.scores))]

    assert solve(picked(pictures, order), wanted, step=GRID) == solve(pictures, wanted, step=GRID)


@pytest.mark.parametrize("wanted", ALL)
def test_a_picture_that_is_there_twice_changes_nothing(wanted: CalibrationRequest) -> None:
    pictures = made()
    twice = [i for i in range(len(pictures.scores)) for _ in range(2)]

    assert solve(picked(pictures, twice), wanted, step=GRID) == solve(pictures, wanted, step=GRID)


@pytest.mark.parametrize("wanted", ALL)
@settings(deadline=None, max_examples=10)
@given(power=st.floats(min_value=0.3, max_value=3))
def test_a_rising_transform_changes_no_decision(wanted: CalibrationRequest, power: float) -> None:
    pictures = made(80)
    risen = replace(pictures, scores=[s**power for s in pictures.scores])
    before, after = solve(pictures, wanted), solve(risen, wanted)

    for line, other in zip(lines(before), lines(after), strict=True):
        assert [s >= line for s in pictures.scores] == [s >= other for s in risen.scores]
    assert (before.proof.n_missed, before.proof.refusal) == (after.proof.n_missed, after.proof.refusal)
    if wanted.overkill is not None:
        assert alarms(before).n_flagged == alarms(after).n_flagged


def test_without_options_it_is_the_plain_proof() -> None:
    pictures = made()
    lowest = {u: math.inf for u, p in zip(pictures.units, pictures.positive, strict=True) if p}
    for score, unit in zip(pictures.scores, pictures.units, strict=True):
        if unit in lowest:
            lowest[unit] = min(lowest[unit], score)

    found = solve(pictures, ASKED)

    threshold = prove([*lowest.values()], sensitivity=0.9, confidence=0.9).threshold
    assert found.thresholds == Thresholds(clear_below=threshold, flag_from=threshold)
    assert found.proof.refusal is None


def test_a_study_is_found_when_any_of_its_pictures_is() -> None:
    """The highest picture, whatever its own label, speaks for the study; so the threshold can lie higher."""
    pictures = made()
    by_picture, by_study = (solve(pictures, replace(ASKED, group_score=rule)) for rule in GroupScore)

    assert by_study.thresholds.clear_below > by_picture.thresholds.clear_below
    reached = {u for u, s in zip(pictures.units, pictures.scores, strict=True) if s >= by_study.thresholds.clear_below}
    with_positive = {u for u, p in zip(pictures.units, pictures.positive, strict=True) if p}
    assert len(with_positive - reached) == by_study.proof.n_missed


def test_between_the_lines_stands_a_person_and_never_a_gap() -> None:
    pictures = made(400)
    negatives = pictures.negatives(GroupScore.LOWEST)

    tight, loose = (solve(pictures, replace(ASKED, overkill=share), step=GRID) for share in (0.05, 0.9))

    low, high = tight.thresholds.clear_below, tight.thresholds.flag_from
    assert low < high
    assert sum(s >= high - GRID for s in negatives) == alarms(tight).n_flagged <= 0.05 * len(negatives)
    assert alarms(tight).proved_overkill <= 0.05
    assert loose.thresholds == Thresholds(clear_below=low, flag_from=low)  # never below; fewer are flagged still
    assert alarms(loose).n_flagged == sum(s >= low - GRID for s in negatives)


def test_too_few_negatives_refuse_the_overkill_and_leave_the_sensitivity_proved() -> None:
    pictures = made(400)
    few = [i for i, p in enumerate(pictures.positive) if p or i < 20]

    found = solve(picked(pictures, few), replace(ASKED, overkill=0.05), step=GRID)

    assert found.proof.refusal is None
    assert "independent negatives; there are 5" in (alarms(found).overkill_refusal or "")
    assert alarms(found).n_flagged == 0


def test_negatives_at_the_very_top_leave_no_line() -> None:
    pictures = made(400)
    top = replace(pictures, scores=[s if p else 1.0 for s, p in zip(pictures.scores, pictures.positive, strict=True)])

    found = solve(top, replace(ASKED, overkill=0.05), step=GRID)

    assert "no line for flags keeps the overkill" in (alarms(found).overkill_refusal or "")
    assert (found.thresholds.flag_from, alarms(found).proved_overkill) == (1.0, 1.0)


def test_a_positive_that_the_gate_hands_over_is_no_miss() -> None:
    """The lowest ten positives are blurred: a person looks at them, and the threshold is set by the others."""
    pictures = made(200, pictures_a_unit=1)
    ranked = sorted((s, i) for i, (s, p) in enumerate(zip(pictures.scores, pictures.positive, strict=True)) if p)
    blurred = {i for _, i in ranked[:10]}
    gated = replace(pictures, passed=[i not in blurred for i in range(len(pictures.scores))])

    plain, found = solve(pictures, ASKED), solve(gated, ASKED)

    assert (found.proof.n_positive, found.proof.n_abstained, found.proof.n_missed) == (100, 10, plain.proof.n_missed)
    assert found.thresholds.clear_below == ranked[10 + found.proof.n_missed][0] > plain.thresholds.clear_below
    missed = sum(s < found.thresholds.clear_below for s, i in ranked if i not in blurred)
    assert missed == found.proof.n_missed


def test_one_picture_that_the_gate_hands_over_keeps_a_whole_study_from_being_cleared() -> None:
    pictures = made(100)
    passed = [i != 0 for i in range(len(pictures.scores))]

    found = solve(replace(pictures, passed=passed), replace(ASKED, group_score=GroupScore.HIGHEST))

    assert (found.proof.n_positive, found.proof.n_abstained) == (50, 1)


def test_a_group_with_one_good_positive_picture_left_counts_by_that() -> None:
    pictures = made(100)
    passed = [i != 0 for i in range(len(pictures.scores))]

    assert solve(replace(pictures, passed=passed), ASKED).proof.n_abstained == 0
    nobody = [not p for p in pictures.positive]
    with pytest.raises(UsageError, match="hands every positive to a person"):
        solve(replace(pictures, passed=nobody), ASKED)


def test_so_many_handed_over_that_no_score_stands_at_the_rank_is_a_refusal() -> None:
    pictures = made(200, pictures_a_unit=1)
    kept = pictures.positive.index(True)
    passed = [i == kept or not p for i, p in enumerate(pictures.positive)]

    found = solve(replace(pictures, passed=passed), ASKED)

    assert "too few to read a threshold from" in (found.proof.refusal or "")
    assert found.thresholds.clear_below == pictures.scores[kept]


def test_each_group_has_its_own_proof_and_all_together_the_lowest_threshold() -> None:
    pictures = made(400, values=3)
    shifted = [max(0.0, s - 0.1) if v == "v1" else s for s, v in zip(pictures.scores, pictures.values, strict=True)]

    found = solve(replace(pictures, scores=shifted), replace(ASKED, group_by="cls"))

    v0, v1, v2 = found.proof.groups
    assert [group.value for group in (v0, v1, v2)] == ["v0", "v1", "v2"]
    assert found.thresholds.clear_below == v1.clear_below < min(v0.clear_below, v2.clear_below)
    assert found.proof.proved_sensitivity == min(group.proved_sensitivity for group in (v0, v1, v2))
    assert found.proof.refusal is None
    mine = [i for i, v in enumerate(pictures.values) if v == "v0"]
    alone = solve(picked(pictures, mine), replace(ASKED, confidence=1 - 0.1 / 3))
    assert alone.thresholds.clear_below == v0.clear_below


def test_one_group_with_too_few_is_named_and_nothing_is_pooled() -> None:
    pictures = made(400)
    values = ["rare" if u in {"unit0", "unit2"} else "common" for u in pictures.units]

    found = solve(replace(pictures, values=values), replace(ASKED, group_by="cls"))

    said = "Not every cls is certified ('rare': it needs 27 more positives)."  # 29 at 1 - 0.1 / 2
    assert found.proof.refusal == said
    assert [group.refusal is None for group in found.proof.groups] == [True, False]


def test_a_unit_of_two_groups_counts_in_both() -> None:
    """Six exposures of one tile: the tile is one unit under each exposure, by its picture at that exposure."""
    pictures = made(200)
    values = ["short" if i % 2 else "long" for i in range(len(pictures.units))]

    found = solve(replace(pictures, values=values), replace(ASKED, group_by="exposure"))

    assert [group.n_positive for group in found.proof.groups] == [100, 100]
    assert found.proof.n_positive == 100
    whole = solve(replace(pictures, values=values), replace(ASKED, group_by="exposure", group_score=GroupScore.HIGHEST))
    first, second = whole.proof.groups
    assert first.clear_below == second.clear_below  # by all pictures of the unit, in both


def test_an_empty_value_of_a_positive_is_refused() -> None:
    pictures = made(100)
    values = ["" if i == 0 else v for i, v in enumerate(pictures.values)]

    with pytest.raises(UsageError, match="'camera' is empty for a positive"):
        solve(replace(pictures, values=values), replace(ASKED, group_by="camera"))


@pytest.mark.parametrize("group_by", ["", "camera"])
def test_cost_lowers_a_proved_threshold_and_never_raises_it(group_by: str) -> None:
    pictures = made(400)
    wanted = replace(ASKED, group_by=group_by)
    dear, cheap = Costs(escape=1e6, overkill=1, prevalence=0.5), Costs(escape=1e-3, overkill=1, prevalence=0.5)
    plain, lower, same = (solve(pictures, replace(wanted, costs=costs)) for costs in (None, dear, cheap))

    assert lower.thresholds.clear_below < plain.thresholds.clear_below
    assert all(a.clear_below <= b.clear_below for a, b in zip(lower.proof.groups, plain.proof.groups, strict=True))
    assert lines(same) == lines(plain)
    for priced in (lower, same):  # what is proved is what was proved at the threshold before it was moved
        assert (priced.proof.proved_sensitivity, priced.proof.refusal) == (plain.proof.proved_sensitivity, None)


def test_a_threshold_chosen_for_cost_alone_proves_nothing() -> None:
    costs = Costs(escape=1, overkill=1, prevalence=0.5)

    found = solve(made(20), replace(ASKED, costs=costs))

    assert "it proves nothing" in (found.proof.refusal or "")
    assert "at least 22 independent positives; there are 10" in (found.proof.refusal or "")
    assert found.proof.proved_sensitivity == 0.0


def test_a_score_that_is_no_number_stops_it() -> None:
    pictures = made(100)
    wrong = replace(pictures, scores=[math.nan, *pictures.scores[1:]])

    with pytest.raises(UsageError, match="not a number"):
        solve(wrong, ASKED)


@pytest.mark.parametrize("wanted", ALL)
@settings(deadline=None, max_examples=15)
@given(data=st.data(), n=st.integers(min_value=4, max_value=120), levels=st.sampled_from([3, 20, 65536]))
def test_whatever_is_answered_can_be_read_back_as_an_operating_point(
    wanted: CalibrationRequest, data: st.DataObject, n: int, levels: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Refused or proved, tied or not, with or without a gate: the reader, which makes each proof again, believes it."""
    pictures = made(n, seed=data.draw(st.integers(min_value=0, max_value=1000)))
    share = data.draw(st.sampled_from([0.0, 0.2, 0.6]))
    passed = np.random.default_rng(n).random(len(pictures.scores)) >= share
    passed[:2] = True  # the first unit is positive: some score must be left
    coarse = [math.floor(s * levels) / levels for s in pictures.scores]
    found = solve(replace(pictures, scores=coarse, passed=[bool(p) for p in passed]), wanted, step=GRID)
    point = OperatingPoint(
        task="t", covers="", thresholds=found.thresholds, proof=found.proof, false_alarms=found.false_alarms,
        digests=Digests(model_sha256="", config_sha256="", engine="", calibration_sha256=""),
    )  # fmt: skip
    path = tmp_path_factory.mktemp("answer") / "point.json"

    write_point(point, path)

    assert read_point(path) == point


@pytest.mark.parametrize("wanted", [w for w in ALL if w.overkill is not None or w.costs is not None])
def test_scores_without_a_highest_are_decided_like_the_same_scores_scaled_and_shifted(
    wanted: CalibrationRequest,
) -> None:
    """What holds of scores in 0..1 holds of the same scores on any other ruler, up to the last picture."""
    pictures = made(400)
    ruler = replace(pictures, scores=[1024.0 * s - 512.0 for s in pictures.scores])  # exact in floats
    plain, found = solve(pictures, wanted, highest=math.inf), solve(ruler, wanted, highest=math.inf)

    for line, other in zip(lines(plain), lines(found), strict=True):
        assert [s >= line for s in pictures.scores] == [s >= other for s in ruler.scores]
    assert plain.proof.n_missed == found.proof.n_missed
    assert plain.proof.refusal == found.proof.refusal
    assert plain.false_alarms == found.false_alarms


def test_where_there_is_no_highest_score_a_line_for_flags_is_found_above_every_negative() -> None:
    pictures = made(400)
    top = replace(pictures, scores=[s if p else 7.0 for s, p in zip(pictures.scores, pictures.positive, strict=True)])

    found = solve(top, replace(ASKED, overkill=0.05), highest=math.inf)

    assert alarms(found).overkill_refusal is None
    assert (found.thresholds.flag_from, alarms(found).n_flagged) == (math.nextafter(7.0, math.inf), 0)
