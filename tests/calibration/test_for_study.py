"""Which threshold and which promise an operating point has for one study."""

from __future__ import annotations

import pytest

from inspect_ai.decide import decide
from inspect_ai.domain import Outcome
from inspect_ai.operating_point import GroupPoint, Guarantee
from tests.support.points import changed, make_point

GE = GroupPoint(value="GE", clear_below=0.2, n_positive=300, n_missed=0, proved_sensitivity=0.9877)
ACME = GroupPoint(
    value="ACME", clear_below=0.4, n_positive=68, n_missed=0, proved_sensitivity=0.947,
    refusal="it needs 214 more positives",
)  # fmt: skip
POINT = make_point(
    task="t", clear_below=0.2, flag_from=0.2, sensitivity=0.987, confidence=0.95, n_positive=368, n_missed=0,
    proved_sensitivity=0.947, covers="", model_sha256="", config_sha256="", engine="", calibration_sha256="",
    refusal="Not every manufacturer is certified.", group_by="manufacturer", groups=(GE, ACME),
)  # fmt: skip


def test_a_certified_group_has_its_own_threshold_and_promise() -> None:
    point = POINT.for_study([("model", "x"), ("manufacturer", "GE")])

    assert (point.thresholds.clear_below, point.thresholds.flag_from, point.proof.n_positive) == (0.2, 0.2, 300)
    assert point.certified
    assert point.promise == "proved: at least 98.7 % of positives of manufacturer 'GE' reach 0.20000 (95 % confidence)"
    assert decide(0.1, point).certified
    assert decide(0.1, point).outcome is Outcome.CLEAR


def test_a_group_that_lacks_positives_works_on_uncertified_and_says_how_many() -> None:
    point = POINT.for_study([("manufacturer", "ACME")])

    verdict = decide(0.3, point)

    assert (point.thresholds.clear_below, point.thresholds.flag_from) == (0.4, 0.4)
    assert verdict.outcome is Outcome.CLEAR
    assert not verdict.certified
    assert "manufacturer 'ACME' is not certified: it needs 214 more positives" in verdict.reason


def test_the_promise_of_a_refused_point_says_that_nothing_is_proved() -> None:
    assert POINT.promise == "nothing is proved: Not every manufacturer is certified."
    assert changed(POINT, groups=(), group_by="", refusal=None).promise.startswith("proved: at least 98.7 %")


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        (
            [("manufacturer", "Other")],
            "manufacturer 'Other' is not certified: it was not among the calibration positives",
        ),
        ([("model", "GE")], "manufacturer '' is not certified: the study does not say it"),
        ([], "the study does not say it"),
    ],
)
def test_an_unknown_group_has_the_lowest_threshold_and_no_promise(attributes: list[tuple[str, str]], said: str) -> None:
    point = POINT.for_study(attributes)

    assert (point.thresholds.clear_below, point.thresholds.flag_from) == (0.2, 0.2)
    assert not point.certified
    assert said in (point.proof.refusal or "")


def test_an_unknown_group_is_not_certified_even_where_all_known_ones_are() -> None:
    point = changed(POINT, groups=(GE,), refusal=None)

    assert point.certified
    assert not point.for_study([("manufacturer", "Other")]).certified


def test_a_group_known_from_the_label_alone_changes_no_threshold() -> None:
    point = changed(POINT, group_by="cls", refusal=None)

    assert point.for_study([("cls", "ACME")]) is point
    assert point.promise == "proved: at least 98.7 % of positives of every cls reach 0.20000 (95 % confidence)"


def test_without_groups_every_study_has_the_point_itself() -> None:
    point = changed(POINT, group_by="", groups=(), refusal=None)

    assert point.for_study([("manufacturer", "GE")]) is point


def test_a_group_keeps_the_line_for_flags_above_its_own_for_clearing() -> None:
    """The overkill was proved at 0.3 for all negatives: a group may flag from higher, never from lower."""
    point = changed(POINT, flag_from=0.3, overkill=0.2, n_negative=500, n_flagged=80, proved_overkill=0.19)

    assert point.for_study([("manufacturer", "GE")]).thresholds.flag_from == 0.3
    assert point.for_study([("manufacturer", "ACME")]).thresholds.flag_from == 0.4


def test_something_is_certified_where_a_group_is_that_can_be_known_at_work() -> None:
    assert POINT.certified_somewhere
    assert not changed(POINT, groups=(ACME,)).certified_somewhere
    assert not changed(POINT, group_by="cls").certified_somewhere  # one threshold must hold for every class


def test_the_weaker_promise_names_itself_and_no_confidence() -> None:
    point = changed(POINT, group_by="", groups=(), refusal=None, guarantee=Guarantee.AVERAGE)

    assert "on average over calibrations only, the weaker tier" in point.promise
    assert "confidence" not in point.promise
    assert point.promise in decide(0.9, point).reason


def test_a_promise_about_studies_says_that_any_picture_will_do() -> None:
    point = changed(POINT, group_by="", groups=(), refusal=None, group_score="highest")

    assert point.promise == (
        "proved: at least 98.7 % of groups with a positive have a picture that reaches 0.20000 (95 % confidence)"
    )
