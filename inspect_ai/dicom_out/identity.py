"""UIDs that follow from content, so that an object made twice is one object to every archive (PS3.5 B.2)."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path

LAYOUT = "1"  # of the objects: raise it when the same decision is written otherwise, since UIDs are of one content

REPORT, SEGMENTS, PICTURE = "report", "segments", "picture"  # kinds of object, and the names of their files
MARKS = "marks"  # those of a picture without a frame of reference


def derived_uid(*parts: str) -> str:
    """UID below 2.25 (a UUID as an integer) from SHA-256 over some texts."""
    digest = hashlib.sha256("\0".join(("inspect_ai.dicom_out", *parts)).encode("utf-8", "backslashreplace")).digest()
    return f"2.25.{uuid.UUID(bytes=digest[:16], version=5).int}"


def series_uid(kind: str, entry_hash: str) -> str:
    """Series of one kind of object of one entry; an entry's hash is its own in every log."""
    return derived_uid("series", kind, entry_hash)


def instance_uid(kind: str, entry_hash: str, *changing: str) -> str:
    """Instance of one kind of object of one entry. changing: what its content depends on besides the entry."""
    return derived_uid("instance", LAYOUT, kind, entry_hash, *changing)


def file_of(folder: Path, kind: str = REPORT) -> Path:
    """Path of one kind of object in an entry's folder; the report is written last."""
    return folder / f"{kind}.dcm"
