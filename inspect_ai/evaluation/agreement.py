"""Attribute agreement (AIAG, Measurement Systems Analysis): one judge, several looks at each part, a reference.

A judge that cannot decide leaves the part to a person: that is no miss and no false alarm, but not effective either,
and it is counted beside them. Kappa after J. Cohen 1960 (against the reference) and J. Fleiss 1971 (between looks;
parts with different numbers of looks as in Fleiss, Levin, Paik 2003, 18.3). Intervals of kappa: percentiles over parts
drawn again in whole groups.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from inspect_ai.domain import Outcome
from inspect_ai.evaluation.curves import Interval, Share

LEAST_EFFECTIVENESS, MOST_MISSED, MOST_FALSE_ALARMS, LEAST_KAPPA = 0.90, 0.02, 0.05, 0.75  # usual AIAG limits
LEAST_PARTS = 20  # below which the manual calls a study too small
RESAMPLES = 1000
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class AppraisedPart:
    """One part and its outcome at each look."""

    bad: bool
    calls: tuple[Outcome, ...]
    group: str

    @property
    def right(self) -> bool:
        """True when every look agrees with the reference."""
        return all(call is (Outcome.FLAG if self.bad else Outcome.CLEAR) for call in self.calls)

    @property
    def steady(self) -> bool:
        """True when all looks have the same outcome."""
        return len(set(self.calls)) == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Kappa:
    """Agreement beyond chance; None where there is only one side to agree on."""

    value: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Figures of one study. Shares of parts have exact intervals; AIAG's limits apply to shares of looks."""

    parts: int
    looks: int
    effectiveness: Share  # of parts: every look right
    repeatability: Share  # of parts with two looks or more: every look the same
    missed: Share  # of looks at bad parts: cleared
    missed_parts: Share  # of bad parts: cleared by at least one look
    false_alarms: Share  # of looks at good parts: flagged
    false_alarm_parts: Share  # of good parts: flagged by at least one look
    undecided: Share  # of all looks: left to a person
    kappa: Kappa  # Cohen's, against the reference, over looks that decide
    between: Kappa  # Fleiss's, between the looks at one part

    @property
    def limits_met(self) -> dict[str, bool | None]:
        """Results of the AIAG limits on the point values; None where there is no value."""
        return {
            "effectiveness": _at_least(self.effectiveness, LEAST_EFFECTIVENESS),
            "missed": _at_most(self.missed, MOST_MISSED),
            "false_alarms": _at_most(self.false_alarms, MOST_FALSE_ALARMS),
            "kappa": None if self.kappa.value is None else self.kappa.value >= LEAST_KAPPA,
        }


def agreement(parts: Sequence[AppraisedPart]) -> Agreement:
    """Figures of these parts; each has at least one look."""
    bad, good = [p for p in parts if p.bad], [p for p in parts if not p.bad]
    several = [p for p in parts if len(p.calls) > 1]
    return Agreement(
        parts=len(parts),
        looks=sum(len(p.calls) for p in parts),
        effectiveness=_parts(parts, lambda p: p.right),
        repeatability=_parts(several, lambda p: p.steady),
        missed=_looks(bad, Outcome.CLEAR),
        missed_parts=_parts(bad, lambda p: Outcome.CLEAR in p.calls),
        false_alarms=_looks(good, Outcome.FLAG),
        false_alarm_parts=_parts(good, lambda p: Outcome.FLAG in p.calls),
        undecided=_looks(parts, Outcome.ABSTAIN),
        kappa=with_interval(parts, cohens_kappa),
        between=with_interval(several, fleiss_kappa),
    )


def cohens_kappa(parts: Sequence[AppraisedPart]) -> float | None:
    """Kappa of calls against the reference; looks that leave the part to a person are left out."""
    table = np.zeros((2, 2))  # reference good, bad x called good, bad
    for part in parts:
        for call in part.calls:
            if call is not Outcome.ABSTAIN:
                table[int(part.bad), int(call is Outcome.FLAG)] += 1
    total = table.sum()
    if not total:
        return None
    by_chance = float(table.sum(axis=0) @ table.sum(axis=1)) / total**2
    return None if by_chance == 1.0 else float((np.trace(table) / total - by_chance) / (1.0 - by_chance))


def fleiss_kappa(parts: Sequence[AppraisedPart]) -> float | None:
    """Kappa between the looks at each part, over clear, abstain and flag; parts have two looks or more."""
    counts = np.array([[p.calls.count(o) for o in Outcome] for p in parts], float).reshape(-1, len(Outcome))
    looks = counts.sum(axis=1)
    if not len(parts):
        return None
    agreed = ((counts * (counts - 1)).sum(axis=1) / (looks * (looks - 1))).mean()
    by_chance = float(((counts.sum(axis=0) / looks.sum()) ** 2).sum())
    return None if by_chance == 1.0 else float((agreed - by_chance) / (1.0 - by_chance))


def with_interval(parts: Sequence[AppraisedPart], kappa: Callable[[Sequence[AppraisedPart]], float | None]) -> Kappa:
    """Kappa, and its percentiles over groups drawn again; no interval from fewer than two groups."""
    members: dict[str, list[AppraisedPart]] = {}
    for part in parts:
        members.setdefault(part.group, []).append(part)
    groups, random = list(members.values()), np.random.default_rng(0)
    value = kappa(parts)
    if value is None or len(groups) < 2:
        return Kappa(value=value, interval=None)
    draws = (random.integers(len(groups), size=len(groups)) for _ in range(RESAMPLES))
    known = [k for draw in draws if (k := kappa([part for i in draw for part in groups[i]])) is not None]
    if not known:
        return Kappa(value=value, interval=None)
    low, high = np.percentile(known, [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)])
    return Kappa(value=value, interval=(float(low), float(high)))


def _parts(parts: Sequence[AppraisedPart], happened: Callable[[AppraisedPart], bool]) -> Share:
    return Share(k=sum(happened(p) for p in parts), n=len(parts))


def _looks(parts: Sequence[AppraisedPart], outcome: Outcome) -> Share:
    return Share(k=sum(p.calls.count(outcome) for p in parts), n=sum(len(p.calls) for p in parts))


def _at_least(share: Share, limit: float) -> bool | None:
    return share.value >= limit if share.n else None


def _at_most(share: Share, limit: float) -> bool | None:
    return share.value <= limit if share.n else None
