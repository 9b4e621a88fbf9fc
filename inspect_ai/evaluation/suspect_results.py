"""Suspected label errors as values: who judged a picture, what was suspected, and what was judged by nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from inspect_ai.datasets.folder import Row


class Standing(StrEnum):
    """Relation of a model to a picture, the best judge first."""

    NEVER_MET = "never met the picture"
    UNKNOWN = "came from elsewhere and may have met the picture"
    CHOSE_EPOCH = "met the picture in choosing the epoch alone"
    TRAINED = "trained on the picture"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """One picture whose label is suspected.

    score: probability of the label that it bears, over `models` models of this standing; likely: the label that it
    seems to deserve. own_average, likely_average: what pictures of both labels score on average for their own.
    """

    row: Row
    likely: str
    score: float
    suspicion: float
    standing: Standing
    models: int
    own_average: float
    likely_average: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspects:
    """Suspected labels, the most suspicious first, and how many pictures were judged by whom.

    unjudged: pictures that every model trained on; unscored: pictures without a score.
    """

    suspects: tuple[Suspect, ...]
    judged: Mapping[Standing, int]
    unjudged: int
    unscored: int

    @property
    def sentences(self) -> tuple[str, ...]:
        """Sentences on what was judged by whom, and what was not."""
        said = [
            f"{count} pictures were judged by models that {standing}"
            for standing, count in self.judged.items()
            if count
        ]
        if self.unjudged:
            said.append(
                f"{self.unjudged} pictures were judged by nobody: every model trained on them, and what was learnt "
                f"cannot doubt itself. Give models of other folds with --model"
            )
        if self.unscored:
            said.append(f"{self.unscored} pictures have no score")
        return tuple(said)
