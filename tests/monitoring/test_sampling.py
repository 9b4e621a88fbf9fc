"""What an audit of clear cases proves, against SciPy and against counting."""

import numpy as np
import pytest
from scipy.stats import beta, hypergeom

from inspect_ai.monitoring.sampling import audit_bound, escapes_at_most


@pytest.mark.parametrize(
    ("escapes", "audited", "cleared"), [(0, 50, 1000), (2, 60, 300), (1, 1, 1), (0, 0, 20), (3, 20, 20)]
)
def test_one_escape_more_would_have_shown_itself(escapes: int, audited: int, cleared: int) -> None:
    most = escapes_at_most(escapes, audited, cleared, 0.95)

    assert hypergeom.cdf(escapes, cleared, most, audited) > 0.05
    if most < cleared - (audited - escapes):
        assert hypergeom.cdf(escapes, cleared, most + 1, audited) <= 0.05
    assert most >= escapes


def test_the_share_is_clopper_and_pearsons() -> None:
    bound = audit_bound(cleared=10_000, audited=300, escapes=0, positives_found=0, confidence=0.95)

    assert bound.share_at_most == pytest.approx(1 - 0.05 ** (1 / 300))
    assert bound.share_at_most == pytest.approx(0.00994, abs=1e-5)  # 300 audits without escape: 0.99 %
    two = audit_bound(cleared=10_000, audited=300, escapes=2, positives_found=0, confidence=0.95)
    assert two.share_at_most == pytest.approx(beta.ppf(0.95, 3, 298))


def test_both_bounds_fail_no_more_often_than_allowed() -> None:
    rng = np.random.default_rng(0)
    cleared, escapes = 2000, 20
    seen = rng.hypergeometric(escapes, cleared - escapes, 200, 3000)
    known = {
        k: audit_bound(cleared=cleared, audited=200, escapes=k, positives_found=500, confidence=0.95)
        for k in set(seen.tolist())
    }

    assert np.mean([known[k].escapes_at_most < escapes for k in seen.tolist()]) <= 0.05
    assert np.mean([known[k].sensitivity_at_least > 500 / 520 for k in seen.tolist()]) <= 0.05
    assert np.mean([known[k].escapes_at_most > 100 for k in seen.tolist()]) < 0.05  # and not wastefully safe


def test_without_audit_or_positives_nothing_is_proved() -> None:
    bound = audit_bound(cleared=10, audited=0, escapes=0, positives_found=0, confidence=0.95)

    assert (bound.share_at_most, bound.escapes_at_most, bound.sensitivity_at_least) == (1.0, 10, 0.0)


@pytest.mark.parametrize("counts", [(10, 11, 0), (10, 5, 6), (10, 5, -1)])
def test_counts_that_cannot_be_are_refused(counts: tuple[int, int, int]) -> None:
    cleared, audited, escapes = counts
    with pytest.raises(ValueError, match="an audit draws from the cleared cases"):
        audit_bound(cleared=cleared, audited=audited, escapes=escapes, positives_found=1, confidence=0.95)
