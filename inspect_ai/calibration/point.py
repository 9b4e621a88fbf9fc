"""The operating-point file: canonical JSON, floats as hex, digests of everything that it belongs to."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from pathlib import Path
from typing import Any

from inspect_ai.domain import OperatingPoint
from inspect_ai.errors import UsageError

SCHEMA = 1


def write_point(point: OperatingPoint, path: Path) -> None:
    """Write the file whole or not at all. Raises UsageError if the place cannot be written."""
    partial = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(_plain(point), indent=1, ensure_ascii=False) + "\n", "utf-8")
        partial.replace(path)
    except OSError as e:
        raise UsageError(f"{path} cannot be written ({e.strerror}). Choose another place with --out.") from e


def read_point(path: Path) -> OperatingPoint:
    """Read and check the file. Raises UsageError that says what is wrong with it."""
    try:
        values = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as e:
        raise UsageError(f"{path} does not exist. Make it: inspect-ai calibrate TASK --data DIR --out FILE.") from e
    except (OSError, ValueError) as e:
        raise UsageError(f"{path} is no operating point: it cannot be read as JSON.") from e
    if not isinstance(values, dict) or values.pop("schema", None) != SCHEMA:
        raise UsageError(f"{path} is no operating point of schema {SCHEMA}. Calibrate again.")
    fields = {f.name: str(f.type) for f in dataclasses.fields(OperatingPoint)}
    if wrong := sorted(set(fields) ^ set(values)):
        raise UsageError(f"{path}: these fields are missing or unknown: {', '.join(map(str, wrong))}. Calibrate again.")
    point = OperatingPoint(**{name: _value(path, name, kind, values[name]) for name, kind in fields.items()})
    if not point.clear_below <= point.flag_from:
        raise UsageError(f"{path}: clear_below lies above flag_from. Calibrate again.")
    return point


def point_sha256(point: OperatingPoint) -> str:
    """Digest of the point's content, however its file is laid out."""
    return hashlib.sha256(json.dumps(_plain(point), sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def matches(point: OperatingPoint, *, task: str, model_sha256: str, config_sha256: str, engine: str) -> list[str]:
    """Why the point does not belong to what is at work, a sentence each; certified decisions need none."""
    pairs = (
        ("another task", point.task, task),
        ("other weights", point.model_sha256, model_sha256),
        ("another configuration", point.config_sha256, config_sha256),
        ("another engine", point.engine, engine),
    )
    return [
        f"the operating point was made for {what} ({_short(theirs)}, at work is {_short(ours)})"
        for what, theirs, ours in pairs
        if theirs != ours
    ]


def _short(text: str) -> str:
    return text[:12] if len(text) == 64 and text.isalnum() else text


def _plain(point: OperatingPoint) -> dict[str, Any]:
    values = dataclasses.asdict(point)
    return {"schema": SCHEMA} | {name: v.hex() if isinstance(v, float) else v for name, v in values.items()}


def _value(path: Path, name: str, kind: str, value: Any) -> Any:
    optional = "None" in kind
    if value is None and optional:
        return None
    if "float" in kind:
        try:
            number = float.fromhex(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if math.isfinite(number):
            return number
    elif ("int" in kind and type(value) is int) or ("str" in kind and isinstance(value, str)):
        return value
    raise UsageError(f"{path}: {name} is {value!r}, which is no {kind}. Calibrate again.")
