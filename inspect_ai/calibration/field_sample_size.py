"""Sample sizes that prove a promise at work: audited clears, known positives seeded among the others, and negatives.

Auditing clears is costly where findings are rare, since hardly any cleared case was a positive: at prevalence 1 % it
takes twenty thousand audits for what 229 seeded positives prove.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from inspect_ai.calibration.bounds import smallest_n, upper_bound
from inspect_ai.calibration.planning import check_promise, check_shares


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """Number of `audits` of clears that, with `found` missed positives among them, prove `share`."""

    found: int
    audits: int
    share: float  # of cleared cases that are missed positives, at most


@dataclass(frozen=True, slots=True, kw_only=True)
class OverkillRow:
    """Number of `negatives` that, with `flagged` among them, prove the bound on overkill."""

    flagged: int
    negatives: int


def share_of_clears(sensitivity: float, specificity: float, prevalence: float) -> float:
    """P(positive | cleared) at these rates (Bayes)."""
    check_shares(sensitivity=sensitivity, specificity=specificity, prevalence=prevalence)
    missed = prevalence * (1.0 - sensitivity)
    return missed / (missed + (1.0 - prevalence) * specificity)


def audits_needed(
    sensitivity: float, confidence: float, *, specificity: float, prevalence: float, found: Iterable[int]
) -> list[AuditRow]:
    """Clears to audit, drawn at random, to prove a sensitivity, given prevalence and specificity.

    Both are assumed known and constant; if they are estimated from few cases, less is proved.
    """
    check_promise(sensitivity, confidence)
    share = share_of_clears(sensitivity, specificity, prevalence)
    return [AuditRow(found=k, audits=smallest_n(k, 1.0 - share, confidence), share=share) for k in found]


def audits_prove(audits: int, found: int, confidence: float) -> AuditRow:
    """Upper bound on the share of missed positives among clears, from a random audit of them."""
    check_shares(confidence=confidence)
    return AuditRow(found=found, audits=audits, share=upper_bound(found, audits, confidence))


def negatives_needed(overkill: float, confidence: float, flagged: Iterable[int]) -> list[OverkillRow]:
    """Independent negatives that prove that at most a share `overkill` of negatives is flagged."""
    check_shares(overkill=overkill, confidence=confidence)
    return [OverkillRow(flagged=k, negatives=smallest_n(k, 1.0 - overkill, confidence)) for k in flagged]
