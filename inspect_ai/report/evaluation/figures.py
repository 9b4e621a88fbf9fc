"""Charts of an evaluation: each function takes figures and returns one picture with its legend and its caption."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from inspect_ai.decide import step
from inspect_ai.evaluation.curves import Curve, Share, Values, best_cost, escape_weight, expected_cost
from inspect_ai.evaluation.free_response import FreeResponse
from inspect_ai.evaluation.reliability import EDGE, Reliability, log_odds
from inspect_ai.operating_point import OperatingPoint
from inspect_ai.report.evaluation import charts
from inspect_ai.report.evaluation.charts import Axis, Frame
from inspect_ai.report.evaluation.words import between, counted, percent

ODDS_TICKS = (0.0001, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999)
BARS = 36  # of a histogram
ON_LOG_ODDS = "The axis runs on log-odds: 0.001 and 0.01 stand as far apart as 0.99 and 0.999."
COST_EXAMPLES = ((0.01, 100.0), (0.05, 20.0), (0.05, 100.0))  # share of positives, cost of an escape in overkills
POSITIVE, NEGATIVE, POINT, SECOND, PLAIN = "c1", "c0", "c1", "c3", "c9"  # classes of the style sheet


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A chart with its texts. legend: each swatch and its meaning."""

    heading: str
    chart: Markup
    legend: tuple[tuple[Markup, str], ...] = ()
    caption: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A threshold at work: its name, its value in digits, and the shares that reach it."""

    name: str
    at: float
    said: str
    hits: Share
    alarms: Share


def lines(found: Curve, point: OperatingPoint | None) -> tuple[Line, ...]:
    """Thresholds of the point: the clear line, and the flag line where it differs."""
    if point is None:
        return ()
    clear, flag = point.thresholds.clear_below, point.thresholds.flag_from
    named = [("the line", clear)] if clear == flag else [("clear line", clear), ("flag line", flag)]
    reached = [found.at(t - step(point.thresholds)) for _, t in named]  # as decided
    return tuple(
        Line(name=name, at=t, said=point.thresholds.written(t), hits=hits, alarms=alarms)
        for (name, t), (hits, alarms) in zip(named, reached, strict=True)
    )


def roc_figure(found: Curve, at_work: Sequence[Line], auc: str, grouped: str) -> Figure:
    """Draw sensitivity against false alarms, the operating point with its exact box."""
    frame = Frame(
        x=charts.percents("negatives that reach the threshold (false alarms)"),
        y=charts.percents("positives that reach it (sensitivity)"),
    )
    pieces = [charts.line(frame, [0, 1], [0, 1], "dashed " + PLAIN)]
    legend = [(charts.key("c0"), "the model, every threshold"), (charts.key("dashed " + PLAIN), "guessing")]
    for line, look in zip(at_work, (POINT, SECOND), strict=False):
        pieces.append(charts.box(frame, line.alarms.interval, line.hits.interval, f"area {look}"))
    pieces.append(charts.line(frame, found.false_alarms, found.sensitivity, "c0"))
    for line, look in zip(at_work, (POINT, SECOND), strict=False):
        pieces.append(charts.dot(frame, line.alarms.value, line.hits.value, f"fill {look}"))
        legend.append((charts.key(look, "dot"), f"{line.name}, {line.said}, with its 95 % box"))
    caption = [f"Area under the curve: {auc}."] if auc else []
    if at_work:
        caption.append(
            "The box is exact (Clopper-Pearson) on each axis for itself and takes pictures as independent. " + grouped
        )
    return Figure(
        heading="ROC: what a threshold finds and what it costs",
        chart=charts.chart(frame, *pieces, says="ROC curve"),
        legend=tuple(legend),
        caption=tuple(caption),
    )


def precision_figure(found: Curve, at_work: Sequence[Line]) -> Figure:
    """Draw precision against recall."""
    frame = Frame(x=charts.percents("positives that reach the threshold (recall)"), y=charts.percents("precision"))
    share = found.n_positive / (found.n_positive + found.n_negative)
    pieces = [charts.line(frame, [0, 1], [share, share], "dashed " + PLAIN)]
    pieces.append(charts.line(frame, found.sensitivity[1:], found.precision[1:], "c0"))
    legend = [
        (charts.key("c0"), "the model, every threshold"),
        (charts.key("dashed " + PLAIN), f"flagging everything: {percent(share)} are positive here"),
    ]
    caption = ["Precision: of what reaches the threshold, how much is positive."]
    for line, look in zip(at_work, (POINT, SECOND), strict=False):
        reached = line.hits.k + line.alarms.k
        if not reached:
            continue
        pieces.append(charts.dot(frame, line.hits.value, line.hits.k / reached, f"fill {look}"))
        legend.append((charts.key(look, "dot"), f"{line.name}, {line.said}"))
        rare = 0.01 * line.hits.value / max(0.01 * line.hits.value + 0.99 * line.alarms.value, 1e-12)
        caption.append(
            f"At {line.name} {percent(line.hits.k / reached)} of what reaches it is positive; where only 1 % of all "
            f"pictures are positive it would be {percent(rare)}, at the same sensitivity and false alarms."
        )
    return Figure(
        heading="Precision and recall",
        chart=charts.chart(frame, *pieces, says="precision against recall"),
        legend=tuple(legend),
        caption=tuple(caption),
    )


def histogram_figure(
    score: Values, positive: np.ndarray[tuple[int], np.dtype[np.bool_]], at_work: Sequence[Line]
) -> Figure:
    """Draw both sides' scores, positives upward, negatives downward; on log-odds where they are probabilities."""
    marks, odds = [line.at for line in at_work], probabilities(score)
    x = odds_axis(score, marks) if odds else score_axis(score, marks)
    edges = np.linspace(x.to(x.low), x.to(x.high), BARS + 1)
    sides = [(positive, 1.0, POSITIVE), (~positive, -1.0, NEGATIVE)]
    placed = log_odds(score) if odds else score
    shares = [np.histogram(placed[m], edges)[0] / max(int(m.sum()), 1) for m, _, _ in sides]
    frame = Frame(x=x, y=_mirrored(max(float(s.max()) for s in shares)), width=2 * charts.WIDTH, height=330)
    pieces = []
    values = 1.0 / (1.0 + np.exp(-edges)) if odds else edges
    for (_, sign, look), share in zip(sides, shares, strict=True):
        for low, high, s in zip(values[:-1], values[1:], share, strict=True):
            if s:
                span = (0.0, float(s)) if sign > 0 else (-float(s), 0.0)
                pieces.append(charts.box(frame, (float(low), float(high)), span, f"column {look}"))
    for row, line in enumerate(at_work):
        pieces.append(charts.upright(frame, line.at, f"{line.name} {line.said}", "limit", row=row))
    return Figure(
        heading="Scores of both sides",
        chart=charts.chart(frame, *pieces, says="histogram of scores by truth"),
        legend=(
            (charts.key(POSITIVE, "column"), f"positives, {int(positive.sum())} pictures, upward"),
            (charts.key(NEGATIVE, "column"), f"negatives, {int((~positive).sum())} pictures, downward"),
        ),
        caption=(
            "Each side adds up to 100 %. " + (ON_LOG_ODDS if odds else "The axis runs on the scores as they are."),
        ),
    )


