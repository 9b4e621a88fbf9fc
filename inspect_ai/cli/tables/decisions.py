"""Table of decisions, as scan, watch and demo print them: a row for each study and each rejected file."""

from __future__ import annotations

import re
from collections.abc import Sequence

from inspect_ai.cli.common import piped
from inspect_ai.cli.tables.footnotes import Footnotes
from inspect_ai.cli.tables.layout import Column, Listing
from inspect_ai.decide import for_phantoms, parted
from inspect_ai.domain import Decision, Outcome, Rejection

STYLES = {"clear": "green", "flag": "bold red", "abstain": "yellow", "rejected": "magenta", "set aside": "dim"}
COLUMNS = (
    Column(name="decision", width=9),
    Column(name="entry", width=7),
    Column(name="score", width=6, since=56),
    Column(name="flag at", width=7, since=120),
    Column(name="cert.", width=7, since=66),
    Column(name="task", width=13, since=96, middle=True),
    Column(name="study", width=13, share=1, most=56, middle=True),
    Column(name="reason", width=13, share=2, since=56),
)
_SCORED = re.compile(r"^score \S+ (is )?")
REMARKS = Column(name="remarks", width=0, since=10_000)  # a pipe alone has room for them


class DecisionTable:
    """Rows as they come, and below them what several share. `timed` adds a column with the cycle time of a part."""

    def __init__(self, *, timed: bool = False) -> None:
        self.notes = Footnotes()
        self._timed = timed
        self._promise = ""  # the last one
        time = (Column(name="ms", width=9, right=True),) if timed else ()
        self._listing = Listing((*COLUMNS[:2], *time, *COLUMNS[2:], REMARKS))

    def decided(self, decision: Decision, entry: int, *, known: bool = False, lapsed: str = "", time: str = "") -> str:
        """Print the row of a decision. Returns its sentence about the certificate, "" if it is the last one again.

        `lapsed`: why its certificate does not stand any more. `time`: of a part, in milliseconds.
        """
        where, promise = shown_reason(decision.verdict.reason)
        where = "; ".join(filter(None, (place_and_size(decision), where)))
        marks = ("=" if known else "") + ("*" if decision.remarks else "")
        if known:
            self.notes.known()
        if lapsed:
            self.notes.lapsed(entry, lapsed)
        self.notes.remarks(entry, decision.remarks)
        outcome = decision.verdict.outcome.value
        self._row(
            outcome,
            str(entry) if piped() else f"{entry}{marks}",
            time,
            (
                number(decision.score),
                number(decision.threshold if decision.score is not None else None),
                certified(decision.verdict.certified, lapsed, decision.verdict.reason),
                decision.provenance.task,
                decision.study.key,
                where,
            ),
            piped_remarks(decision.remarks, lapsed, known=known),
        )
        self.notes.promise(decision.provenance.task, promise)
        new = promise if promise != self._promise else ""
        self._promise = promise or self._promise  # an abstention may have none
        return new

    def rejected(self, rejection: Rejection, entry: int) -> None:
        """Print the row of a file that is not decided on."""
        self._row(
            "set aside" if rejection.expected else "rejected",
            str(entry),
            "",
            ("", "", "", "", rejection.file, rejection.reason),
            "",
        )

    def _row(self, outcome: str, entry: str, time: str, cells: Sequence[str], remarks: str) -> None:
        timed = (time,) if self._timed else ()
        self._listing.row(outcome, entry, *timed, *cells, remarks, first=STYLES[outcome])


def shown_reason(reason: str) -> tuple[str, str]:
    """Reason of a verdict for its row, and the sentence about the certificate that stands once below."""
    where, promise = parted(reason)
    return (where if piped() else _SCORED.sub("", where)), promise  # on a terminal the score has its own column


def number(value: float | None) -> str:
    """Text of a score in four digits; empty for None."""
    return "" if value is None else f"{value:.4f}"


def place_and_size(decision: Decision) -> str:
    """Highest finding of a flagged series, with diameter, slice (from 1, as in viewers), row and column; else ""."""
    finding = next(iter(decision.findings), None)
    if decision.verdict.outcome is not Outcome.FLAG or finding is None or finding.position_mm is None:
        return ""
    size = "" if finding.diameter_mm is None else f" {finding.diameter_mm:.0f} mm"
    return f"{finding.name}{size} slice {finding.image_index + 1}, row {finding.row}, column {finding.col}"


def certified(at_decision: bool | None, lapsed: str, reason: str) -> str:
    """Word for the certificate behind a decision: yes, no, phantom, ended (it was certified, and is no longer)."""
    if at_decision is None:
        return ""
    return "ended" if lapsed else "phantom" if for_phantoms(reason) else "yes" if at_decision else "no"


def piped_remarks(remarks: Sequence[str], lapsed: str, *, known: bool = False) -> str:
    """Cell of a pipe with all that a terminal says below the table about one decision."""
    about = [*(["already in the log"] if known else []), *([f"no longer certified: {lapsed}"] if lapsed else [])]
    return " | ".join([*about, *remarks])
