"""Files of a watched folder: their states, by which unfinished files are known, and the study of each."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from inspect_ai.domain import SourceFile, StudyRef
from inspect_ai.ingest.completeness import ends_early
from inspect_ai.ingest.formats import (
    HEAD_BYTES,
    Format,
    format_of,
    has_picture_ending,
    is_sidecar,
    is_temporary,
)
from inspect_ai.ingest.walk import opened, too_large

SHORTEST_PICTURE_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """State of a file in one pass. `since`: monotonic seconds of the first pass that found it so."""

    size: int
    mtime_ns: int
    inode: int
    since: float = 0.0

    def same(self, other: FileState | None) -> bool:
        """True if nothing was written between two passes."""
        return other is not None and (self.size, self.mtime_ns, self.inode) == (other.size, other.mtime_ns, other.inode)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedFile:
    """One file that counts, with its study.

    `problem`: reason why it cannot be read at all; `unfinished`: reason to think that it is still being written.
    """

    path: str
    state: FileState
    ref: StudyRef
    problem: str | None = None
    unfinished: str | None = None


def list_files(folder: Path, only: str | None = None) -> dict[str, FileState]:
    """Map path below `folder` to state, for every regular file without a temporary name, or for one path alone."""
    if only is not None:
        try:
            status = (folder / only).lstat()
        except OSError:
            return {}
        return {only: _state(status)} if stat.S_ISREG(status.st_mode) else {}
    return dict(_walk(folder, ""))


def _walk(folder: Path, below: str) -> Iterator[tuple[str, FileState]]:
    try:
        entries = list(os.scandir(folder))
    except OSError:  # removed, or not there at the moment; the next pass decides
        return
    for entry in entries:
        if is_temporary(entry.name):
            continue
        try:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(folder / entry.name, f"{below}{entry.name}/")
            elif entry.is_file(follow_symlinks=False):
                yield below + entry.name, _state(entry.stat(follow_symlinks=False))
        except OSError:
            continue


def _state(status: os.stat_result) -> FileState:
    return FileState(size=status.st_size, mtime_ns=status.st_mtime_ns, inode=status.st_ino)


def watched_file(
    folder: Path,
    path: str,
    state: FileState,
    attributes: tuple[tuple[str, str], ...] = (),
    max_bytes: int | None = None,
) -> WatchedFile | None:
    """Make the part of a file; None for a sidecar, or where the file cannot be opened or changed meanwhile."""
    try:
        with opened(folder / path) as f:
            its = format_of(f.read(HEAD_BYTES))
            if is_sidecar(path, its):
                return None
            f.seek(0)
            sha256 = hashlib.file_digest(f, "sha256").hexdigest()
            size = f.tell()
            unfinished = _unfinished(f, size, path, its)
    except OSError:
        return None
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
    return WatchedFile(path=path, state=state, ref=ref, problem=problem, unfinished=unfinished)


def _unfinished(f: BinaryIO, size: int, path: str, its: Format) -> str | None:
    if size < SHORTEST_PICTURE_BYTES and has_picture_ending(path):
        return "it holds only the first bytes of a picture" if size else "it is empty"
    return f"its {its.name} data end in the middle" if ends_early(f, its.name) else None


def part_digest(path: str, sha256: str) -> str:
    """Exactly-once key of one part: the same content under another name is another part."""
    return hashlib.sha256(f"{path}\0{sha256}".encode("utf-8", "surrogateescape")).hexdigest()
