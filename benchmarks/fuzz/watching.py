"""Watch over what a decoding child touches: files opened outside the folder, files written, programs started."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from inspect_ai.domain import StudyRef
from inspect_ai.ingest import load
from inspect_ai.settings import Settings

CHECKOUT = Path(__file__).resolve().parents[2]
LIBRARIES = tuple(
    str(path)
    for path in {Path(sys.prefix), Path(sys.base_prefix), Path(sys.prefix).resolve(), CHECKOUT}
    | {Path("/proc"), Path("/sys"), Path("/dev"), Path("/usr"), Path("/lib"), Path("/etc")}
)
FORBIDDEN = (
    "os.remove", "os.rename", "os.mkdir", "os.chmod", "os.link", "os.symlink", "os.truncate", "os.system", "os.exec",
    "os.posix_spawn", "subprocess.Popen", "socket.connect", "shutil.rmtree", "ctypes.dlopen",
)  # fmt: skip
_touched: list[str] = []
_allowed: list[str] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """Content of a study that a message may quote, without its pixels; and what was touched."""

    has_pixels: bool
    problems: tuple[str, ...]
    rejections: tuple[tuple[str, str], ...]  # file, reason
    notes: tuple[str, ...]
    touched: tuple[str, ...]


def loaded(root: Path, ref: StudyRef, settings: Settings, allowed: str) -> Loaded:
    """Load one study in a child, as scan does; `allowed` is the folder below which files may be read."""
    if not _allowed:
        _allowed.append(allowed)
        sys.addaudithook(_heard)
    study = load(root, ref, settings)
    touched = tuple(dict.fromkeys(_touched))
    _touched.clear()
    return Loaded(
        has_pixels=bool(study.images or study.volumes),
        problems=study.problems,
        rejections=tuple((rejection.file, rejection.reason) for rejection in study.rejections),
        notes=study.ref.notes,
        touched=touched,
    )


def _heard(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open":
        path, _, flags = arguments
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        if not isinstance(path, str | bytes):
            return  # a descriptor that is open already
        name = os.path.realpath(os.fsdecode(path))
        if name != os.devnull and (writes or not name.startswith((*_allowed, *LIBRARIES))):
            _touched.append(f"{'wrote' if writes else 'read'} {name}")
    elif event in FORBIDDEN and not (event == "os.truncate" and isinstance(arguments[0], int)):  # the text of warnings
        _touched.append(event)
