"""Rows of a log by the path that they decided, where the log has pseudonyms in place of paths."""

from __future__ import annotations

from collections.abc import Mapping

from inspect_ai.audit import Pseudonyms


class LastEntries:
    """Map from a path to the row that decided it last. Entries of earlier versions hold the path itself."""

    def __init__(self, names: Pseudonyms, logged: Mapping[str, int]) -> None:
        self._names = names
        self._rows = dict(logged)

    def get(self, path: str) -> int | None:
        """Row that decided this path last, or None."""
        rows = self._rows
        return max((rows[name] for name in (path, self._names.path(path)) if name in rows), default=None)

    def __contains__(self, path: str) -> bool:
        return self.get(path) is not None

    def __getitem__(self, path: str) -> int:
        row = self.get(path)
        if row is None:
            raise KeyError(path)
        return row

    def __setitem__(self, path: str, row: int) -> None:
        self._rows[self._names.path(path)] = row
