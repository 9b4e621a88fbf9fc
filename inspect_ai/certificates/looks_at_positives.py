"""Memory of which models were calibrated on which positives, beside the audit log: LOG.calibrated.json.

The best of K models that were judged by the same positives is proved with K times the doubt. Nobody can count what was
looked at elsewhere; what this site's own calibrations looked at can be told. It is advice and no proof: the file can be
deleted, and of two calibrations that end in one moment it may keep one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from inspect_ai.errors import InputError, UsageError
from inspect_ai.settings import Settings
from inspect_ai.whole_file import whole_file

SHORT = 16  # hex digits of a positive's digest: 64 bits
SAME = 0.5  # share of the smaller set from which two sets of positives count as the same
LARGEST_BYTES = 200_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One model and the positives that it was calibrated on, by the first digits of their digests, sorted."""

    model: str
    positives: tuple[str, ...]


def look_at(model: str, positives: Iterable[str]) -> Look:
    """Make a look from the identity of a model and of each positive, such as the digests of their files."""
    digests = {hashlib.sha256(one.encode("utf-8", "surrogatepass")).hexdigest()[:SHORT] for one in positives}
    return Look(
        model=hashlib.sha256(model.encode("utf-8", "surrogatepass")).hexdigest(), positives=tuple(sorted(digests))
    )


def keep_look(look: Look, settings: Settings) -> int:
    """Keep a look, and count the other models that were calibrated on the same positives before.

    Raises InputError for a file that is damaged, UsageError for one that cannot be written.
    """
    path = settings.db.with_name(f"{settings.db.name}.calibrated.json")
    former = _read(path)
    others = [models for model, models in former.items() if model != look.model]
    before = sum(_same(set(positives), set(look.positives)) for positives in others)
    kept = sorted({*former.get(look.model, ()), *look.positives})
    if kept != former.get(look.model):
        _write(path, former | {look.model: kept})
    return before


def told(before: int, looks: int, confidence: float) -> tuple[str, ...]:
    """Sentence on models that were calibrated on the same positives, where `looks` does not count them; else none."""
    if before < looks:
        return ()
    others = "1 other model was" if before == 1 else f"{before} other models were"
    return (
        f"{others} calibrated on these positives before: if this one was chosen by what that showed, its confidence is "
        f"below {100 * confidence:.10g} %; calibrate with --looks {before + 1}, which splits the doubt",
    )


def _same(theirs: set[str], ours: set[str]) -> bool:
    return len(theirs & ours) >= SAME * min(len(theirs), len(ours)) > 0


def _read(path: Path) -> dict[str, list[str]]:
    try:
        if not path.exists():
            return {}
        found = json.loads(path.read_text("utf-8")) if path.stat().st_size <= LARGEST_BYTES else None
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(
        isinstance(positives, list) and all(isinstance(one, str) for one in positives) for positives in found.values()
    ):
        raise InputError(
            f"{path} cannot be read; it keeps which models were calibrated on which positives. Restore it, or move it "
            f"away: then earlier calibrations are not counted."
        )
    return found


def _write(path: Path, looks: dict[str, list[str]]) -> None:
    try:
        with whole_file(path, private=True) as partial:
            partial.write_text(json.dumps(looks, sort_keys=True) + "\n", "utf-8")
    except OSError as e:
        raise UsageError(f"{path} cannot be written ({e.strerror}). Make its folder writable.") from e
