"""Footnotes of a table of decisions: what many rows share, and the remarks on single rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from inspect_ai.cli import common
from inspect_ai.cli.common import piped
from inspect_ai.text import printable

REMARKS_MOST = 3  # of one decision
LINES_MOST = 40  # of remarks below one table
SENTENCES_MOST = 12
NUMBERS_MOST = 12  # of entries that share one footnote
TEXT_LIMIT = 600  # characters


class Footnotes:
    """Collects what stands below a table; memory stays bounded whatever the number of rows."""

    def __init__(self) -> None:
        self._promises: dict[tuple[str, str], None] = {}  # task, sentence
        self._lapsed: dict[str, list[int]] = {}  # reason -> entries
        self._lines: list[str] = []
        self._unlisted = 0
        self._known = 0

    def promise(self, task: str, sentence: str) -> None:
        """Take the sentence about a certificate that a row does not repeat."""
        if sentence and len(self._promises) <= SENTENCES_MOST:
            self._promises[task, sentence] = None

    def lapsed(self, entry: int, reason: str) -> None:
        """Take the reason why a decision that was certified is certified no longer."""
        self._lapsed.setdefault(reason, []).append(entry)

    def known(self) -> None:
        """Count a row that was in the log already."""
        self._known += 1

    def remarks(self, entry: int, remarks: Sequence[str]) -> None:
        """Take the remarks on one decision."""
        lines = remark_lines(entry, remarks)
        room = max(0, LINES_MOST - len(self._lines))
        self._lines += lines[:room]
        self._unlisted += len(lines[room:])

    def show(self) -> None:
        """Print everything below the table; in a pipe each row has its remarks itself."""
        said = []
        if self._known and not piped():
            said.append("= in the log already, not decided again")
        if self._lines and not piped():
            said += self._lines
            said += [f"+{self._unlisted} more: inspect-ai audit list --json has them all"] if self._unlisted else []
        for reason, entries in self._lapsed.items():
            shown = ", ".join(str(entry) for entry in islice(entries, NUMBERS_MOST))
            more = f" +{len(entries) - NUMBERS_MOST} more" if len(entries) > NUMBERS_MOST else ""
            said.append(f"no longer certified ({shown}{more}): {printable(reason, TEXT_LIMIT)}")
        for task, sentence in sorted(islice(self._promises, SENTENCES_MOST)):
            said.append(f"{task or 'no task'}: {printable(sentence, TEXT_LIMIT)}")
        if len(self._promises) > SENTENCES_MOST:
            said.append("+ more sentences: inspect-ai audit show ENTRY has each decision's own")
        if said:
            common.say("\n" + "\n".join(said))


def remark_lines(entry: int, remarks: Sequence[str]) -> list[str]:
    """Lines with the first remarks on one decision, and how many more there are."""
    lines = [f"{entry}*  {printable(remark, TEXT_LIMIT)}" for remark in remarks[:REMARKS_MOST]]
    if len(remarks) > REMARKS_MOST:
        lines.append(f"{entry}*  +{len(remarks) - REMARKS_MOST} more: inspect-ai audit show {entry}")
    return lines