def reliability_figure(found: Reliability, heading: str, caption: Sequence[str]) -> Figure:
    """Draw scores against observed shares, with exact intervals."""
    frame = Frame(x=charts.percents("what the score says"), y=charts.percents("share that is positive"))
    pieces = [charts.line(frame, [0, 1], [0, 1], "dashed " + PLAIN)]
    pieces += [charts.whisker(frame, b.said, b.seen.interval, "whisker c0") for b in found.bins]
    pieces += [charts.dot(frame, b.said, b.seen.value, "fill c0", 4.5) for b in found.bins]
    return Figure(
        heading=heading,
        chart=charts.chart(frame, *pieces, says=heading),
        legend=(
            (charts.key("c0", "dot"), "a tenth of the pictures, with its exact 95 % interval"),
            (charts.key("dashed " + PLAIN), "says what it means"),
        ),
        caption=(
            f"Calibration error (ECE) {found.calibration_error:.3f}, Brier score {found.brier:.3f}; 0 is best.",
            *caption,
        ),
    )


def cost_figure(found: Curve, at_work: Sequence[Line]) -> Figure:
    """Draw Drummond and Holte's cost curve."""
    weight = np.linspace(0.0, 1.0, 201)
    frame = Frame(
        x=Axis(
            label="weight of escapes (0: only overkill counts, 1: only escapes)",
            low=0.0,
            high=1.0,
            ticks=tuple((t / 5, f"{t / 5:g}") for t in range(6)),
        ),
        y=charts.numbers("expected cost (1: everything wrong)", 0.5),
    )
    trivial = np.minimum(weight, 1.0 - weight)
    pieces = [
        charts.line(frame, weight, trivial, "dashed " + PLAIN),
        charts.line(frame, weight, best_cost(found, weight), "c0"),
    ]
    legend = [
        (charts.key("c0"), "best threshold for each weight, chosen on these very pictures"),
        (charts.key("dashed " + PLAIN), "clearing everything or flagging everything, whichever is cheaper"),
    ]
    for line, look in zip(at_work, (POINT, SECOND), strict=False):
        cost = expected_cost(1.0 - line.hits.value, line.alarms.value, weight)
        inside = cost <= 0.5
        pieces.append(charts.line(frame, weight[inside], cost[inside], look))
        legend.append((charts.key(look), f"{line.name}, {line.said}"))
    examples = "; ".join(
        f"{percent(p)} positive, an escape as dear as {r:g} overkills: {escape_weight(p, r):.2f}"
        for p, r in COST_EXAMPLES
    )
    return Figure(
        heading="What errors cost",
        chart=charts.chart(frame, *pieces, says="cost curve"),
        legend=tuple(legend),
        caption=(
            "An escape is a positive below the line, overkill a negative that reaches it. The weight puts together how "
            f"common positives are and how dear an escape is: {examples}.",
        ),
    )


