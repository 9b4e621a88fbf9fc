"""Certified decisions whose certificate was suspended or revoked after they were made."""

from __future__ import annotations

from inspect_ai.audit import Entry, Log
from inspect_ai.certificates.status import standing


def lapsed(log: Log, entry: Entry) -> str:
    """Reason why a decision that was certified is certified no longer; "" for every other entry."""
    if not entry.certified:
        return ""
    now = standing(log, entry)
    return "" if now.certified_now else now.reason or "its certificate is not in force any more"
