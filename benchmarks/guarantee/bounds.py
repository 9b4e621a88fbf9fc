"""Exact figures of the guarantee by two methods: this program's, and the distributions of scipy.stats.

At each boundary the count that is accepted and the one just short of it are both tried.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.guarantee.results import Boundary, CheckedFigure
from inspect_ai.calibration import prove
from inspect_ai.calibration.bounds import lower_bound, smallest_n, upper_bound
from inspect_ai.calibration.field_sample_size import audits_needed, audits_prove
from inspect_ai.calibration.power import acceptance
from inspect_ai.errors import CalibrationRefused

MISSES = (0, 1, 2, 3, 5, 10, 20)
PROMISES = ((0.95, 0.95), (0.987, 0.95), (0.99, 0.95), (0.987, 0.90), (0.987, 0.99))
CALIBRATED = ((229, 0), (364, 1), (1302, 10))
TESTED = (50, 100, 200, 300, 500)
SMALL = (50, 100, 150, 300, 500)
AUDITED = (300, 1000)
PREVALENCES = (0.1, 0.01)
SPECIFICITY = 0.90
PROMISE = (0.987, 0.95)


def boundaries() -> Iterator[Boundary]:
    """Every promise at every number of misses."""
    from scipy.stats import beta, binom

    for sensitivity, confidence in PROMISES:
        for misses in MISSES:
            n = smallest_n(misses, sensitivity, confidence)
            yield Boundary(
                sensitivity=sensitivity,
                confidence=confidence,
                misses=misses,
                n=n,
                accepted=allows(n, misses, sensitivity, confidence),
                refused_one_less=not allows(n - 1, misses, sensitivity, confidence),
                binomial=float(binom.cdf(misses, n, 1.0 - sensitivity)),
                binomial_one_less=float(binom.cdf(misses, n - 1, 1.0 - sensitivity)),
                bound=float(beta.ppf(1.0 - confidence, n - misses, misses + 1)),
                bound_one_less=float(beta.ppf(1.0 - confidence, n - 1 - misses, misses + 1)),
            )


def allows(n: int, misses: int, sensitivity: float, confidence: float) -> bool:
    """True if a calibration on n different scores sets a threshold that misses so many of them."""
    try:
        return prove(range(n), sensitivity=sensitivity, confidence=confidence).n_missed >= misses
    except CalibrationRefused:
        return False


def checked() -> Iterator[CheckedFigure]:
    """Figures of small sets, of finite tests and of audits."""
    from scipy.stats import beta, betabinom

    s, c = PROMISE
    for n in SMALL:
        yield CheckedFigure(
            what=f"best sensitivity that {n} positives prove",
            ours=lower_bound(n, n, c),
            scipy=float(beta.ppf(1 - c, n, 1)),
        )
    for n, missed in CALIBRATED:
        for m in TESTED:
            row = acceptance(n, missed, m, s)
            fresh = betabinom(m, missed + 1, n - missed)
            at = f"calibrated on {n} with {missed} missed, tested on {m}"
            shown = sum(float(fresh.pmf(j)) for j in range(m + 1) if m - j >= s * m)
            yield CheckedFigure(what=f"{at}: chance to observe {s:g}", ours=row.chance, scipy=shown)
            yield CheckedFigure(what=f"{at}: misses to allow", ours=row.allow, scipy=float(fresh.ppf(0.95)))
    for n in AUDITED:
        row_share = audits_prove(n, 0, c).share
        yield CheckedFigure(
            what=f"escapes among clears, {n} audited, none found", ours=row_share, scipy=float(beta.ppf(c, 1, n))
        )
    for prevalence in PREVALENCES:
        (audit,) = audits_needed(s, c, specificity=SPECIFICITY, prevalence=prevalence, found=(0,))
        fewest = next(n for n in range(audit.audits - 5, audit.audits + 5) if beta.ppf(c, 1, n) <= audit.share)
        at = f"prevalence {prevalence:g}, specificity {SPECIFICITY:g}"
        yield CheckedFigure(what=f"clears to audit at {at}", ours=audit.audits, scipy=fewest)
    for flagged, n in ((21, 300), (70, 1000)):
        yield CheckedFigure(
            what=f"least specificity with {flagged} of {n} negatives flagged",
            ours=1.0 - upper_bound(flagged, n, c),
            scipy=float(beta.ppf(1 - c, n - flagged, flagged + 1)),
        )
