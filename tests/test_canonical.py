"""One text for one value, and frozen dataclasses to and from it."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspect_ai.canonical import canonical, from_plain, to_plain
from inspect_ai.domain import Decision, Finding, Measure, Rejection, StudyRef
from tests.support.logs import decision

anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(max_codepoint=127)), inner),
    max_leaves=20,
)


def test_the_examples_of_rfc_8785_come_out_byte_for_byte() -> None:
    # section 3.2.3, its keys in ASCII; section 3.2.2.2 for the escapes
    value = {"string": '€$\u000f\nA\'B"\\\\"/', "literals": [None, True, False], "1": "One", "": "empty", "\r": 1}

    expected = '{"":"empty","\\r":1,"1":"One","literals":[null,true,false],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    assert canonical(value) == expected


@given(anything)
def test_a_value_has_one_text_and_comes_back_from_it(value: object) -> None:
    text = canonical(value)

    assert json.loads(text) == value
    assert canonical(json.loads(text)) == text


@pytest.mark.parametrize("value", [0.5, math.nan, 2**53, {"é": 1}, {1: 1}, (1,), b"x", [[1.0]]])
def test_what_has_no_single_text_is_refused(value: object) -> None:
    with pytest.raises(ValueError):
        canonical(value)


def test_a_decision_comes_back_equal() -> None:
    original = decision(1)

    assert from_plain(Decision, json.loads(canonical(to_plain(original)))) == original


@given(st.floats(allow_nan=False), st.text(st.characters(codec=None)))
def test_every_float_and_every_text_come_back_even_names_that_no_encoding_holds(value: float, text: str) -> None:
    original = Measure(name=text, value=value, limit=0.0, advice="\udcff")

    back = from_plain(Measure, json.loads(canonical(to_plain(original))))

    assert back == original
    assert math.copysign(1, back.value) == math.copysign(1, value)


def test_numbers_of_numpy_are_written_as_their_value() -> None:
    odd = Finding(name="x", score=np.float32(0.1), row=np.int64(3), diameter_mm=np.float64(2.5))  # type: ignore[arg-type]

    back = from_plain(Finding, json.loads(canonical(to_plain(odd))))

    assert back.score == float(np.float32(0.1))
    assert (back.row, back.diameter_mm) == (3, 2.5)


def test_a_field_that_an_older_program_did_not_know_takes_its_default() -> None:
    plain = to_plain(decision(1).study)
    del plain["notes"], plain["frames"]

    assert from_plain(StudyRef, plain) == replace(decision(1).study, notes=(), frames=1)


def test_a_field_of_a_newer_program_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="Rejection has no field colour"):
        from_plain(Rejection, {"file": "a", "reason": "b", "sha256": None, "colour": "red"})


@pytest.mark.parametrize("plain", [{"file": 3, "reason": "b"}, {"file": None, "reason": "b"}, {"reason": "b"}])
def test_a_value_of_another_type_is_refused(plain: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        from_plain(Rejection, plain)
