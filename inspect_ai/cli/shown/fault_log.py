"""File with the details of a fault in the program: where it happened, without any value from a file or a header.

Messages of exceptions quote data (a key, a name, a path), so the file holds types and lines of code alone; the whole is
shown by INSPECT_AI_DEBUG=1, on the screen of the person who may see it.
"""

from __future__ import annotations

import os
import tempfile
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from inspect_ai.version import __version__

ERROR_LOG = "inspect_ai_error.log"
OWNER_ALONE = 0o600


def write_fault(error: BaseException) -> Path | None:
    """Append the details to a file that its owner alone can read, here or else in the temporary folder.

    Returns the file; None where neither place can be written.
    """
    text = "".join(_details(error))
    try:
        place = Path.cwd() / ERROR_LOG
        _append(place, text)
    except OSError:
        try:
            handle, name = tempfile.mkstemp(prefix="inspect_ai_error_", suffix=".log")  # a name nobody can prepare
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
        except OSError:
            return None
        return Path(name)
    return place


def _append(place: Path, text: str) -> None:
    """Append to a file of our own; a link is not followed. Raises OSError."""
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, OWNER_ALONE)
    with os.fdopen(handle, "a", encoding="utf-8") as file:
        os.fchmod(handle, OWNER_ALONE)  # an older version left it readable
        file.write(text)


def _details(error: BaseException) -> Iterator[str]:
    yield f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} inspect-ai-vision {__version__}\n"
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        yield f"{type(at).__module__}.{type(at).__qualname__}\n"
        yield from traceback.format_tb(at.__traceback__)
        if (at := at.__cause__ or at.__context__) is not None:
            yield "after\n"
