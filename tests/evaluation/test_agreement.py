"""The attribute agreement study on made judges whose figures are known beforehand."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from inspect_ai.domain import Outcome
from inspect_ai.evaluation.agreement import AppraisedPart, agreement, cohens_kappa, fleiss_kappa

CLEAR, ABSTAIN, FLAG = Outcome.CLEAR, Outcome.ABSTAIN, Outcome.FLAG


def part(bad: bool, *calls: Outcome, group: str = "") -> AppraisedPart:
    return AppraisedPart(bad=bad, calls=calls, group=group or f"{bad}{calls}")


def test_a_judge_without_fault_meets_every_limit() -> None:
    parts = [part(i % 2 == 0, *([FLAG, FLAG] if i % 2 == 0 else [CLEAR, CLEAR]), group=str(i)) for i in range(40)]

    found = agreement(parts)

    assert found.limits_met == {"effectiveness": True, "missed": True, "false_alarms": True, "kappa": True}
    assert (found.effectiveness.k, found.repeatability.k, found.kappa.value, found.between.value) == (40, 40, 1.0, 1.0)
    assert found.kappa.interval == (1.0, 1.0)


def test_each_error_is_counted_by_look_and_by_part() -> None:
    found = agreement([
        part(True, FLAG, CLEAR, CLEAR),
        part(True, FLAG, FLAG, FLAG),
        part(False, CLEAR, CLEAR, FLAG),
        part(False, CLEAR, CLEAR, CLEAR),
    ])  # fmt: skip

    assert (found.missed.k, found.missed.n, found.missed_parts.k, found.missed_parts.n) == (2, 6, 1, 2)
    assert (found.false_alarms.k, found.false_alarms.n, found.false_alarm_parts.k) == (1, 6, 1)
    assert (found.effectiveness.k, found.repeatability.k, found.parts, found.looks) == (2, 2, 4, 12)
    assert found.limits_met == {"effectiveness": False, "missed": False, "false_alarms": False, "kappa": False}


def test_a_look_that_is_left_to_a_person_is_no_error_and_not_right() -> None:
    found = agreement([part(True, FLAG, ABSTAIN), part(False, ABSTAIN, ABSTAIN), part(False, CLEAR, CLEAR)])

    assert (found.missed.k, found.false_alarms.k, found.undecided.k, found.undecided.n) == (0, 0, 3, 6)
    assert found.effectiveness.k == 1


def test_kappa_against_the_reference_is_cohens() -> None:
    random = np.random.default_rng(3)
    bad = random.random(200) < 0.4
    flagged = np.where(random.random(200) < 0.85, bad, ~bad)
    parts = [part(bool(b), FLAG if f else CLEAR) for b, f in zip(bad, flagged, strict=True)]

    assert cohens_kappa(parts) == pytest.approx(cohen_kappa_score(bad, flagged))


def test_kappa_by_hand() -> None:
    # 40 of 50 agree; by chance 0.5 * 0.5 + 0.5 * 0.5
    parts = [part(True, FLAG)] * 20 + [part(True, CLEAR)] * 5 + [part(False, CLEAR)] * 20 + [part(False, FLAG)] * 5

    assert cohens_kappa(parts) == pytest.approx((0.8 - 0.5) / (1 - 0.5))


def test_fleiss_kappa_by_hand() -> None:
    # three looks at each of two parts: all flag, and two of three flag
    parts = [part(True, FLAG, FLAG, FLAG), part(True, FLAG, FLAG, CLEAR)]
    agreed = (1.0 + 1.0 / 3.0) / 2
    chance = (5 / 6) ** 2 + (1 / 6) ** 2

    assert fleiss_kappa(parts) == pytest.approx((agreed - chance) / (1 - chance))


def test_with_one_side_only_kappa_is_not_defined() -> None:
    found = agreement([part(False, CLEAR, CLEAR), part(False, CLEAR, CLEAR, group="other")])

    assert found.kappa.value is None
    assert found.between.value is None
    assert found.limits_met["kappa"] is None
    assert found.limits_met["missed"] is None  # no bad part was looked at


def test_the_interval_of_kappa_is_wider_when_the_same_parts_come_from_fewer_groups() -> None:
    parts = [(i % 2 == 0, FLAG if (i % 2 == 0) != (i % 10 < 2) else CLEAR) for i in range(60)]
    many = agreement([part(b, c, group=str(i)) for i, (b, c) in enumerate(parts)]).kappa.interval
    few = agreement([part(b, c, group=str(i % 10)) for i, (b, c) in enumerate(parts)]).kappa.interval

    assert many is not None
    assert few is not None
    assert few[1] - few[0] > many[1] - many[0]
