"""Tables of the guarantee benchmark: Markdown for people, CSV for table programs, JSON for programs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.guarantee.bounds import MISSES, PROMISES
from benchmarks.guarantee.draws import COMPARED
from benchmarks.guarantee.results import Boundary, CrossFitted, GuaranteeResult, Simulated, SplitResult
from benchmarks.guarantee.with_mapie import LOOKED_AT
from benchmarks.writing import csv_text, json_text, markdown_table

CSV_COLUMNS = (
    *("part", "case", "sensitivity", "confidence", "n", "draws", "broken", "expected", "allowed", "se", "within"),
)


def texts(found: GuaranteeResult) -> dict[str, str]:
    """Contents of the three files, by name."""
    return {
        "guarantee.json": json_text(plain(found)),
        "guarantee.csv": csv_text(CSV_COLUMNS, csv_rows(found)),
        "guarantee.md": markdown(found),
    }


def plain(found: GuaranteeResult) -> dict[str, Any]:
    """Everything as plain values, with what follows from them."""
    values = asdict(found)
    for name in ("kept", "broken", "asked"):
        values[name] = [
            asdict(d) | {"allowed": d.allowed, "se": d.se, "within": d.within} for d in getattr(found, name)
        ]
    values["real"] = [asdict(s) | {"se": s.se, "within": s.within} for s in found.real]
    for name in ("boundaries", "checked"):
        values[name] = [asdict(b) | {"agrees": b.agrees} for b in getattr(found, name)]
    return values


def csv_rows(found: GuaranteeResult) -> Iterator[dict[str, Any]]:
    """One row a share."""
    for part, simulated in (("kept", found.kept), ("broken", found.broken), ("asked", found.asked)):
        for d in simulated:
            derived = {"draws": d.calibrations, "allowed": d.allowed, "se": d.se, "within": d.within}
            values = asdict(d) | {"part": part} | derived
            yield {name: "" if values[name] is None else values[name] for name in CSV_COLUMNS}
    for c in found.cross_fitted:
        row = {"part": "cross-fitted", "case": f"{c.data}: {c.way}; {c.deployed}", "draws": c.calibrations, "n": c.n}
        row |= {"sensitivity": c.sensitivity, "confidence": c.confidence, "allowed": 1.0 - c.confidence}
        yield row | {"broken": "" if c.broken is None else c.broken, "expected": "", "se": "", "within": c.within}
    for s in found.real:
        row = {"part": "real", "case": f"{s.data}: {s.how}", "draws": s.splits - s.refused, "broken": s.short}
        row |= {"sensitivity": s.sensitivity, "confidence": s.confidence, "n": round(s.n, 1), "se": s.se}
        yield row | {"expected": s.short_expected, "allowed": s.short_expected, "within": s.within}


def markdown(found: GuaranteeResult) -> str:
    """All tables, each below a sentence that says how to read it."""
    return "\n".join(
        ["# Is the promise kept?\n", *_drawn(found), *_fitted(found), *_exact(found), *_mapie(found), *_real(found)]
    )


def _drawn(found: GuaranteeResult) -> Iterator[str]:
    yield (
        f"## Simulated calibrations\n\n{found.calibrations:,} calibrations each. The threshold is the product's: read "
        f"for all at once, and compared with `prove` itself on {COMPARED} of each row. *Broken*: share of calibrations "
        "whose true sensitivity, computed from the known distribution, is below the promise; in brackets the exact "
        "probability of that. Not above *allowed*, and not much below, is right; ties and sizes between two boundaries "
        "(as 300) make it safer, and the expectation says by how much.\n"
    )
    names = list(dict.fromkeys(d.case for d in found.kept))
    yield markdown_table(
        ("sensitivity", "confidence", "positives", "allowed", "SE", *(f"{name}: broken (expected)" for name in names)),
        [_row(rows) for rows in _by_promise(found.kept)],
    )
    yield (
        "## What breaks the promise, and what mends it\n\nThe promise is 98.7 % at 95 %; *held* should be at least "
        "0.95. Bold: it is not.\n"
    )
    yield markdown_table(
        ("case", "positives", "held", "held, exactly", "SE"),
        [
            (
                d.case,
                str(d.n),
                f"{1 - d.broken:.3f}" if d.within else f"**{1 - d.broken:.3f}**",
                "" if d.expected is None else f"{1 - d.expected:.3f}",
                f"{math.sqrt(d.broken * (1 - d.broken) / d.calibrations):.4f}",
            )
            for d in found.broken
        ],
    )
    yield (
        "## Promises that were not named beforehand\n\nA line at a price (`--at-fpr`), the best step for so many "
        "positives (`--sensitivity best`), and, for comparison, a row of the frontier that is picked after looking. "
        "*Promised*: the mean of what was promised. *Held* should be at least 0.95. Bold: it is not.\n"
    )
    yield asked_table(found.asked)


def asked_table(asked: Sequence[Simulated]) -> str:
    """Table of promises that were not named beforehand, in Markdown."""
    return markdown_table(
        ("case", "counted", "promised", "held", "held, exactly", "SE"),
        [
            (
                d.case,
                str(d.n),
                f"{d.sensitivity:.3f}",
                f"{1 - d.broken:.3f}" if d.within else f"**{1 - d.broken:.3f}**",
                "" if d.expected is None else f"{1 - d.expected:.3f}",
                f"{math.sqrt(d.broken * (1 - d.broken) / d.calibrations):.4f}",
            )
            for d in asked
        ],
    )


def _fitted(found: GuaranteeResult) -> Iterator[str]:
    if not found.cross_fitted:
        return
    first = found.cross_fitted[0]
    yield (
        f"## More positives for the line\n\n{first.calibrations:,} sites each, with a learner that learns "
        "(`benchmarks/guarantee/crossfit.py`) from as many positives as train has; the promise is "
        f"{100 * first.sensitivity:g} % at {100 * first.confidence:g} %. *Proved*: for any learner; what is not proved "
        "may hold all the same, and no theorem says so. *Positives*: behind each line; *may miss*: of them. *Flagged*: "
        "mean share of negatives at or above the line. Bold: the promise is broken more often than it allows.\n"
    )
    head = ("positives of train + calibration", "way", "deployed", "proved", "positives", "may miss")
    yield markdown_table((*head, "held", "mean sensitivity", "flagged"), [_fitted_row(c) for c in found.cross_fitted])


def _fitted_row(c: CrossFitted) -> tuple[str, ...]:
    who = (c.data, c.way, c.deployed, "yes" if c.exact else "no", str(c.n))
    if c.broken is None or c.reached is None:
        return (*who, "refused", "", "", "")
    held = f"{1 - c.broken:.3f}" if c.within else f"**{1 - c.broken:.3f}**"
    return (*who, str(c.misses), held, f"{c.reached:.4f}", "" if c.flagged is None else f"{c.flagged:.2f}")


def _by_promise(kept: Sequence[Simulated]) -> list[list[Simulated]]:
    """The families of each promise side by side."""
    rows: dict[tuple[float, float, int], list[Simulated]] = {}
    for d in kept:
        rows.setdefault((d.sensitivity, d.confidence, d.n), []).append(d)
    return list(rows.values())


def _row(families: Sequence[Simulated]) -> tuple[str, ...]:
    d = families[0]
    head = (f"{d.sensitivity:g}", f"{d.confidence:g}", f"{d.n:,}", f"{d.allowed:.2f}", f"{d.se:.4f}")
    return (*head, *(_broken(d) for d in families))


def _broken(d: Simulated) -> str:
    share = f"{d.broken:.4f}" if d.within else f"**{d.broken:.4f}**"
    return share if d.expected is None else f"{share} ({d.expected:.4f})"


def _exact(found: GuaranteeResult) -> Iterator[str]:
    agree = sum(b.agrees for b in found.boundaries)
    yield (
        f"## The boundary\n\nFewest positives with so many misses. Of {len(found.boundaries)} cells, {agree} are "
        "confirmed three times: the calibration accepts n and refuses n - 1, as do `scipy.stats.binom` "
        "(P(Binomial(n, 1 - s) <= k) <= 1 - confidence) and `scipy.stats.beta` (the lower bound).\n"
    )
    at = {(b.sensitivity, b.confidence, b.misses): b for b in found.boundaries}
    yield markdown_table(
        ("sensitivity", "confidence", *(f"{k} missed" for k in MISSES)),
        [(f"{s:g}", f"{c:g}", *(_cell(at[s, c, k]) for k in MISSES)) for s, c in PROMISES],
    )
    b = at[0.987, 0.95, 0]
    yield (
        f"At 0.987 and 0.95, {b.n - 1} positives without a miss are refused (they prove {b.bound_one_less:.5f}), "
        f"{b.n} are accepted ({b.bound:.5f}).\n"
    )
    yield markdown_table(
        ("figure", "ours", "scipy.stats", "agree"),
        [(c.what, f"{c.ours:.5g}", f"{c.scipy:.5g}", "yes" if c.agrees else "**no**") for c in found.checked],
    )


def _cell(b: Boundary) -> str:
    return f"{b.n:,}" if b.agrees else f"**{b.n:,}**"


def _mapie(found: GuaranteeResult) -> Iterator[str]:
    if not found.needed:
        yield "MAPIE was left out.\n"
        return
    yield (
        "## MAPIE on the same promise\n\nFewest positives at which the recall is promised with so many missed. *One "
        "threshold*: MAPIE asked about a single threshold fixed beforehand. *Refused above*: of the "
        f"{LOOKED_AT} sizes from our boundary upwards, those that MAPIE refuses for that one threshold: it multiplies "
        "a recall in floats back into a count and rounds up, so that at many sizes one miss counts as two. *As it "
        "comes*: 100 thresholds, Bonferroni-Holm; the misses lie at a score of 0.25, all other scores at 1.\n"
    )
    yield markdown_table(
        ("sensitivity", "confidence", "missed", "ours", "MAPIE, one threshold", "refused above", "MAPIE as it comes"),
        [
            (
                *(f"{n.sensitivity:g}", f"{n.confidence:g}", str(n.misses), f"{n.ours:,}", f"{n.one_threshold:,}"),
                *(f"{n.refused_above} of {LOOKED_AT}", "never" if n.default is None else f"{n.default:,}"),
            )
            for n in found.needed
        ],
    )
    yield "The highest threshold that each method certifies on the same simulated scores; higher means fewer alarms.\n"
    yield markdown_table(
        ("positives", "method", "threshold", "true sensitivity", "negatives flagged"),
        [
            (
                *(str(c.n), c.method),
                *("refused" if v is None else f"{v:.4f}" for v in (c.threshold, c.true_sensitivity, c.flagged)),
            )
            for c in found.chosen
        ],
    )  # fmt: skip


def _real(found: GuaranteeResult) -> Iterator[str]:
    if not found.real:
        return
    yield "## What the real calibration splits carry\n"
    for c in found.certifiable:
        yield f"- {c.data} ({c.task}; {c.units} independent units, here {c.unit}s, in {c.pictures} pictures): {c.says}"
    yield (
        f"\n## Random splits of real scores\n\n{found.splits:,} splits of each calibration set into halves: one sets "
        "the threshold at 95 % confidence, the other is looked at. *Short*: share of splits whose check part shows "
        "less than the promise. *Beyond*: share with more misses than the 95 % quantile. Beside each what the "
        "beta-binomial expects. Bold: more than that by over three standard errors of so many splits; but they are all "
        "of one set, so *by chance* says in which share of sets with shuffled scores groups that mean nothing go "
        "beyond as often.\n"
    )
    head = ("data", "counted and split", "promise", "positives, groups", "calibrated on", "may miss", "checked on")
    yield markdown_table(
        (*head, "short", "expected", "beyond", "expected", "by chance", "refused"), [_split(s) for s in found.real]
    )


def _split(s: SplitResult) -> tuple[str, ...]:
    return (
        *(s.data, s.how.value, f"{s.sensitivity:g}", f"{s.positives}, {s.groups}", f"{s.n:.0f}", f"{s.missed:.1f}"),
        *(f"{s.tested:.0f}", _marked(s.short, s.short_expected, s.se), f"{s.short_expected:.3f}"),
        *(_marked(s.beyond, s.beyond_expected, s.se_beyond), f"{s.beyond_expected:.3f}"),
        "" if s.by_chance is None else f"{s.by_chance:.2f}",
        f"{s.refused / s.splits:.0%}",
    )


def _marked(share: float, expected: float, se: float) -> str:
    return f"{share:.3f}" if share <= expected + 3 * se else f"**{share:.3f}**"
