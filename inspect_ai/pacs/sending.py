"""Sending of objects to a destination, whatever it speaks: what a sender does, and what became of each object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from inspect_ai.errors import SetupError


class NotReached(SetupError):
    """A destination that cannot be reached, or lets nobody in: trying again later may help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Answer to one object. status: DICOM's, or HTTP's, None where there was none; `meaning` in words."""

    path: Path
    stored: bool
    status: int | None
    meaning: str


class Sender(Protocol):
    """Way to one destination."""

    def send(self, files: Sequence[Path]) -> tuple[Sent, ...]:
        """Send files; one answer each. Raises NotReached where there was no connection at all."""

    def held(self, files: Sequence[Path]) -> tuple[Path, ...]:
        """Ask which of these objects the destination has; none where it does not say. Raises NotReached."""
