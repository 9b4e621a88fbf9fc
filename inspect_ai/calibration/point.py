"""The operating-point file: canonical JSON, floats as hex, digests of everything that it belongs to."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inspect_ai.calibration.bounds import lower_bound, proves
from inspect_ai.domain import OperatingPoint
from inspect_ai.errors import UsageError
from inspect_ai.text import printable

SCHEMA = 1
LARGEST_BYTES = 1_000_000
ROUNDING = 1e-9  # of a bound computed by another version of SciPy
AGAIN = "Calibrate again."


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
    """Read and check the file, the proof that it claims included. Raises UsageError that says what is wrong with it."""
    values = _json(path)
    if not isinstance(values, dict) or values.pop("schema", None) != SCHEMA:
        raise UsageError(f"{path} is no operating point of schema {SCHEMA}. {AGAIN}")
    fields = {f.name: str(f.type) for f in dataclasses.fields(OperatingPoint)}
    if missing := sorted(set(fields) - set(values)):
        raise UsageError(f"{path} lacks these fields: {', '.join(missing)}. {AGAIN}")
    if unknown := sorted(set(values) - set(fields)):
        raise UsageError(f"{path} has fields that are not known: {printable(', '.join(unknown))}. {AGAIN}")
    point = OperatingPoint(**{name: _value(path, name, kind, values[name]) for name, kind in fields.items()})
    if fault := next(_faults(point), None):
        raise UsageError(f"{path}: {fault}. {AGAIN}")
    return point


def _json(path: Path) -> Any:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise UsageError(f"{path} is no operating point: it is larger than {LARGEST_BYTES} bytes. {AGAIN}")
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError as e:
        raise UsageError(f"{path} does not exist. Make it: inspect-ai calibrate TASK --data DIR --out FILE.") from e
    except (OSError, ValueError, RecursionError) as e:
        raise UsageError(f"{path} is no operating point: it cannot be read as JSON. {AGAIN}") from e


def _faults(point: OperatingPoint) -> Iterator[str]:
    """What cannot be true. A claimed proof is made again from the counts, so that no edit certifies a refused point."""
    for name in ("clear_below", "flag_from"):
        if not 0.0 <= (value := getattr(point, name)) <= 1.0:
            yield f"{name} is {value:g}; a threshold lies between 0 and 1"
    if not point.clear_below <= point.flag_from:
        yield f"clear_below ({point.clear_below:g}) lies above flag_from ({point.flag_from:g})"
    for name in ("sensitivity", "confidence"):
        if not 0.0 < (value := getattr(point, name)) < 1.0:
            yield f"{name} is {value:g}; it lies between 0 and 1, both excluded"
            return
    missed, n = point.n_missed, point.n_positive
    if not 0 <= missed <= n or n == 0:
        yield f"n_missed is {missed} and n_positive {n}; there must be positives, and no more missed than there are"
        return
    bound = lower_bound(n - missed, n, point.confidence)
    if not 0.0 <= point.proved_sensitivity <= bound + ROUNDING:
        yield f"proved_sensitivity is {point.proved_sensitivity:.6f}, but {missed} missed of {n} prove {bound:.6f}"
    if point.certified and not proves(missed, n, point.sensitivity, point.confidence):
        yield f"it claims to prove {point.sensitivity:g}, but {missed} missed of {n} prove {bound:.6f} only"


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
        number = _float(value)
        if math.isfinite(number):
            return number
    elif ("int" in kind and type(value) is int) or ("str" in kind and isinstance(value, str)):
        return value
    wanted = "hexadecimal float (such as 0x1.8p-1)" if "float" in kind else kind.removesuffix(" | None")
    raise UsageError(f"{path}: {name} is {printable(repr(value), 60)}, which is no {wanted}. {AGAIN}")


def _float(text: Any) -> float:
    """NaN for anything but a hexadecimal float. Without 0x, fromhex would read a typed 0.5 as 0.3125."""
    if not isinstance(text, str) or "0x" not in text:
        return math.nan
    try:
        return float.fromhex(text)
    except (ValueError, OverflowError):
        return math.nan
