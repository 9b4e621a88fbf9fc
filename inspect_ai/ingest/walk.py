"""Walk over a folder: every file once, with its digest or the reason for its rejection.

Links out of the folder, pipes and loops are refused here.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from inspect_ai.domain import Rejection, SourceFile
from inspect_ai.errors import InputError
from inspect_ai.ingest.formats import HEAD_BYTES, is_temporary
from inspect_ai.text import printable

CHUNK = 1 << 20
LINK = "a link to a file: links are not followed. Scan the folder in which the file itself lies, or copy it here"
READ_ITSELF = "a link to a file of this folder, which is read under its own name"
TEMPORARY = "a temporary or hidden name: left alone until it is renamed"
ANYBODY = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH  # root reads everything; a file that nobody may read stays unread


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """Regular file inside the root: its digest and its first bytes, which show its format."""

    file: SourceFile
    head: bytes


def walk(root: Path, max_bytes: int) -> Iterator[FoundFile | Rejection]:
    """Yield all files below `root` (or `root` itself, if it is a file), in order of name.

    Raises InputError if there is no root.
    """
    if not root.exists():
        raise InputError(f"{printable(str(root))} does not exist. Give a folder of studies, or one file.")
    if root.is_file():
        yield open_file(root, root.name, max_bytes)
        return
    yield from _below(root, "", max_bytes)


def _below(folder: Path, prefix: str, max_bytes: int) -> Iterator[FoundFile | Rejection]:
    root = folder.resolve()
    stack = [(folder, prefix)]  # not recursion: folders may be deeper than Python's stack
    while stack:
        here, before = stack.pop()
        try:
            if not here.stat().st_mode & ANYBODY:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            entries = sorted(os.scandir(here), key=lambda e: e.name)
        except OSError as e:
            yield Rejection(file=before or ".", reason=f"the folder cannot be entered ({e.strerror})")
            continue
        folders = []
        for entry in entries:
            name = f"{before}{entry.name}"
            if entry.is_dir(follow_symlinks=False) and is_temporary(entry.name):
                yield Rejection(file=_utf8(name), reason=TEMPORARY)
            elif entry.is_dir(follow_symlinks=False):
                folders.append((Path(entry.path), name + "/"))
            elif entry.is_symlink():
                reason = _link_reason(Path(entry.path), root)
                if reason is not None:
                    yield Rejection(file=_utf8(name), reason=reason, expected=reason == READ_ITSELF)
            else:
                yield open_file(Path(entry.path), _utf8(name), max_bytes)
        stack += reversed(folders)


def _link_reason(link: Path, root: Path) -> str | None:
    """Reason to reject a link; None for one to a folder below the root, whose files are found there."""
    try:
        target = link.resolve(strict=True)
    except (OSError, RuntimeError):  # nothing there, or links in a circle
        return "a link that leads nowhere"
    inside = target == root or root in target.parents
    if target.is_dir():
        return None if inside else "a link to a folder: links are not followed. Scan that folder itself"
    return READ_ITSELF if inside else LINK


def _utf8(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace") if not _is_utf8(name) else name


def _is_utf8(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def too_large(max_bytes: int) -> str:
    """Reason to refuse a file of more than `max_bytes`."""
    return f"larger than the limit of {max_bytes / (1 << 30):g} GiB"


def opened(path: Path) -> BufferedReader:
    """Open a file for reading, without following a link and without waiting for a pipe's writer. Raises OSError."""
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")


def open_file(path: Path, name: str, max_bytes: int) -> FoundFile | Rejection:
    """Read digest and head of one regular file, or reject it with a reason."""
    if is_temporary(path.name):
        return Rejection(file=name, reason=TEMPORARY)
    try:
        f = opened(path)
    except OSError as e:
        return Rejection(file=name, reason=f"cannot be opened ({e.strerror})")
    with f:
        status = os.fstat(f.fileno())
        if not status.st_mode & ANYBODY:
            return Rejection(file=name, reason="nobody has the right to read it")
        if not stat.S_ISREG(status.st_mode):
            return Rejection(file=name, reason="no regular file (a pipe, socket or device)")
        if status.st_size == 0:
            return Rejection(file=name, reason="empty file")
        if status.st_size > max_bytes:
            return Rejection(file=name, reason=too_large(max_bytes))
        try:
            digest, head = hashlib.sha256(), b""
            while chunk := f.read(CHUNK):
                head = head or chunk[:HEAD_BYTES]
                digest.update(chunk)
        except OSError as e:
            return Rejection(file=name, reason=f"cannot be read ({e.strerror})")
    return FoundFile(file=SourceFile(path=name, sha256=digest.hexdigest(), size_bytes=status.st_size), head=head)
