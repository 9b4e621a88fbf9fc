"""Files of a watched folder: which may be parts, whether they are whole, and the study that each of them is."""

from __future__ import annotations

import hashlib
import os
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from inspect_ai.domain import SourceFile, StudyRef

# Names under which cameras, copying tools and browsers write what is not finished.
TEMPORARY = (".part", ".partial", ".tmp", ".temp", ".filepart", ".crdownload", ".download", ".swp", ".lock", "~")
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".bmp", ".tif", ".tiff", ".dcm", ".dicom", ".ima"})
MAGIC = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG", b"BM": "BMP", b"II*\x00": "TIFF", b"MM\x00*": "TIFF"}
DICOM_AT, DICOM_MAGIC = 128, b"DICM"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """How one look found a file. `since`: monotonic seconds of the first look that found it so."""

    size: int
    mtime_ns: int
    inode: int
    since: float = 0.0

    def same(self, other: FileState | None) -> bool:
        """Nothing was written between the two looks."""
        return other is not None and (self.size, self.mtime_ns, self.inode) == (other.size, other.mtime_ns, other.inode)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedFile:
    """One file that counts, as the study that it is. `problem`: why it cannot be read at all."""

    path: str
    state: FileState
    ref: StudyRef
    problem: str | None = None


def list_files(folder: Path, only: str | None = None) -> dict[str, FileState]:
    """Path below `folder` -> state, of every regular file whose name is not a temporary one; or of one path alone."""
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
    except OSError:  # removed, or not there at the moment; the next look sees
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.name.lower().endswith(TEMPORARY):
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


def kind_of(head: bytes) -> str | None:
    """PNG, JPEG, BMP, TIFF or DICOM by the first bytes; None for anything else."""
    if head[DICOM_AT : DICOM_AT + 4] == DICOM_MAGIC:
        return "DICOM"
    return next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), None)


def ends_early(path: Path) -> str | None:
    """Why a picture's file looks unfinished: it ends before its format says so. None if it is whole, or no picture."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    named = path.suffix.lower() in PICTURES
    if named and len(data) < 8:
        return "it is empty" if not data else "it holds only the first bytes of a picture"
    kind = kind_of(data[: DICOM_AT + 4])
    check = {"PNG": _png_ends, "JPEG": _jpeg_ends, "BMP": _bmp_ends, "TIFF": _tiff_ends}.get(kind or "")
    if check is None or check(data):
        return None
    return f"its {kind} data end in the middle"


def _png_ends(data: bytes) -> bool:
    at = 8
    while at + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        at += 12 + length
        if name == b"IEND":
            return bool(at <= len(data))
    return False


def _jpeg_ends(data: bytes) -> bool:
    """An end-of-image marker after the first scan (thumbnails in the segments before have their own)."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], struct.unpack_from(">H", data, at + 2)[0]
        if marker == 0xDA:
            return data.find(b"\xff\xd9", at) >= 0
        at += 1 if marker == 0xFF else 2 + length
    return at < len(data)  # not the structure of a JPEG: whole as it is, and for the decoder to refuse


def _bmp_ends(data: bytes) -> bool:
    if len(data) < 26:
        return False
    size, start = struct.unpack_from("<I", data, 2)[0], struct.unpack_from("<I", data, 10)[0]
    return bool(len(data) >= size and len(data) > start)


def _tiff_ends(data: bytes) -> bool:
    """The first directory and the strips or tiles that it names lie inside the file."""
    order = "<" if data[:2] == b"II" else ">"
    try:
        at = struct.unpack_from(order + "I", data, 4)[0]
        count = struct.unpack_from(order + "H", data, at)[0]
        tags = {}
        for i in range(count):
            tag, kind, n = struct.unpack_from(order + "HHI", data, at + 2 + 12 * i)
            code = {1: "B", 3: "H", 4: "I"}.get(kind)
            if code is not None and tag in (273, 279, 324, 325):
                inline = n * struct.calcsize(code) <= 4
                where = at + 10 + 12 * i if inline else struct.unpack_from(order + "I", data, at + 10 + 12 * i)[0]
                tags[tag] = struct.unpack_from(f"{order}{n}{code}", data, where)
    except struct.error:
        return False
    pairs = [
        *zip(tags.get(273, ()), tags.get(279, ()), strict=False),
        *zip(tags.get(324, ()), tags.get(325, ()), strict=False),
    ]
    return all(offset + length <= len(data) for offset, length in pairs)


def watched_file(
    folder: Path, path: str, state: FileState, attributes: tuple[tuple[str, str], ...] = ()
) -> WatchedFile | None:
    """The part that a whole file is; None for a sidecar, or where the file changed meanwhile."""
    try:
        data = (folder / path).read_bytes()
    except OSError:
        return None
    if len(data) != state.size:
        return None
    kind = kind_of(data[: DICOM_AT + 4])
    if kind is None and Path(path).suffix.lower() not in PICTURES:
        return None
    sha256 = hashlib.sha256(data).hexdigest()
    ref = StudyRef(
        key=path,
        source=path,
        kind="dicom" if kind == "DICOM" else "image",
        digest=part_digest(path, sha256),
        files=(SourceFile(path=path, sha256=sha256, size_bytes=len(data)),),
        attributes=attributes,
    )
    problem = None if kind is not None else "it is no picture in spite of its name"
    return WatchedFile(path=path, state=state, ref=ref, problem=problem)


def part_digest(path: str, sha256: str) -> str:
    """The exactly-once key of one part: the same content under another name is another part."""
    return hashlib.sha256(f"{path}\0{sha256}".encode("utf-8", "surrogateescape")).hexdigest()
