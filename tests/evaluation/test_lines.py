"""Proved lines on other pictures, and the share of each outcome on each side."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import beta

from inspect_ai.calibration.frontier import frontier
from inspect_ai.calibration.solver import CalibrationRequest, CalibrationScores, solve
from inspect_ai.config import LabelSet
from inspect_ai.datasets.folder import Row
from inspect_ai.decide import decide
from inspect_ai.domain import Measure, Outcome
from inspect_ai.evaluation.lines import MeasuredRow
from inspect_ai.evaluation.lines_measured import measured, outcome_shares
from inspect_ai.inspection.dataset_scoring import Scored, Unscored
from inspect_ai.operating_point import Digests, Guarantee, OperatingPoint

LABELS = LabelSet(
    name="parts", column="label", classes=("pass", "flag"), positive=("flag",), independent="group",
    independent_name="part",
)  # fmt: skip
ASKED = CalibrationRequest(sensitivity=0.95, overkill=0.1)
CALIBRATION = CalibrationScores(
    scores=[*np.linspace(0.3, 1, 120).tolist(), *np.linspace(0, 0.6, 200).tolist()],
    units=[f"u{i}" for i in range(320)],
    positive=[True] * 120 + [False] * 200,
    passed=[True] * 320,
)
FOUND = solve(CALIBRATION, ASKED)
POINT = OperatingPoint(
    task="t", covers="", thresholds=FOUND.thresholds, proof=FOUND.proof, false_alarms=FOUND.false_alarms,
    digests=Digests(model_sha256="", config_sha256="", engine="", calibration_sha256=""),
)  # fmt: skip
FRONTIER = frontier(CALIBRATION, ASKED)


def picture(name: str, group: str, label: str, score: float, *, sharp: bool = True) -> Scored:
    """A scored picture, decided by POINT."""
    focus = Measure(name="focus", value=1.0 if sharp else 0.0, limit=0.5, advice="focus again")
    row = Row(file=name, label=label, split="test", group=group, columns=())
    judged = decide(score, POINT, measures=[focus])
    return Scored(
        row=row, sha256="", score=score, verdict=judged, logits=np.empty(0, np.float32), measures=(focus,), point=POINT
    )


PICTURES = [
    picture("a1", "a", "flag", 0.99),
    picture("a2", "a", "flag", 0.05),  # a is lost by its lowest positive picture
    picture("b1", "b", "flag", 0.5),
    picture("c1", "c", "flag", 0.01, sharp=False),  # left to a person, so kept
    picture("d1", "d", "pass", 0.1),
    picture("d2", "d", "pass", 0.9),  # d is flagged by its highest picture
    picture("e1", "e", "pass", 0.45),
    picture("f1", "f", "pass", 0.02),
]


def promised() -> MeasuredRow:
    return next(row for row in measured(FRONTIER, POINT, PICTURES, LABELS) if row.row.promised)


def test_units_count_once_as_in_calibration_and_the_gate_loses_none() -> None:
    row = promised()

    assert 0.3 <= POINT.thresholds.clear_below < 0.45 < POINT.thresholds.flag_from < 0.9
    assert (row.kept.k, row.kept.n) == (2, 3)
    assert (row.not_cleared.k, row.not_cleared.n) == (2, 3)
    assert (row.flagged.k, row.flagged.n) == (1, 3)


def test_only_what_is_proved_is_measured_and_not_an_average() -> None:
    assert [one.row.sensitivity for one in measured(FRONTIER, POINT, PICTURES, LABELS)] == [0.9, 0.95, 0.97]
    assert measured(replace(FRONTIER, guarantee=Guarantee.AVERAGE), POINT, PICTURES, LABELS) == ()
    assert measured(FRONTIER, POINT, [], LABELS) == ()


@pytest.mark.parametrize(("kept", "of", "holds"), [(20, 20, "yes"), (18, 20, "within chance"), (10, 20, "no")])
def test_a_line_holds_within_chance_where_the_interval_reaches_what_was_proved(kept: int, of: int, holds: str) -> None:
    scores = [0.9] * kept + [0.0] * (of - kept)
    found = measured(FRONTIER, POINT, [picture(str(i), str(i), "flag", s) for i, s in enumerate(scores)], LABELS)

    (row,) = [one for one in found if one.row.promised]

    assert row.holds == holds
    high = 1.0 if kept == of else beta.ppf(0.975, kept + 1, of - kept)
    assert (kept / of >= 0.95, high >= 0.95) == (holds == "yes", holds != "no")


def test_without_positives_nothing_is_said_to_hold() -> None:
    found = measured(FRONTIER, POINT, [one for one in PICTURES if one.row.label == "pass"], LABELS)

    assert {one.holds for one in found} == {"no positives"}


def test_each_outcome_is_counted_on_each_side_with_the_gate_and_what_has_no_score() -> None:
    lost = Unscored(
        row=Row(file="x", label="flag", split="test", group="x", columns=()), reason="unreadable",
        verdict=decide(None, POINT, problems=["unreadable"]),
    )  # fmt: skip

    shares = {(one.side, one.outcome): one.share for one in outcome_shares(PICTURES, [lost], LABELS)}

    assert {key: (share.k, share.n) for key, share in shares.items()} == {
        ("positives", Outcome.CLEAR): (1, 5),
        ("positives", Outcome.ABSTAIN): (3, 5),  # between the lines, the gate's, and the unreadable one
        ("positives", Outcome.FLAG): (1, 5),
        ("negatives", Outcome.CLEAR): (2, 4),
        ("negatives", Outcome.ABSTAIN): (1, 4),
        ("negatives", Outcome.FLAG): (1, 4),
    }
    assert outcome_shares([replace(one, verdict=None) for one in PICTURES], [], LABELS) == ()
