"""Further tables of `inspect-ai plan`: figures from calibration, each with a sentence on its meaning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from inspect_ai.calibration import field_sample_size, power
from inspect_ai.calibration.bounds import lower_bound, misses_allowed, smallest_n
from inspect_ai.calibration.planning import have, in_parts, split_confidence
from inspect_ai.errors import UsageError

CHANCES = (0.8, 0.9)  # customary powers of a test


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """Promise to prove, and the numbers of misses that are shown."""

    sensitivity: float
    confidence: float
    misses: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeTable:
    """One table: `values` for programs, `rows` below `columns` for people, and its meaning in plain words."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    values: list[dict[str, Any]]
    says: str


def of_have(promise: Promise, n: int) -> SizeTable:
    """Promises that the available positives can prove."""
    rows = have(n, promise.sensitivity, promise.confidence, promise.misses)
    allowed = misses_allowed(n, promise.sensitivity, promise.confidence)
    if allowed >= 0:
        says = f"{n} positives carry the promise: the threshold may miss up to {allowed} of them."
    else:
        says = (
            f"{n} positives cannot carry the promise; {rows[0].missing} more are needed, and then none may be missed. "
            f"What they can carry is a sensitivity of {_down(rows[0].provable)}, with no miss."
        )
    return SizeTable(
        name="have",
        title=f"What {n} independent positives prove at confidence {promise.confidence:g}",
        columns=("missed", "best provable sensitivity", "expected sensitivity", "positives missing"),
        rows=[(r.misses, _down(r.provable), f"{r.expected:.4f}", r.missing or "none") for r in rows],
        values=[asdict(r) for r in rows],
        says=f"{says} More misses allowed prove less but raise the threshold: fewer false alarms.",
    )


def of_power(promise: Promise, assumed: float, n: int | None) -> SizeTable:
    """Chance that fresh positives prove the promise at a fixed threshold."""
    s, c = promise.sensitivity, promise.confidence
    enough = {chance: power.positives_for(chance, s, c, assumed) for chance in CHANCES}
    sizes = {smallest_n(m, s, c) for m in promise.misses} | {row.positives for row in enough.values()}
    rows = [power.power(size, s, c, assumed) for size in sorted(sizes | ({n} if n is not None else set()))]
    reached = " and ".join(f"{chance:.0%} takes {row.positives} positives" for chance, row in enough.items())
    return SizeTable(
        name="power",
        title=f"Chance to prove {s:g} at confidence {c:g} if the true sensitivity is {assumed:g}",
        columns=("positives", "may be missed", "chance"),
        rows=[(r.positives, r.allowed if r.allowed >= 0 else "cannot prove it", f"{r.chance:.3f}") for r in rows],
        values=[asdict(r) | {"assumed": assumed} for r in rows],
        says=(
            f"For a threshold that was fixed before these positives were seen: a chance of {reached}. "
            "A few positives more than a row has lower the chance again, until one more miss is allowed. "
            "Calibration itself needs no luck: with enough positives it always finds a threshold; what the model is "
            "worth shows in the false alarms there."
        ),
    )


def of_acceptance(promise: Promise, sizes: Sequence[int], n: int | None) -> SizeTable:
    """Chance that a new threshold passes a later, finite test."""
    s, c = promise.sensitivity, promise.confidence
    doubt = ""
    if n is None:
        calibrated = [(smallest_n(m, s, c), m) for m in sorted({promise.misses[0], 1, promise.misses[-1]})]
    else:
        allowed = misses_allowed(n, s, c)
        calibrated = [(n, max(allowed, 0))]
        if allowed < 0:
            doubt = f" {n} positives do not carry the promise: shown is the threshold at the lowest of them."
    rows = [power.acceptance(positives, missed, m, s) for positives, missed in calibrated for m in sizes]
    return SizeTable(
        name="acceptance",
        title=f"A later test on fresh positives of a threshold calibrated for {s:g} at {c:g}",
        columns=("calibrated on", "missed there", "tested on", f"chance to observe {s:g}", "misses to allow"),
        rows=[(r.positives, r.missed, r.tested, f"{r.chance:.2f}", r.allow) for r in rows],
        values=[asdict(r) for r in rows],
        says=(
            f"A finite test scatters: a threshold that keeps its promise often shows less than {s:g} on few positives. "
            "Let the test allow the misses in the last column; it then refuses one such threshold in twenty. "
            f"The figures are for scores without ties; with ties fewer are missed.{doubt}"
        ),
    )


def of_groups(promise: Promise, groups: int, n: int | None) -> SizeTable:
    """Positives for a promise to each of several groups."""
    s, each = promise.sensitivity, split_confidence(promise.confidence, groups)
    rows = in_parts(s, promise.confidence, groups, promise.misses)
    return SizeTable(
        name="groups",
        title=f"A promise of {s:g} in each of {groups} groups, all at once at confidence {promise.confidence:g}",
        columns=("missed in each", "positives in each", "positives in all"),
        rows=[(r.misses, r.positives_each, r.positives_in_all) for r in rows],
        values=[asdict(r) | {"confidence_each": each} for r in rows],
        says=(
            f"Each group gets its own threshold at confidence {each:.6g}: the doubt is shared, so that all {groups} "
            f"promises hold together. A group with fewer positives is not certified.{_shared(n, groups, each)}"
        ),
    )


