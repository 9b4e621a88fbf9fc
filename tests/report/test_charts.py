"""The chart kit: values land where an axis says, words are escaped, curves of thousands stay small."""

import re
from xml.etree import ElementTree  # of what was written a moment ago

import numpy as np
import pytest

from inspect_ai.report.evaluation import charts
from inspect_ai.report.evaluation.charts import Frame
from inspect_ai.report.evaluation.figures import odds_axis

FRAME = Frame(x=charts.percents("false alarms"), y=charts.percents("sensitivity"))


def test_the_corners_of_the_plot_are_the_ends_of_its_axes() -> None:
    assert FRAME.at(0, 0) == (charts.LEFT, charts.HEIGHT - charts.BOTTOM)
    assert FRAME.at(1, 1) == (charts.WIDTH - charts.RIGHT, charts.TOP)
    assert FRAME.at(7, -3) == FRAME.at(1, 0)  # what lies beyond stays at the edge


def test_a_box_spans_its_two_intervals() -> None:
    markup = charts.box(FRAME, (0.25, 0.75), (0.5, 1.0), "area c1")

    x, y, width, height = (float(v) for v in re.findall(r'(?:x|y|width|height)="([\d.]+)"', markup))
    inner_width = charts.WIDTH - charts.LEFT - charts.RIGHT
    inner_height = charts.HEIGHT - charts.TOP - charts.BOTTOM
    assert (x, y) == FRAME.at(0.25, 1.0)
    assert (width, height) == pytest.approx((inner_width / 2, inner_height / 2), abs=0.11)


def test_log_odds_put_a_hundredth_and_a_thousandth_as_far_apart_as_their_complements() -> None:
    axis = odds_axis(np.array([0.0001, 0.9999]), [])

    low, high = axis.share(0.01) - axis.share(0.001), axis.share(0.999) - axis.share(0.99)
    assert low == pytest.approx(high)
    assert axis.share(0.5) == pytest.approx(0.5)


@pytest.mark.parametrize("score", [0.0, 1.0, 0.5])
def test_a_single_score_anywhere_still_has_an_axis(score: float) -> None:
    axis = odds_axis(np.array([score]), [])

    assert 0.0 <= axis.share(score) <= 1.0
    assert axis.ticks


def test_a_staircase_goes_up_before_it_goes_across_and_never_between() -> None:
    markup = charts.steps(FRAME, [0.0, 0.5, 1.0], [0.0, 0.5, 0.5], "c0")

    (path,) = re.findall(r' d="M([^"]+)"', markup)
    corners = [tuple(float(v) for v in pair.split()) for pair in path.split("L")]
    assert corners == [FRAME.at(0, 0), FRAME.at(0, 0.5), FRAME.at(1, 0.5)]


def test_a_curve_over_ten_thousand_scores_stays_under_sixty_kilobytes() -> None:
    random = np.random.default_rng(0)
    x, y = np.sort(random.random(10_000)), np.sort(random.random(10_000))

    assert len(charts.steps(FRAME, x, y, "c0")) < 60_000


@pytest.mark.parametrize("high", [0.003, 0.1, 0.5, 0.73, 1.0, 4.2, 170.0])
def test_round_ticks_reach_whatever_they_must_show(high: float) -> None:
    axis = charts.numbers("false marks a picture", high)

    assert axis.high >= high
    assert 2 <= len(axis.ticks) <= 7
    assert axis.ticks[0] == (0.0, "0")


def test_words_on_a_chart_are_text_whatever_they_hold() -> None:
    hostile = '"><script>alert(1)</script>'
    frame = Frame(x=charts.percents(hostile), y=charts.percents("y"))

    markup = charts.chart(frame, charts.upright(frame, 0.5, hostile, hostile), says=hostile)

    tree = ElementTree.fromstring(markup)  # noqa: S314 - our own words; well-formed, and nothing in it but shapes and words
    assert {element.tag for element in tree.iter()} <= {"svg", "line", "text"}
    assert hostile in [element.text for element in tree.iter("text")]