def froc_figure(found: FreeResponse, reachable: int, flag_from: float | None, tolerance_px: int) -> Figure:
    """Draw places found against false marks per picture."""
    frame = Frame(
        x=charts.numbers("false marks a picture", max(float(found.false_marks[-1]), 0.1)),
        y=charts.percents("places of masks that are found"),
    )
    pieces = [charts.steps(frame, found.false_marks, found.found, "c0")]
    legend = [(charts.key("c0"), "findings, every threshold")]
    caption = [
        f"{found.places} places in {found.pictures} pictures (positives with masks, and negatives). A finding hits a "
        f"place when it lies on its mask or within {tolerance_px} px; masks whose surroundings of that width touch are "
        "one place.",
    ]
    if reachable < found.places:
        most = reachable / found.places
        pieces.append(charts.line(frame, [0, frame.x.high], [most, most], "dashed " + PLAIN))
        legend.append((charts.key("dashed " + PLAIN), "the most that so few findings can reach"))
        caption.append(f"The task gives so few findings a picture that at most {reachable} places can be found.")
    if flag_from is not None:
        share, false = found.at(flag_from - EDGE)
        low, high = share.interval
        pieces.append(charts.whisker(frame, false, (low, high), f"whisker {POINT}"))
        pieces.append(charts.dot(frame, false, share.value, f"fill {POINT}"))
        legend.append((charts.key(POINT, "dot"), f"findings from {flag_from:.5f}, with the exact 95 % interval"))
        caption.append(f"From {flag_from:.5f}: {counted(share)} places found, {false:.2f} false marks a picture.")
    return Figure(
        heading="FROC: are defects found where they are?",
        chart=charts.chart(frame, *pieces, says="FROC curve"),
        legend=tuple(legend),
        caption=tuple(caption),
    )


def forest_row(share: Share, whole: float) -> Markup:
    """Draw an interval for a table's cell; the stroke is the value of all together."""
    low, high = share.interval
    return charts.strip(low, share.value, high, mark=whole, says=f"{percent(share.value)}, {between(share.interval)}")


def probabilities(score: Values) -> bool:
    """True when every score may be read as a probability."""
    return bool(((score >= 0.0) & (score <= 1.0)).all())


def score_axis(score: Values, marks: Sequence[float]) -> Axis:
    """Axis of the scores as they are, over all of them."""
    there = np.array([*score.tolist(), *marks])
    low, high = float(there.min()), float(there.max())
    low, high = (low, high) if low < high else (low - 1.0, high + 1.0)
    return Axis(
        label="score", low=low, high=high, ticks=tuple((t, f"{t:.3g}") for t in np.linspace(low, high, 6).tolist())
    )


def odds_axis(score: Values, marks: Sequence[float]) -> Axis:
    """Axis of log-odds over the scores, out to the next tick on both sides."""
    inside = np.clip([*score.tolist(), *marks], EDGE, 1.0 - EDGE)
    low = max((t for t in ODDS_TICKS if t <= inside.min()), default=EDGE / 2)
    high = min((t for t in ODDS_TICKS if t >= inside.max()), default=1.0 - EDGE / 2)
    if low >= high:
        low, high = EDGE / 2, 1.0 - EDGE / 2
    return Axis(
        label="score",
        low=low,
        high=high,
        ticks=tuple((t, f"{t:g}") for t in ODDS_TICKS if low <= t <= high),
        to=_odds,
    )


def _odds(value: float) -> float:
    inside = min(max(value, EDGE / 2), 1.0 - EDGE / 2)
    return math.log(inside / (1.0 - inside))


def _mirrored(highest: float) -> Axis:
    """Axis of shares upward and downward from 0."""
    above = charts.percents("share of each side", max(highest, 0.01) * 1.12)  # space for the labels of the lines
    ticks = sorted({*above.ticks, *((-v, words) for v, words in above.ticks if v)})
    return Axis(label=above.label, low=-above.high, high=above.high, ticks=tuple(ticks))
