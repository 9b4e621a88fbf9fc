"""Encoded bytes of the files of a series, whose digests are checked, and the names of their damage."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from inspect_ai.domain import SourceFile
from inspect_ai.errors import InputError

HELD_BYTES = 64 << 20  # a larger file is decoded from where it lies
CHANGED = "changed while it was being read; scan again when it is whole"


def path_of(root: Path, file: SourceFile) -> Path:
    """Path of a file; the root may be that file itself."""
    return root if root.is_file() else root / file.path


def content_of(root: Path, file: SourceFile) -> bytes:
    """Read exactly the bytes that the digest belongs to."""
    try:
        content = path_of(root, file).read_bytes()
    except OSError as e:
        raise InputError(f"cannot be read any more ({e.strerror}); scan again") from e
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise InputError(CHANGED)
    return content


class Encoded:
    """Encoded bytes of one file, whose digest is checked: small ones in memory, large ones where they lie."""

    def __init__(self, root: Path, file: SourceFile) -> None:
        self._root, self._file = root, file
        self._content = content_of(root, file) if file.size_bytes <= HELD_BYTES else None

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Open for reading. Raises InputError where a large file is found changed after it was read."""
        if self._content is not None:
            yield BytesIO(self._content)
            return
        try:
            with path_of(self._root, self._file).open("rb") as f:
                yield f
                f.seek(0)
                digest = hashlib.file_digest(f, "sha256").hexdigest()
        except OSError as e:
            raise InputError(f"cannot be read any more ({e.strerror}); scan again") from e
        if digest != self._file.sha256:
            raise InputError(CHANGED)

    def forget(self) -> None:
        """Give the memory back."""
        self._content = b""


@contextmanager
def damage_named() -> Iterator[None]:
    """Turn any error of broken bytes into an InputError with its class alone, since messages quote values."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as e:
        raise InputError(f"the DICOM file is damaged ({type(e).__name__})") from e
