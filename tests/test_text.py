"""Text from outside, shown as one bounded line without power over a terminal."""

import pytest

from inspect_ai.text import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mred", "a\\x1b[31mred"),
        ("two\r\nlines", "two\\x0d\\x0alines"),
        ("safe\u202egpj.exe", "safe\\u202egpj.exe"),
        ("Grüße 日本", "Grüße 日本"),
        ("\udc80", "\\udc80"),
    ],
)
def test_control_and_direction_marks_become_visible(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_length_is_bounded() -> None:
    assert len(printable("x" * 60_000, 80)) == 80
