"""Random draw of clear cases for audit, from the hash of the entry: nobody can choose it and anybody can recompute it.

An entry's hash covers its document and the whole log before it. At a higher rate the same entries are drawn and more.
"""

from __future__ import annotations

import hashlib

from inspect_ai.audit import Entry

_BITS = 64


def drawn(entry: Entry, rate: float) -> bool:
    """Tell whether a random audit at this rate (0 to 1) draws the entry."""
    digest = hashlib.sha256(f"audit\n{entry.hash}".encode()).digest()
    return int.from_bytes(digest[: _BITS // 8]) < rate * float(1 << _BITS)
