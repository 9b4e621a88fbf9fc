"""Page about one scan: its entries, flags first, each read again from the log, with the pictures of the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from inspect_ai.audit import KeptHead, Log
from inspect_ai.certificates.lapsed import lapsed
from inspect_ai.domain import Outcome, Rejection
from inspect_ai.inspection.pictures.image_store import ImageStore
from inspect_ai.report.page import Item, Summary, write_report
from inspect_ai.report.view import Backing

ORDER = (Outcome.FLAG, Outcome.ABSTAIN, Outcome.CLEAR)  # on the page


def scan_report(
    out: Path,
    log: Log,
    image_store: ImageStore,
    entries: Mapping[int, Outcome],
    rejections: Sequence[Rejection],
    summary: Summary,
    note: str = "",
    backings: Sequence[Backing] = (),
    remarks: Sequence[str] = (),
    *,
    in_clear: bool = False,
) -> Path:
    """Write OUT/report.html about these entries, flags first, each read again from the log.

    in_clear: with the names of files in place of their pseudonyms; for made studies, which are named after nobody.
    """
    flags_first = sorted(entries, key=lambda number: (ORDER.index(entries[number]), number))
    return write_report(
        out / "report.html",
        items=_items(log, image_store, flags_first, in_clear=in_clear),
        rejections=rejections if in_clear else [log.names.hidden(rejection) for rejection in rejections],
        summary=summary,
        note=note,
        log=log.path,
        head=_head(log, summary),
        backings=backings,
        remarks=remarks,
    )


def _head(log: Log, summary: Summary) -> str:
    """Head of the log in one line, with its signature where it has one."""
    kept = getattr(summary, "head", None)
    if not isinstance(kept, KeptHead):
        return log.head().hash
    signature = f"; signature {kept.head.signature} of key {kept.head.key}" if kept.head.signature else ""
    return f"{kept.head.head} ({kept.head.rows} entries){signature}"


def _items(log: Log, image_store: ImageStore, numbers: Sequence[int], *, in_clear: bool) -> Iterator[Item]:
    for number in numbers:
        entry = log.entry(number)
        picture, heat = (path.read_bytes() if path else None for path in image_store.find(number, log))
        decision = entry.decision()
        if in_clear and entry.sealed:
            key, *_ = log.names.opened(entry.sealed)
            decision = replace(decision, study=replace(decision.study, key=key))
        yield Item(entry_id=number, decision=decision, lapsed=lapsed(log, entry), picture_png=picture, heat_png=heat)
