"""One HTML page about a scan. Written piece by piece, so that a large scan does not fill the memory."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from inspect_ai import __version__
from inspect_ai.domain import Decision, Outcome, Rejection
from inspect_ai.errors import SetupError
from inspect_ai.text import printable

TEMPLATES = Path(__file__).parent / "templates"
MOST_PICTURES = 150  # on one page, flagged ones first come; beyond it a study has its line without a picture
MOST_CLEAR_PICTURES = 24
ORDER = {Outcome.FLAG: "flagged", Outcome.ABSTAIN: "left to a person", Outcome.CLEAR: "clear"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One committed decision and its pictures."""

    entry_id: int
    decision: Decision
    picture_png: bytes | None = field(default=None, repr=False)
    heat_png: bytes | None = field(default=None, repr=False)


class Summary(Protocol):
    """The counts of a scan: files = consumed + rejected."""

    @property
    def files(self) -> int: ...  # noqa: D102
    @property
    def consumed(self) -> int: ...  # noqa: D102
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
) -> Path:
    """Write the page whole or not at all. Raises SetupError if the place cannot be written (full, read-only)."""
    template = _environment().get_template("report.html")
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    stream = template.stream(
        items=_prepared(items),
        rejections=rejections,
        summary=summary,
        note=note,
        made=made,
        software=f"inspect-ai-vision {__version__}",
        log=log,
        head=head,
        words=ORDER,
        most=MOST_PICTURES,
    )
    stream.enable_buffering(50)
    partial = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("w", encoding="utf-8") as f:
            f.writelines(stream)
        partial.replace(path)
    except OSError as e:
        raise SetupError(
            f"{path} cannot be written ({e.strerror}). The decisions stand in the log; give another --out."
        ) from e
    return path


def _prepared(items: Iterable[Item]) -> Iterator[tuple[Item, Markup | None, Markup | None]]:
    """Items with their pictures as data URIs, as long as the page has room for pictures."""
    left = {Outcome.FLAG: MOST_PICTURES, Outcome.ABSTAIN: MOST_PICTURES, Outcome.CLEAR: MOST_CLEAR_PICTURES}
    total = MOST_PICTURES
    for item in items:
        outcome = item.decision.verdict.outcome
        room = item.picture_png is not None and left[outcome] > 0 and total > 0
        if room:
            left[outcome] -= 1
            total -= 1
        yield item, _uri(item.picture_png if room else None), _uri(item.heat_png if room else None)


def _uri(png: bytes | None) -> Markup | None:
    """Base64 has no character that HTML minds."""
    return None if png is None else Markup("data:image/png;base64," + base64.b64encode(png).decode())


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = lambda text, limit=300: printable(str(text), limit)
    environment.filters["percent"] = lambda value: f"{100 * value:.1f}"
    return environment
