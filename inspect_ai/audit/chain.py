"""Hash chain: each entry's hash covers the hash before it, so that a change to one entry breaks all that follow."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

ORIGIN = "0" * 64  # the previous hash of the first entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Length of the log and the hash of its last entry (ORIGIN for an empty one)."""

    rows: int
    hash: str


def link(previous: str, document: str) -> str:
    """SHA-256(previous as 32 bytes + document in UTF-8), in hex. Raises ValueError if `previous` is no hash."""
    return hashlib.sha256(bytes.fromhex(previous) + document.encode("utf-8")).hexdigest()
