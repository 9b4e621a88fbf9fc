"""Text from outside (headers, file names) made safe for a terminal, a log line and a page."""

from __future__ import annotations

import unicodedata

# Invisible or direction-changing: bidi marks and isolates, zero-width signs, line and paragraph separators.
_HIDDEN = frozenset(
    "\u061c\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)


def printable(text: str, limit: int = 200) -> str:
    """One bounded line: control, bidi and unassigned characters and lone surrogates become \\xNN or \\uNNNN escapes."""
    shown = text[: limit + 1]
    if not (shown.isascii() and shown.isprintable()):  # most text is both, and needs no check of each character
        shown = "".join(_escaped(c) for c in shown)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def on_page(value: object, limit: int) -> object:
    """A value of a template: markup and numbers as they are, everything else as printable text."""
    return value if hasattr(value, "__html__") or isinstance(value, int | float) else printable(str(value), limit)


def _escaped(character: str) -> str:
    if character not in _HIDDEN and unicodedata.category(character) not in {"Cc", "Cs", "Cn", "Cf", "Co"}:
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
