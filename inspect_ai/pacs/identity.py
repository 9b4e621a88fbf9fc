"""Identity of an object from its header: the UIDs that say which study, series and instance it is. Never shown."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from inspect_ai.errors import InputError
from inspect_ai.ingest.data_set import parsed

TAGS = ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"]
DIGITS = 32  # of a digest in a name: 128 bits
_UID = re.compile(r"[0-9.]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """UIDs of one object, and its transfer syntax."""

    sop_class: str
    instance: str
    study: str
    series: str
    syntax: str


def identity_of(content: bytes | Path) -> Identity:
    """Read the UIDs of one object. Raises InputError for what is no such object, and any error of pydicom."""
    if isinstance(content, Path):
        with content.open("rb") as file:
            dataset, _, _ = parsed(file, TAGS)
    else:
        dataset, _, _ = parsed(BytesIO(content), TAGS)
    values = [_uid(dataset, tag) for tag in TAGS]
    if not all(values):
        raise InputError("no DICOM object that can be filed: a UID of its class, study, series or instance is missing")
    sop_class, instance, study, series = values
    return Identity(
        sop_class=sop_class,
        instance=instance,
        study=study,
        series=series,
        syntax=str(dataset.file_meta.TransferSyntaxUID),
    )


def digest(uid: str) -> str:
    """Digest that stands for a UID in names of files and folders."""
    return hashlib.sha256(uid.encode("ascii", "replace")).hexdigest()[:DIGITS]


def _uid(dataset: Any, tag: str) -> str:
    value = str(dataset.get(tag, "") or "").strip(" \0")
    return value if _UID.fullmatch(value) else ""
