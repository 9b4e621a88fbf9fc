"""Tables of log entries: the list of `audit`, and the queue of `review`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from inspect_ai.cli.common import piped
from inspect_ai.cli.tables.decisions import STYLES, certified, number, piped_remarks, shown_reason
from inspect_ai.cli.tables.footnotes import Footnotes
from inspect_ai.cli.tables.layout import Column, Listing

if TYPE_CHECKING:
    from inspect_ai.audit import Entry, Log
    from inspect_ai.review import Case

REMARKS = Column(name="remarks", width=0, since=10_000)  # a pipe alone has room for them
LIST = (
    Column(name="entry", width=7),
    Column(name="time (UTC)", width=16, since=70),
    Column(name="kind", width=11),
    Column(name="task", width=13, since=110, middle=True),
    Column(name="score", width=6, since=90),
    Column(name="outcome", width=9),
    Column(name="cert.", width=7, since=64),
    Column(name="about", width=6, since=100),
    Column(name="reason", width=10, share=1),
    REMARKS,
)
QUEUE = (
    Column(name="entry", width=7),
    Column(name="decision", width=8),
    Column(name="score", width=6, since=56),
    Column(name="cert.", width=7, since=66),
    Column(name="task", width=13, since=110, middle=True),
    Column(name="state", width=6, since=70),
    Column(name="study", width=12, share=1, most=56, middle=True),
    Column(name="reason", width=12, share=1, since=50),
    REMARKS,
)


def entries_table(entries: Iterable[Entry], log: Log) -> int:
    """Print one row for each entry as it comes; returns their number."""
    from inspect_ai.certificates.lapsed import lapsed

    listing, notes, count = Listing(LIST), Footnotes(), 0
    for entry in entries:
        count += 1
        remarks = entry.remarks
        ended = lapsed(log, entry)
        reason = noted(notes, entry, remarks, ended)
        listing.row(
            marked(entry, remarks),
            entry.time if piped() else entry.time[:16].replace("T", " "),
            entry.kind,
            entry.task,
            number(entry.score),
            entry.outcome,
            certified(entry.certified, ended, entry.reason),
            f"#{entry.refers}" if entry.refers else "",
            reason,
            piped_remarks(remarks, ended),
        )
    notes.show()
    return count


def queue_table(cases: Iterable[Case], log: Log) -> None:
    """Print one row for each case."""
    from inspect_ai.certificates.lapsed import lapsed

    listing, notes = Listing(QUEUE), Footnotes()
    for case in cases:
        entry = case.decision
        remarks, ended = entry.remarks, lapsed(log, entry)
        listing.row(
            marked(entry, remarks),
            entry.outcome,
            number(entry.score),
            certified(entry.certified, ended, entry.reason),
            entry.task,
            case.state if piped() else case.state.value.partition("_")[0],
            entry.decision().study.key,
            noted(notes, entry, remarks, ended),
            piped_remarks(remarks, ended),
            first=STYLES.get(entry.outcome or "", ""),
        )
    notes.show()


def standing_json(entry: Entry, log: Log) -> dict[str, Any]:
    """Fields of a decision that are true at the time of looking, and its remarks; null for other kinds of entry."""
    from inspect_ai.certificates.lapsed import lapsed

    ended = lapsed(log, entry)
    now = None if entry.certified is None else entry.certified and not ended
    return {"certified_now": now, "standing": ended or None, "remarks": list(entry.remarks)}


def marked(entry: Entry, remarks: tuple[str, ...]) -> str:
    """Number of an entry, on a terminal with the mark of remarks that stand below."""
    return f"{entry.id}*" if remarks and not piped() else str(entry.id)


def noted(notes: Footnotes, entry: Entry, remarks: tuple[str, ...], ended: str) -> str:
    """Add what stands below the table; returns the rest of the reason, for the row."""
    notes.remarks(entry.id, remarks)
    if ended:
        notes.lapsed(entry.id, ended)
    if entry.kind != "decision":
        return entry.reason
    reason, promise = shown_reason(entry.reason)
    notes.promise(entry.task, promise)
    return reason
