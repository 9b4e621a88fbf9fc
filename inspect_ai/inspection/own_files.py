"""Files that this program writes: the log with its companions, and the folder of reports. They are no studies."""

from __future__ import annotations

from pathlib import Path

from inspect_ai.settings import Settings


class OwnFiles:
    """Set of this program's files: `path in OwnFiles(settings, base)` for a `path` relative to `base`."""

    def __init__(self, settings: Settings, base: Path) -> None:
        self._out = _below(settings.out, base)
        self._log = _below(settings.db, base)

    def __contains__(self, path: str) -> bool:
        if self._out is not None and (self._out == "." or path.startswith(f"{self._out}/")):
            return True
        log = self._log
        return log is not None and path.startswith(log) and "/" not in path[len(log) :]


def _below(path: Path, base: Path) -> str | None:
    """Make `path` relative to `base`; None where it lies elsewhere."""
    path, base = path.resolve(), base.resolve()
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else None
