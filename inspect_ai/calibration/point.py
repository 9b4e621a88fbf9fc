"""Operating-point file: canonical JSON, floats as hex, digests of everything that it belongs to.

The fields are those of point_record.py. Schema 1 is from before there were groups and overkill, schema 2 from before
scores of another program, schema 3 from before lines that negatives set and before looks; fields that a schema does not
know take their defaults. The claims of a file are judged in point_validation.py.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from enum import StrEnum
from pathlib import Path
from typing import Any

from inspect_ai.calibration.point_record import LATER_FIELDS, PointRecord, plain_record, point_of
from inspect_ai.calibration.point_validation import faults
from inspect_ai.errors import UsageError
from inspect_ai.operating_point import GroupPoint, Guarantee, OperatingPoint, ScoreScale
from inspect_ai.text import printable
from inspect_ai.whole_file import whole_file

SCHEMA, SCHEMA_OF_EXACT, NEWEST = 2, 3, 4  # written: the lowest that knows all fields that are not at their default
NEW_IN_4 = LATER_FIELDS - {"score_scale"}
NEW_IN_3 = LATER_FIELDS
NEW_IN_2 = NEW_IN_3 | frozenset(
    {"guarantee", "group_by", "groups", "group_score", "n_abstained", "overkill", "n_negative", "n_flagged"}
    | {"proved_overkill", "overkill_refusal"}
)
LATER = {1: NEW_IN_2, 2: NEW_IN_3, 3: NEW_IN_4, 4: frozenset[str]()}  # fields that came after each schema
LEFT_OUT = {4: LATER_FIELDS}  # fields that a schema leaves out where they have their default
LARGEST_BYTES = 1_000_000
AGAIN = "Calibrate again."
WORDS: dict[str, type[StrEnum]] = {"Guarantee": Guarantee, "ScoreScale": ScoreScale}


def write_point(point: OperatingPoint, path: Path) -> None:
    """Write the file whole or not at all. Raises UsageError if the place cannot be written."""
    try:
        with whole_file(path) as partial:
            partial.write_text(json.dumps(_plain(point), indent=1, ensure_ascii=False) + "\n", "utf-8")
    except OSError as e:
        raise UsageError(f"{path} cannot be written ({e.strerror}). Choose another place with --out.") from e


def read_point(path: Path) -> OperatingPoint:
    """Read and check the file and the proofs that it claims. Raises UsageError that says what is wrong with it."""
    values = _json(path)
    schema = values.pop("schema", None) if isinstance(values, dict) else None
    if type(schema) is not int or schema not in LATER:
        raise UsageError(f"{path} is no operating point of schema {', '.join(map(str, LATER))}. {AGAIN}")
    left_out = LEFT_OUT.get(schema, frozenset()) - set(values)
    record = _filled(PointRecord, values, str(path), optional=LATER[schema] | left_out)
    try:
        point = point_of(record)
    except ValueError as e:
        raise UsageError(f"{path}: {e}. {AGAIN}") from e
    if fault := next(faults(point), None):
        raise UsageError(f"{path}: {fault}. {AGAIN}")
    return point


def _filled(kind: type[Any], values: dict[str, Any], where: str, optional: frozenset[str] = frozenset()) -> Any:
    """Make the dataclass from plain `values`; those of `optional` must be absent and take their defaults."""
    fields = {f.name: str(f.type) for f in dataclasses.fields(kind) if f.name not in optional}
    if missing := sorted(set(fields) - set(values)):
        raise UsageError(f"{where} lacks these fields: {', '.join(missing)}. {AGAIN}")
    if unknown := sorted(set(values) - set(fields)):
        raise UsageError(f"{where} has fields that are not known: {printable(', '.join(unknown))}. {AGAIN}")
    return kind(**{name: _value(where, name, type_, values[name]) for name, type_ in fields.items()})


def _json(path: Path) -> Any:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise UsageError(f"{path} is no operating point: it is larger than {LARGEST_BYTES} bytes. {AGAIN}")
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError as e:
        raise UsageError(f"{path} does not exist. Make it: inspect-ai calibrate TASK --data DIR --out FILE.") from e
    except (OSError, ValueError, RecursionError) as e:
        raise UsageError(f"{path} is no operating point: it cannot be read as JSON. {AGAIN}") from e


def point_sha256(point: OperatingPoint) -> str:
    """Digest of the point's content, independent of its file's layout."""
    return hashlib.sha256(json.dumps(_plain(point), sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def matches(point: OperatingPoint, *, task: str, model_sha256: str, config_sha256: str, engine: str) -> list[str]:
    """Sentences on why the point does not belong to the model at work; empty for certified decisions."""
    pairs = (
        ("another task", point.task, task),
        ("other weights", point.digests.model_sha256, model_sha256),
        ("another configuration", point.digests.config_sha256, config_sha256),
        ("another engine", point.digests.engine, engine),
    )
    return [
        f"the operating point was made for {what} ({_short(theirs)}, at work is {_short(ours)})"
        for what, theirs, ours in pairs
        if theirs != ours
    ]


def _short(text: str) -> str:
    return text[:12] if len(text) == 64 and text.isalnum() else text


def _plain(point: OperatingPoint) -> dict[str, Any]:
    plain = plain_record(point)
    schema = NEWEST if NEW_IN_4 & set(plain) else SCHEMA_OF_EXACT if "score_scale" in plain else SCHEMA
    return {"schema": schema, **plain}


def _value(where: str, name: str, kind: str, value: Any) -> Any:
    optional = "None" in kind
    if value is None and optional:
        return None
    if kind == "tuple[GroupPoint, ...]":
        if isinstance(value, list) and all(isinstance(part, dict) for part in value):
            return tuple(_filled(GroupPoint, part, f"{where}: group {i + 1}") for i, part in enumerate(value))
        wanted = "list of groups"
    elif kind in WORDS:
        if value in list(WORDS[kind]):
            return WORDS[kind](value)
        wanted = f"{name.replace('_', ' ')} ({' or '.join(WORDS[kind])})"
    elif "float" in kind:
        number = _float(value)
        if math.isfinite(number):
            return number
        wanted = "hexadecimal float (such as 0x1.8p-1)"
    elif ("int" in kind and type(value) is int) or ("str" in kind and isinstance(value, str)):
        return value
    else:
        wanted = kind.removesuffix(" | None")
    raise UsageError(f"{where}: {name} is {printable(repr(value), 60)}, which is no {wanted}. {AGAIN}")


def _float(text: Any) -> float:
    """Parse a hexadecimal float; NaN for anything else. Without 0x, fromhex would read a typed 0.5 as 0.3125."""
    if not isinstance(text, str) or "0x" not in text:
        return math.nan
    try:
        return float.fromhex(text)
    except (ValueError, OverflowError):
        return math.nan
