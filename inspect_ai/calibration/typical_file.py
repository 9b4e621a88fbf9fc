"""File typical.npz of the out-of-distribution reference. Plain arrays, no pickles, a digest over them; the same content
gives the same bytes.
"""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspect_ai.calibration.out_of_distribution import FOLDS, MOST, Distance, Method, Typicality
from inspect_ai.errors import UsageError
from inspect_ai.whole_file import whole_file

TYPICAL_FILE = "typical.npz"
SCHEMA = 1
LARGEST_BYTES = 1_000_000
WIDEST = 4096  # dimensions of a vector
AGAIN = "Calibrate again."


def write_typicality(known: Typicality, path: Path) -> None:
    """Write the file whole or not at all. Raises UsageError where it cannot be, or would be too large."""
    arrays = {"schema": np.array(SCHEMA), "names": np.array(known.names, np.str_)}
    for kind, distances in (("quality", known.quality), ("features", known.features)):
        for fold, distance in enumerate(distances):
            arrays |= _arrays(f"{kind}{fold}", distance)
    try:
        with whole_file(path) as partial:
            with partial.open("wb") as f:
                np.savez(f, digest=np.array(_digest(arrays)), **arrays)  # type: ignore[arg-type]
            if (size := partial.stat().st_size) > LARGEST_BYTES:
                raise UsageError(
                    f"{path} would have {size} bytes, more than {LARGEST_BYTES}; calibrate with fewer pictures."
                )
    except OSError as e:
        raise UsageError(f"{path} cannot be written ({e.strerror}). Choose another place with --out.") from e


def read_reference(folder: Path) -> Typicality | None:
    """Read the reference beside a model; None where there is none. Raises UsageError for a damaged one."""
    path = folder / TYPICAL_FILE
    return read_typicality(path) if path.is_file() else None


def read_typicality(path: Path) -> Typicality:
    """Read and check the file. Raises UsageError that says what is wrong with it."""
    arrays = _load(path)
    if arrays.get("schema") is None or arrays["schema"].shape != () or arrays["schema"] != SCHEMA:
        raise UsageError(f"{path} does not hold what calibration saw, in schema {SCHEMA}. {AGAIN}")
    if str(arrays.pop("digest", "")) != _digest(arrays):
        raise UsageError(f"{path} was changed since it was made: its digest is another. {AGAIN}")
    names = arrays.get("names")
    if names is None or names.ndim != 1 or names.dtype.kind != "U":
        raise UsageError(f"{path} does not name its quality measures. {AGAIN}")
    quality, features = (_distances(path, kind, arrays) for kind in ("quality", "features"))
    if len(quality) != FOLDS or len(features) not in (0, FOLDS):
        raise UsageError(f"{path} does not hold {FOLDS} distances of each kind. {AGAIN}")
    if any(distance.centre.shape != names.shape for distance in quality):
        raise UsageError(f"{path} names {len(names)} measures, but holds {len(quality[0].centre)}. {AGAIN}")
    return Typicality(names=tuple(str(n) for n in names), quality=quality, features=features)


def _load(path: Path) -> dict[str, NDArray[Any]]:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise UsageError(f"{path} has more than {LARGEST_BYTES} bytes, which no such file has. {AGAIN}")
        _refuse_bombs(path)
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except FileNotFoundError as e:
        raise UsageError(f"{path} does not exist. Make it: inspect-ai calibrate TASK --data DIR.") from e
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as e:
        raise UsageError(f"{path} cannot be read as arrays ({type(e).__name__}). {AGAIN}") from e


def _refuse_bombs(path: Path) -> None:
    """Check unpacked sizes. Raises UsageError where few bytes would unpack to many."""
    most = 16 * LARGEST_BYTES
    with zipfile.ZipFile(path) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > most:
            raise UsageError(f"{path} unpacks to more than {most} bytes, which no such file does. {AGAIN}")


def _arrays(name: str, distance: Distance) -> dict[str, NDArray[Any]]:
    halves = {"centre": distance.centre, "axes": distance.axes, "seen": distance.seen}
    return {
        f"{name}_method": np.array(distance.method.value),
        f"{name}_held": distance.held,
        **{f"{name}_{part}": values.astype(np.float16) for part, values in halves.items()},
    }


def _distances(path: Path, kind: str, arrays: dict[str, NDArray[Any]]) -> tuple[Distance, ...]:
    return tuple(_distance(path, f"{kind}{i}", arrays) for i in range(FOLDS) if f"{kind}{i}_method" in arrays)


def _distance(path: Path, name: str, arrays: dict[str, NDArray[Any]]) -> Distance:
    method = str(arrays[f"{name}_method"])
    if method not in list(Method):
        raise UsageError(f"{path}: {name} was measured by a method that is not known. {AGAIN}")
    centre, axes, seen = (_floats(path, f"{name}_{part}", arrays, "<f2") for part in ("centre", "axes", "seen"))
    held = _floats(path, f"{name}_held", arrays, "<f4")
    if held.ndim != 1 or not 0 < len(held) <= MOST or (np.diff(held) < 0).any():
        raise UsageError(f"{path}: the distances of {name} to rank among are not in order. {AGAIN}")
    width, near = centre.size, method == Method.NEAREST
    if not (
        centre.ndim == 1
        and 0 < width <= WIDEST
        and axes.shape == ((0, 0) if near else (width, width))
        and seen.ndim == 2
        and seen.shape[1] == width
        and (0 < len(seen) <= MOST if near else len(seen) == 0)
    ):
        raise UsageError(f"{path}: the shapes of {name} do not fit each other. {AGAIN}")
    return Distance(method=Method(method), centre=centre, axes=axes, seen=seen, held=held)


def _floats(path: Path, name: str, arrays: dict[str, NDArray[Any]], kind: str) -> NDArray[np.float32]:
    array = arrays.get(name)
    if array is None or array.dtype.str != kind or not np.isfinite(array).all():
        raise UsageError(f"{path}: {name} is missing, of another type, or not finite. {AGAIN}")
    return array.astype(np.float32)


def _digest(arrays: dict[str, NDArray[Any]]) -> str:
    """SHA-256 over names, types, shapes and bytes."""
    found = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        found.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        found.update(array.tobytes())
    return found.hexdigest()
