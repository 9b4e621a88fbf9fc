"""Files that are written whole or not at all: under another name first, which watchers take for unfinished."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from inspect_ai.secret import make_private_folder, private_file


@contextmanager
def whole_file(path: Path, *, private: bool = False) -> Iterator[Path]:
    """Yield the place to write to; it becomes `path` unless the body raises. Makes the folder. Raises OSError.

    private: the file, and a folder that is made for it, are for their owner alone.
    """
    partial = path.with_name(path.name + ".part")
    if private:
        make_private_folder(path.parent)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        if private:
            private_file(partial, "wb").close()
        yield partial
        partial.replace(path)
    finally:
        with suppress(OSError):
            partial.unlink()
