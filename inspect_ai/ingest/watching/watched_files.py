"""Files of a watched folder: their states, by which unfinished files are known, and the study of each."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import BinaryIO

from inspect_ai.domain import SourceFile, StudyRef
from inspect_ai.errors import InputError, UsageError
from inspect_ai.ingest.completeness import ends_early, formats_checked
from inspect_ai.ingest.formats import (
    DICOM_ENDINGS,
    HEAD_BYTES,
    Format,
    format_of,
    has_picture_ending,
    is_sidecar,
    is_temporary,
)
from inspect_ai.ingest.walk import ANYBODY, opened, too_large
from inspect_ai.ingest.watching.zero_tail import FORMATS as RESERVABLE
from inspect_ai.ingest.watching.zero_tail import zero_tail
from inspect_ai.settings import Settings

SHORTEST_PICTURE_BYTES = 8


LINK, SPECIAL, CLOSED_FOLDER = "link", "special", "closed folder"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """State of a file in one look. `since`: monotonic seconds of the first look that found it so.

    mtime_ns is compared with other looks alone, never with a clock: a share's clock may be wrong. kind: "" for a
    regular file, else what it is instead. readable: somebody has the right to read it.
    """

    size: int
    mtime_ns: int
    inode: int
    since: float = 0.0
    kind: str = ""
    readable: bool = True

    def same(self, other: FileState | None) -> bool:
        """True if nothing was written between two looks."""
        return other is not None and self._compared() == other._compared()

    def _compared(self) -> tuple[int, int, int, str, bool]:
        return self.size, self.mtime_ns, self.inode, self.kind, self.readable


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedFile:
    """One file that counts, with its study.

    `problem`: reason why it cannot be read at all; `unfinished`: reason to think that it is still being written;
    `remark`: the same where it makes no obstacle once the file has been waited for. `format`: its name, "" if unknown.
    """

    path: str
    state: FileState
    ref: StudyRef
    problem: str | None = None
    unfinished: str | None = None
    remark: str | None = None
    format: str = ""

    @property
    def sha256(self) -> str:
        """Digest of the content."""
        return self.ref.files[0].sha256

    @property
    def is_dicom(self) -> bool:
        """True where a header that cannot be read may be one that is not whole yet; unknown content has none."""
        return self.ref.kind == "dicom" and (bool(self.format) or PurePath(self.path).suffix.lower() in DICOM_ENDINGS)


def list_files(folder: Path, only: str | None = None) -> dict[str, FileState]:
    """Map path below `folder` to state, for every regular file without a temporary name, or for one path alone."""
    paths = [path for path, _ in walk_entries(folder)] if only is None else [only]
    states = {path: state_of(folder, path) for path in paths}
    return {path: state for path, state in states.items() if state is not None and not state.kind}


def walk_entries(folder: Path, below: str = "") -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield path and entry of all that lies below, without temporary names and without folders that can be entered."""
    stack = [below]
    while stack:
        here = stack.pop()
        prefix = f"{here}/" if here else ""
        try:
            entries = os.scandir(folder / here)
        except OSError:  # removed, or not there at the moment; the next round decides
            continue
        with entries:
            while (entry := _next(entries)) is not None:
                path = prefix + entry.name
                if is_temporary(entry.name):
                    continue
                if not entry.is_dir(follow_symlinks=False):
                    yield path, entry
                elif _can_be_entered(entry):
                    stack.append(path)
                else:
                    yield path, entry


def _next(entries: Iterator[os.DirEntry[str]]) -> os.DirEntry[str] | None:
    try:
        return next(entries, None)
    except OSError:  # the share went away in the middle
        return None


def _can_be_entered(entry: os.DirEntry[str]) -> bool:
    try:
        return bool(entry.stat(follow_symlinks=False).st_mode & ANYBODY) and os.access(entry.path, os.R_OK | os.X_OK)
    except OSError:
        return True  # gone: nothing to tell


def is_hidden_below(path: str) -> bool:
    """True where a folder or the file itself has a temporary or hidden name."""
    return any(is_temporary(name) for name in path.split("/"))


