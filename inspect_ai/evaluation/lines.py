"""Shares of labelled pictures that reach each line of the frontier, and that had each outcome, with their intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from inspect_ai.calibration.frontier import FrontierRow
from inspect_ai.domain import Outcome
from inspect_ai.evaluation.curves import Share


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredRow:
    """A proved row of the frontier, and the shares of other units that reach its lines; each unit counts once.

    A positive that the quality gate leaves to a person is kept, as in the proof.
    """

    row: FrontierRow
    kept: Share  # of the positives: not cleared
    not_cleared: Share  # of the negatives
    flagged: Share  # of the negatives

    @property
    def holds(self) -> str:
        """Answer to whether the promise is seen here: yes, within chance (the interval reaches it), or no."""
        if not self.kept.n:
            return "no positives"
        if self.kept.value >= self.row.sensitivity:
            return "yes"
        return "within chance" if self.kept.interval[1] >= self.row.sensitivity else "no"

    def plain(self) -> dict[str, Any]:
        """Convert to plain values for JSON."""
        row = self.row
        promised = {name: getattr(row, name) for name in ("sensitivity", "promised", "clear_below", "flag_from")}
        shares = {"kept": self.kept, "not_cleared": self.not_cleared, "flagged": self.flagged}
        return {**promised, **{name: plain_share(share) for name, share in shares.items()}, "holds": self.holds}


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeShare:
    """Pictures of one side that had one outcome, quality gate included."""

    side: str
    outcome: Outcome
    share: Share

    def plain(self) -> dict[str, Any]:
        """Convert to plain values for JSON."""
        return {"side": self.side, "outcome": self.outcome.value, **plain_share(self.share)}


def plain_share(share: Share) -> dict[str, Any]:
    """Convert a share to plain values for JSON."""
    value = share.value if share.n else None
    return {"k": share.k, "n": share.n, "share": value, "interval": list(share.interval) if share.n else None}
