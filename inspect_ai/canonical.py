"""Canonical JSON (RFC 8785, JCS), one text for one value, and frozen dataclasses to and from it.

Narrower than RFC 8785: no floats (they are hex strings, so that no number formatter can change a hash), integers below
2**53, keys in ASCII (so that sorting by code point is sorting by UTF-16 unit). Text that UTF-8 cannot hold, such as a
file name in another encoding, travels as an object with its bytes, so that it comes back unchanged.
"""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Hashable
from enum import Enum
from functools import lru_cache
from numbers import Integral, Real
from typing import Any, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

Plain: TypeAlias = Any  # None, bool, int, str, and lists and dictionaries of them
T = TypeVar("T")

_LARGEST = 2**53 - 1  # beyond it, readers that keep numbers as doubles would see another one
_RAW = "utf8_surrogatepass"  # the one key of an object that stands for text with lone surrogates


def canonical(value: Plain) -> str:
    """The one JSON text of `value`. Raises ValueError for values that have none: floats, huge integers, odd keys."""
    _check(value)
    return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))


def to_plain(value: object) -> Plain:
    """Dataclasses, tuples, enumerations and numbers as plain JSON values."""
    if value is None or isinstance(value, bool | np.bool_):
        return None if value is None else bool(value)
    if isinstance(value, Enum):
        return to_plain(value.value)
    if isinstance(value, str):
        return _text_to_plain(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value).hex()
    if isinstance(value, tuple | list):
        return [to_plain(part) for part in value]
    if dataclasses.is_dataclass(value):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    raise ValueError(f"{type(value).__name__} has no canonical JSON here")


def from_plain(kind: type[T], plain: Plain) -> T:
    """Read the dataclass that `to_plain` wrote. Fields that an older program did not know take their default.

    Raises ValueError, TypeError or KeyError where `plain` is no such thing.
    """
    hints = _hints(kind)  # type: ignore[arg-type]  # mypy takes a class of dataclasses for unhashable
    unknown = set(plain) - set(hints)
    if unknown:
        raise ValueError(f"{kind.__name__} has no field {', '.join(sorted(unknown))}: a newer program wrote it")
    return kind(**{name: _value(hints[name], part) for name, part in plain.items()})


@lru_cache(maxsize=64)
def _hints(kind: Hashable) -> dict[str, Any]:
    return get_type_hints(kind)


def _value(hint: Any, plain: Plain) -> Any:
    """Read `plain` as the annotated type of a field."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return None if plain is None else _value(next(arg for arg in args if arg is not type(None)), plain)
    if origin is tuple:
        kinds = [args[0]] * len(plain) if args[-1] is Ellipsis else args
        return tuple(_value(kind, part) for kind, part in zip(kinds, plain, strict=True))
    if dataclasses.is_dataclass(hint):
        return from_plain(hint, plain)  # type: ignore[arg-type]  # is_dataclass does not narrow to a class
    if hint is float:
        return float.fromhex(plain) if isinstance(plain, str) else float(plain)
    if hint is str:
        return text_from_plain(plain)
    if isinstance(plain, int) and hint in (int, bool):
        return hint(plain)
    if issubclass(hint, Enum):
        return hint(plain)
    raise ValueError(f"{plain!r} is no {hint}")


def _text_to_plain(text: str) -> Plain:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return {_RAW: text.encode("utf-8", "surrogatepass").hex()}
    return str(text)


def text_from_plain(plain: Plain) -> str:
    """Read the text that `to_plain` wrote. Raises ValueError or KeyError where `plain` is none."""
    if isinstance(plain, dict):
        return bytes.fromhex(plain[_RAW]).decode("utf-8", "surrogatepass")
    if not isinstance(plain, str):
        raise ValueError(f"{plain!r} is no text")
    return plain


def _check(value: Plain) -> None:
    if value is None or isinstance(value, bool | str):
        return
    if isinstance(value, int):
        if abs(value) > _LARGEST:
            raise ValueError(f"{value} is too large for an integer in JSON")
    elif isinstance(value, list):
        for part in value:
            _check(part)
    elif isinstance(value, dict):
        for key, part in value.items():
            if not isinstance(key, str) or not key.isascii():
                raise ValueError(f"a key of canonical JSON is ASCII text here, not {key!r}")
            _check(part)
    else:
        raise ValueError(f"canonical JSON has no {type(value).__name__}")
