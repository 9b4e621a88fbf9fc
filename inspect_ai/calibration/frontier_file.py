"""File frontier.json beside an operating point, for whoever asks later what else could have been promised.

It decides nothing and is no part of a certificate: canonical fields, floats in hex, and the digest of the operating
point that it was computed with. Its claims are checked against their counts when it is read.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

from inspect_ai.calibration.bounds import proves
from inspect_ai.calibration.frontier import Frontier, FrontierRow
from inspect_ai.calibration.point import point_sha256
from inspect_ai.canonical import from_plain, to_plain
from inspect_ai.errors import UsageError
from inspect_ai.operating_point import Guarantee, OperatingPoint
from inspect_ai.whole_file import whole_file

SCHEMA = 1
LARGEST_BYTES = 1_000_000
AGAIN = "Calibrate again."


def frontier_path(point: Path) -> Path:
    """Path of the frontier beside an operating point: frontier.json, or NAME.frontier.json of a NAME.json."""
    return point.with_name("frontier.json" if point.name == "operating_point.json" else f"{point.stem}.frontier.json")


def write_frontier(found: Frontier, point: OperatingPoint, path: Path) -> None:
    """Write the file whole or not at all. Raises UsageError if it cannot be written, or another file is there."""
    if path.exists() and '"operating_point_sha256"' not in path.read_text("utf-8", "replace"):
        raise UsageError(f"{path} is there and is no frontier. Choose another place with --out.")
    plain = {"schema": SCHEMA, "operating_point_sha256": point_sha256(point), "frontier": to_plain(found)}
    try:
        with whole_file(path) as partial:
            partial.write_text(json.dumps(plain, indent=1) + "\n", "utf-8")
    except OSError as e:
        raise UsageError(f"{path} cannot be written ({e.strerror}). Choose another place with --out.") from e


def read_frontier(point: OperatingPoint, path: Path) -> Frontier | None:
    """Read the frontier at `path` that belongs to the point; None where there is none, or one of another point.

    Raises UsageError for a file that is none, or whose rows claim what their counts do not prove.
    """
    if not path.is_file():
        return None
    try:
        text = path.read_text("utf-8") if path.stat().st_size <= LARGEST_BYTES else ""
        plain = json.loads(text)
        if plain["schema"] != SCHEMA or plain["operating_point_sha256"] != point_sha256(point):
            return None
        found = from_plain(Frontier, plain["frontier"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as e:
        raise UsageError(f"{path} is no frontier of an operating point ({type(e).__name__}). {AGAIN}") from e
    if fault := next(_faults(found, point), None):
        raise UsageError(f"{path}: {fault}. {AGAIN}")
    return found


def _faults(found: Frontier, point: OperatingPoint) -> Iterator[str]:
    """Yield a phrase for each claim that the counts do not bear out."""
    for row in found.rows:
        whose = f"the row of {row.sensitivity:g}"
        counts = (row.n_missed, row.negatives_not_cleared, row.negatives_flagged, row.positives_flagged)
        if row.provable != all(count is not None for count in (*counts, row.clear_below, row.flag_from)):
            yield f"{whose} has counts and no proof, or a proof and no counts"
        elif row.provable and not _possible(row):
            yield f"{whose} has counts that cannot be"
        elif row.provable and not _kept(row, found):
            yield f"{whose} is not proved by {row.n_missed} missed of {row.n_positive}"
    if [row.sensitivity for row in found.rows if row.promised] != [point.proof.sensitivity]:
        yield "no row, or not one alone, is the operating point's"


def _kept(row: FrontierRow, found: Frontier) -> bool:
    """Tell whether the counts prove the row; not asked of groups, each with counts of its own, nor of averages."""
    if found.group_by or found.guarantee is Guarantee.AVERAGE:
        return True
    return proves(row.n_missed or 0, row.n_positive, row.sensitivity, found.confidence)


def _possible(row: FrontierRow) -> bool:
    lines = row.clear_below or 0.0, row.flag_from or 0.0
    flagged, reaching = row.negatives_flagged or 0, row.negatives_not_cleared or 0
    return (
        all(math.isfinite(line) for line in lines)
        and lines[0] <= lines[1]
        and 0 <= flagged <= reaching <= row.n_negative
        and 0 <= (row.n_missed or 0) <= row.n_positive
        and 0 <= (row.positives_flagged or 0) <= row.n_positive
    )