def of_folds(promise: Promise, folds: int, n: int | None) -> SizeTable:
    """Promise of each fold's model, proved on the positives that it never saw."""
    s, joint = promise.sensitivity, split_confidence(promise.confidence, folds)
    alone = in_parts(s, promise.confidence, 1, promise.misses)
    together = in_parts(s, promise.confidence, folds, promise.misses)
    return SizeTable(
        name="folds",
        title=f"{folds} folds, each model proved on its own fold's positives",
        columns=("missed in each", "in each, one model", "in all", f"in each, all {folds} at once", "in all"),
        rows=[
            (a.misses, a.positives_each, folds * a.positives_each, t.positives_each, t.positives_in_all)
            for a, t in zip(alone, together, strict=True)
        ],
        values=[
            {
                "misses": a.misses,
                "positives_each_alone": a.positives_each,
                "positives_in_all_alone": folds * a.positives_each,
                "positives_each_together": t.positives_each,
                "positives_in_all_together": t.positives_in_all,
                "confidence_together": joint,
            }
            for a, t in zip(alone, together, strict=True)
        ],
        says=(
            "Proved is each fold's model, at its own threshold, on positives that it has not met (split by patient or "
            f"part, never by picture). At confidence {promise.confidence:g} for one model that was named before the "
            f"scores were seen; at {joint:.6g} each for all {folds} at once, or to choose among them. Not proved is "
            "a model fitted again on everything, nor the folds' positives pooled as if one model had scored them. "
            "To put all to work, let any model's flag flag: that misses no more than any one of them."
            f"{_shared(n, folds, promise.confidence, joint)}"
        ),
    )


def of_overkill(promise: Promise, overkill: float) -> SizeTable:
    """Negatives for a bound on false alarms."""
    rows = field_sample_size.negatives_needed(overkill, promise.confidence, promise.misses)
    return SizeTable(
        name="overkill",
        title=f"To prove that at most {overkill:g} of the negatives are flagged, at confidence {promise.confidence:g}",
        columns=("flagged", "negatives needed"),
        rows=[(r.flagged, r.negatives) for r in rows],
        values=[asdict(r) for r in rows],
        says=(
            "Negatives are counted as positives are: one for each patient or part, at a threshold that was not chosen "
            "on them."
        ),
    )


def of_field(promise: Promise, prevalence: float, specificity: float) -> SizeTable:
    """Audited clears against seeded positives."""
    s, c = promise.sensitivity, promise.confidence
    audited = field_sample_size.audits_needed(
        s, c, specificity=specificity, prevalence=prevalence, found=promise.misses
    )
    seeded = [smallest_n(m, s, c) for m in promise.misses]
    return SizeTable(
        name="field",
        title=f"To prove {s:g} at work, confidence {c:g}, prevalence {prevalence:g}, specificity {specificity:g}",
        columns=("missed positives met", "clears to audit", "or known positives to seed"),
        rows=[(a.found, a.audits, k) for a, k in zip(audited, seeded, strict=True)],
        values=[asdict(a) | {"seeded": k} for a, k in zip(audited, seeded, strict=True)],
        says=(
            f"At the promise, {audited[0].share:.3%} of cleared cases are missed positives, and audits of clears drawn "
            "at random must prove no more than that; prevalence and specificity are taken as known. Known positives "
            "(archived cases, challenge parts) put among the others unmarked need neither and are fewer, but speak "
            "only for positives like them."
        ),
    )


def of_audits(promise: Promise, sizes: Sequence[int]) -> SizeTable:
    """Share of escapes that an audit of clears rules out."""
    rows = [
        field_sample_size.audits_prove(size, found, promise.confidence)
        for size in sizes
        for found in promise.misses
        if found <= size
    ]
    return SizeTable(
        name="audits",
        title=f"What audited clears prove at confidence {promise.confidence:g}",
        columns=("audited", "missed positives met", "missed positives among clears, at most"),
        rows=[(r.audits, r.found, f"{r.share:.3%}") for r in rows],
        values=[asdict(r) for r in rows],
        says="A share of the cleared cases, drawn at random; it becomes a sensitivity only with a known prevalence.",
    )


def _shared(n: int | None, parts: int, *confidences: float) -> str:
    """Sensitivity that n positives in equal parts prove, with no miss."""
    if n is None:
        return ""
    each = n // parts
    if each < 1:
        raise UsageError(f"{n} positives cannot be shared among {parts}. Take fewer groups or folds.")
    best = " or ".join(f"{_down(lower_bound(each, each, c))} (at {c:.6g})" for c in confidences)
    return f" {n} positives in equal shares are {each} each, which prove at most {best}, with no miss."


def _down(share: float) -> str:
    """Share with four digits, rounded down to stay proved."""
    return f"{int(share * 10_000) / 10_000:.4f}"
