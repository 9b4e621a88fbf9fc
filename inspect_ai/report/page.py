"""HTML page about a scan: self-contained, without script, written piece by piece so that memory use stays constant."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from inspect_ai.decide import parted
from inspect_ai.domain import Decision, Outcome, Rejection
from inspect_ai.errors import SetupError
from inspect_ai.report.disk_spool import DiskSpool
from inspect_ai.report.view import Backing, backing_view, card_view, rank, study_view
from inspect_ai.secret import make_private_folder
from inspect_ai.text import on_page
from inspect_ai.version import __version__
from inspect_ai.whole_file import whole_file

TEMPLATES = Path(__file__).parent / "templates"
# Limits for flagged, abstained and clear studies: as many as a person looks through and a browser opens.
CARDS_MOST = (150, 60, 24)
ROWS_MOST = (10_000, 10_000, 5_000)
REJECTIONS_MOST = 5_000
PROMISES_MOST = 20  # sentences about certificates
TEXT_LIMIT = 1_000  # characters of any one text
JPEG = [cv2.IMWRITE_JPEG_QUALITY, 88]  # on the page; a tenth of the PNG's bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One committed decision and its pictures. `lapsed`: why it is certified no longer, "" where nothing changed."""

    entry_id: int
    decision: Decision
    lapsed: str = ""
    picture_png: bytes | None = field(default=None, repr=False)
    heat_png: bytes | None = field(default=None, repr=False)


class Summary(Protocol):
    """The counts of a scan: files = consumed + set_aside + rejected."""

    @property
    def files(self) -> int: ...  # noqa: D102
    @property
    def consumed(self) -> int: ...  # noqa: D102
    @property
    def set_aside(self) -> int: ...  # noqa: D102
    @property
    def rejected(self) -> int: ...  # noqa: D102
    @property
    def studies(self) -> int: ...  # noqa: D102
    @property
    def clear(self) -> int: ...  # noqa: D102
    @property
    def flag(self) -> int: ...  # noqa: D102
    @property
    def abstain(self) -> int: ...  # noqa: D102
    @property
    def seconds(self) -> float: ...  # noqa: D102


def write_report(
    path: Path,
    *,
    items: Iterable[Item],
    rejections: Sequence[Rejection],
    summary: Summary,
    note: str = "",
    log: Path | None = None,
    head: str = "",
    backings: Sequence[Backing] = (),
    remarks: Sequence[str] = (),
) -> Path:
    """Write the page whole or not at all: studies worst first, in whatever order they come.

    `head`: last hash of the log when the page was made. `backings`: the proof behind the decisions. Raises SetupError
    if the place cannot be written (full, read-only).
    """
    template = environment().get_template("page.html")
    page = {
        "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "software": f"inspect-ai-vision {__version__}",
        "summary": summary,
        "note": note,
        "remarks": remarks,
        "backings": [backing_view(backing) for backing in backings],
        "rejections": sorted(rejections, key=lambda rejection: rejection.expected)[:REJECTIONS_MOST],
        "command": f"inspect-ai audit verify --db {shlex.quote(str(log))}" if log else "inspect-ai audit verify",
        "log": log,
        "head": head,
    }
    try:
        make_private_folder(path.parent)
        with (
            DiskSpool(path.parent) as rows,
            DiskSpool(path.parent) as cards,
            whole_file(path, private=True) as unfinished,
            unfinished.open("w", encoding="utf-8") as f,
        ):
            promises = _fill(rows, cards, items)
            listed, shown = rows.first(ROWS_MOST), cards.first(CARDS_MOST)
            stream = template.stream(
                **page,
                rows=rows.take(listed),
                promises=promises,
                unlisted=len(rows) - len(listed),
                cards=cards.take(shown),
                carded=cards.keys(shown),
                uncarded=len(cards) - len(shown),
            )
            stream.enable_buffering(20)
            f.writelines(stream)
    except OSError as e:
        raise SetupError(
            f"{path} cannot be written ({e.strerror}). The decisions stand in the log; choose another --out."
        ) from e
    return path


def _fill(rows: DiskSpool, cards: DiskSpool, items: Iterable[Item]) -> list[tuple[str, str]]:
    """Fill in a line for every study, and a card for those that a person must look at or that have a picture.

    Returns the sentences about certificates, each once with its task: rows do not repeat them.
    """
    promises: dict[tuple[str, str], None] = {}
    for item in items:
        decision, at = item.decision, rank(item.decision)
        rows.put(item.entry_id, at, study_view(item.entry_id, decision, item.lapsed))
        promise = (decision.provenance.task, parted(decision.verdict.reason)[1])
        if promise[1] and len(promises) < PROMISES_MOST:
            promises[promise] = None
        if item.picture_png is not None or decision.verdict.outcome is not Outcome.CLEAR:
            pictures = {"picture": embedded(item.picture_png), "heat": embedded(item.heat_png)}
            cards.put(item.entry_id, at, card_view(item.entry_id, decision, item.lapsed) | pictures)
    return sorted(promises)


def embedded(png: bytes | None) -> str | None:
    """A data URI of the picture as JPEG; None for what is no picture."""
    pixels = None if not png else cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        return None
    return "data:image/jpeg;base64," + base64.b64encode(cv2.imencode(".jpg", pixels, JPEG)[1].tobytes()).decode("ascii")


def environment() -> Environment:
    """Jinja environment that bounds and cleans every text and then escapes it."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=partial(on_page, limit=TEXT_LIMIT),
    )
    made.filters["picture"] = Markup  # of embedded alone: base64 has no character that HTML must escape
    return made
