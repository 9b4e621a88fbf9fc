"""Sheet of suspected label errors for a person: a page with pictures, and a table to mark what training leaves out."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from inspect_ai.datasets.exclusion import DATA, MARK
from inspect_ai.datasets.folder import LabelledFolder
from inspect_ai.datasets.score_file import quoted
from inspect_ai.errors import SetupError
from inspect_ai.evaluation.suspect_results import Suspect, Suspects
from inspect_ai.report.page import environment
from inspect_ai.report.small_views import small_views
from inspect_ai.settings import Settings
from inspect_ai.whole_file import whole_file

SHOWN_MOST = 200
COLUMNS = (MARK, DATA, "file", "label", "likely", "score", "suspicion", "why", "split", "group")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    suspect: Suspect
    why: str
    source: Markup | None


def why(suspect: Suspect) -> str:
    """Phrase the reason for which a label is suspected."""
    own = suspect.row.label
    judges = f"{suspect.models} model{'s' if suspect.models > 1 else ''} that {suspect.standing}"
    return (
        f"{own} at {suspect.score:.3f}; on average {own} has {suspect.own_average:.3f}, and {suspect.likely} "
        f"{suspect.likely_average:.3f}; by {judges}"
    )


def write_suspect_sheet(page: Path, table: Path, folder: LabelledFolder, found: Suspects, settings: Settings) -> None:
    """Write page and table, each whole or not at all. Raises SetupError if one cannot be written."""
    shown = found.suspects[:SHOWN_MOST]
    views = small_views(folder, [one.row for one in shown], settings)
    values = {
        "data": folder.root.resolve().name,
        "sentences": found.sentences,
        "table": table.name,
        "suspects": [_Shown(suspect=one, why=why(one), source=_source(views[one.row.file])) for one in shown],
        "more": len(found.suspects) - len(shown),
    }
    _write(page, environment().get_template("suspects.html").render(**values))
    _write(table, _csv(folder.root.resolve().name, found.suspects))


def _csv(data: str, suspects: Sequence[Suspect]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in suspects:
        row = one.row
        cells = ("", quoted(data), quoted(row.file), row.label, one.likely, f"{one.score:.4f}", f"{one.suspicion:.4f}")
        writer.writerow((*cells, why(one), row.split, quoted(row.group)))
    return text.getvalue()


def _source(jpeg: bytes) -> Markup | None:
    """Address of a view for an img element."""
    return Markup("data:image/jpeg;base64,") + Markup(base64.b64encode(jpeg).decode("ascii")) if jpeg else None


def _write(path: Path, text: str) -> None:
    try:
        with whole_file(path, private=True) as partial:
            partial.write_text(text, "utf-8")
    except OSError as e:
        raise SetupError(f"{path} cannot be written ({e.strerror}). Choose another place with --suspects.") from e
