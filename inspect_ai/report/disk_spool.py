"""Spool of report records on disk, so that sorting a page costs 32 bytes of memory per study."""

from __future__ import annotations

import json
import tempfile
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Self

import numpy as np


class DiskSpool:
    """Records of plain values, put in any order and taken by rank, lowest first, equal ranks in the order put."""

    def __init__(self, folder: Path) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by __exit__
        self._keys, self._ranks = array("q"), array("d")
        self._starts, self._lengths = array("q"), array("q")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._keys)

    def put(self, key: int, rank: float, record: dict[str, Any]) -> None:
        """Add a record. Raises OSError where the disk is full."""
        line = json.dumps(record).encode("ascii")
        self._keys.append(key)
        self._ranks.append(rank)
        self._starts.append(self._file.seek(0, 2))
        self._lengths.append(len(line))
        self._file.write(line)

    def first(self, most: Sequence[int]) -> list[int]:
        """Indices of the records by rank; of those with n as the integer part of their rank, at most `most[n]`."""
        chosen: list[int] = []
        taken: Counter[int] = Counter()
        for at in np.argsort(np.frombuffer(self._ranks, np.float64), kind="stable").tolist():
            kind = int(self._ranks[at])
            if taken[kind] < most[kind]:
                taken[kind] += 1
                chosen.append(at)
        return chosen

    def keys(self, places: Iterable[int]) -> set[int]:
        """Keys of the records at these indices."""
        return {self._keys[at] for at in places}

    def take(self, places: Iterable[int]) -> Iterator[dict[str, Any]]:
        """Read the records at these indices one by one."""
        for at in places:
            self._file.seek(self._starts[at])
            yield json.loads(self._file.read(self._lengths[at]))