def state_of(folder: Path, path: str) -> FileState | None:
    """State of one path; None where nothing is there, or a folder that can be entered."""
    try:
        status = os.lstat(f"{folder}/{path}")
    except (OSError, ValueError):
        return None
    kind = ""
    if stat.S_ISDIR(status.st_mode):
        if status.st_mode & ANYBODY and os.access(f"{folder}/{path}", os.R_OK | os.X_OK):
            return None
        return FileState(size=0, mtime_ns=0, inode=status.st_ino, kind=CLOSED_FOLDER)
    if stat.S_ISLNK(status.st_mode):
        kind = LINK
    elif not stat.S_ISREG(status.st_mode):
        kind = SPECIAL
    return FileState(
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        inode=status.st_ino,
        kind=kind,
        readable=bool(status.st_mode & ANYBODY),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """Formats whose end is looked for, and formats whose last row of zeros is taken for reserved space."""

    structure: frozenset[str] = frozenset(formats_checked())
    zero_tail: frozenset[str] = frozenset(RESERVABLE)

    def without_zero_tail(self, format_name: str) -> Checks:
        """The same checks, but for zero rows at the end of this format."""
        return replace(self, zero_tail=frozenset(self.zero_tail - {format_name.removeprefix("Big")}))


def checks_set(settings: Settings) -> Checks:
    """Checks that the settings `completeness` and `zero_tail` ask for. Raises UsageError for an unknown format."""
    return Checks(
        structure=_formats("completeness", settings.completeness, formats_checked()),
        zero_tail=_formats("zero_tail", settings.zero_tail, RESERVABLE),
    )


def _formats(name: str, value: str, known: tuple[str, ...]) -> frozenset[str]:
    words = value.replace(",", " ").split()
    if words in (["all"], ["none"]):
        return frozenset(known if words == ["all"] else ())
    by_word = {format_.lower(): format_ for format_ in known}
    unknown = [word for word in words if word.lower() not in by_word]
    if unknown or not words:
        said = f"{unknown[0]!r}, which is none" if unknown else "nothing"
        raise UsageError(f"The setting {name} names {said}. Write all, none, or some of {', '.join(known)}.")
    return frozenset(by_word[word.lower()] for word in words)


def watched_file(
    folder: Path,
    path: str,
    state: FileState,
    attributes: tuple[tuple[str, str], ...] = (),
    max_bytes: int | None = None,
    checks: Checks | None = None,
) -> WatchedFile | None:
    """Make the part of a file; None for a sidecar, and where the file is gone or changed meanwhile.

    Raises InputError for one that is there and cannot be read.
    """
    checks = checks or Checks()
    try:
        with opened(folder / path) as f:
            its = format_of(f.read(HEAD_BYTES))
            if is_sidecar(path, its):
                return None
            f.seek(0)
            sha256 = hashlib.file_digest(f, "sha256").hexdigest()
            size = f.tell()
            unfinished = _unfinished(f, size, path, its, checks)
            reserved = zero_tail(f, checks.zero_tail) if unfinished is None else None
    except FileNotFoundError:
        return None
    except OSError as e:
        raise InputError(f"it cannot be read ({e.strerror})") from e
    if size != state.size:
        return None
    ref = StudyRef(
        key=path,
        source=path,
        kind=its.reader or "image",
        digest=part_digest(path, sha256),
        files=(SourceFile(path=path, sha256=sha256, size_bytes=size),),
        attributes=attributes,
    )
    problem = its.refusal
    if max_bytes is not None and size > max_bytes:
        problem = too_large(max_bytes)
    remark = None if reserved is None else f"its last rows of {reserved} pixels are all zero, as of reserved space"
    return WatchedFile(
        path=path, state=state, ref=ref, problem=problem, unfinished=unfinished, remark=remark, format=its.name
    )


def _unfinished(f: BinaryIO, size: int, path: str, its: Format, checks: Checks) -> str | None:
    if size < SHORTEST_PICTURE_BYTES and has_picture_ending(path):
        return "it holds only the first bytes of a picture" if size else "it is empty"
    f.seek(0)
    if size >= SHORTEST_PICTURE_BYTES and has_picture_ending(path) and not any(f.read(HEAD_BYTES)):
        return "it begins with zeros, as reserved space that is not written yet"
    return (
        f"its {its.name} data end in the middle" if its.name in checks.structure and ends_early(f, its.name) else None
    )


def part_digest(path: str, sha256: str) -> str:
    """Exactly-once key of one part: the same content under another name is another part."""
    return hashlib.sha256(f"{path}\0{sha256}".encode("utf-8", "surrogateescape")).hexdigest()
