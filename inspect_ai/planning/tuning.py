"""Small sweep around a plan by successive halving (Jamieson and Talwalkar, AISTATS 2016), judged on val.

Short trainings favour what learns fast, so the candidates stay near the plan. Val chose the winner: figures on val are
better than they would be on new pictures, and calibration and test stay untouched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inspect_ai.config import TaskConfig, laid_over, parse_config
from inspect_ai.errors import UsageError
from inspect_ai.planning import recipe
from inspect_ai.planning.plan import one_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A change of the plan by the dotted names of its settings; none for the plan itself."""

    name: str
    changes: Mapping[str, Any]

    def over(self, config: TaskConfig, epochs: int) -> TaskConfig:
        """Lay the change over a config that is trained for so many epochs."""
        changes: dict[str, dict[str, Any]] = {"train": {"epochs": epochs, "patience": epochs}}
        for key, value in self.changes.items():
            section, _, name = key.partition(".")
            changes.setdefault(section, {})[name] = value
        return parse_config(laid_over(config.model_dump(mode="json"), changes), f"candidate {self.name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Result of one short training: the mean metric on val after so many epochs."""

    candidate: Candidate
    epochs: int
    val: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """Winner of a sweep, all trials in order, and the epochs that they took together."""

    winner: Candidate
    trials: tuple[Trial, ...]

    @property
    def epochs(self) -> int:
        """Epochs of all trials together."""
        return sum(trial.epochs for trial in self.trials)

    def sentences(self) -> tuple[str, ...]:
        """Say what was tried, and what it came to on val."""
        return tuple(f"{t.candidate.name}, {t.epochs} epochs: val {t.val:.4f}" for t in self.trials)


def candidates(config: TaskConfig) -> tuple[Candidate, ...]:
    """The plan, its rate halved and doubled, and stronger augmentation."""
    train, augment = config.train, config.augment
    stronger = {
        "augment.scale": round(min(2.0 * augment.scale, 0.3), 3),
        "augment.brightness": round(min(1.5 * augment.brightness, 0.4), 3),
        "augment.contrast": round(min(1.5 * augment.contrast, 0.4), 3),
    }
    return (
        Candidate(name="as planned", changes={}),
        Candidate(name="half the rate", changes={"train.lr": train.lr / 2}),
        Candidate(name="twice the rate", changes={"train.lr": train.lr * 2}),
        Candidate(name="stronger augmentation", changes=stronger),
    )


def halved(tried: Sequence[Candidate], epochs: int, val_of: Callable[[Candidate, int], float]) -> Tuned:
    """Train all for a few epochs, the better half for twice as many, and so on, in a quarter of `epochs` together.

    val_of: trains a candidate for so many epochs from the start and returns its figure on val. Equal figures leave the
    earlier candidate in. Raises UsageError where a quarter of `epochs` is too short for a sweep.
    """
    rounds = []
    left = len(tried)
    while left > 1:
        rounds.append(left)
        left = (left + 1) // 2
    share = sum(count * 2**number for number, count in enumerate(rounds))
    first = int(recipe.TUNE_SHARE * epochs / max(1, share))
    if first < 1:
        raise UsageError(
            f"--tune: {epochs} epochs fit into the budget, and a sweep needs {round(share / recipe.TUNE_SHARE)}. Give "
            f"a longer --budget, or train without --tune."
        )
    trials: list[Trial] = []
    survivors = list(tried)
    for number in range(len(rounds)):
        now = [Trial(candidate=c, epochs=first * 2**number, val=val_of(c, first * 2**number)) for c in survivors]
        trials += now
        ranked = sorted(now, key=lambda trial: trial.val, reverse=True)  # stable: the earlier one stays in
        survivors = [trial.candidate for trial in ranked[: (len(ranked) + 1) // 2]]
    return Tuned(winner=survivors[0], trials=tuple(trials))


def write_winner(path: Path, found: Tuned) -> None:
    """Change the winner's settings in a plan.yaml, and add what was tried; everything else stays as it is written."""
    lines = [line for line in path.read_text("utf-8").splitlines() if not _is_tried(line)]
    for key, value in found.winner.changes.items():
        section, _, name = key.partition(".")
        at = _line_of(lines, section, name)
        note = f"{CHANGED}{found.winner.name} did best on val"
        if at is None:
            raise UsageError(f"{path} does not say {key}. Write a plan anew: inspect-ai tasks plan --again.")
        before = at - 1 if lines[at - 1].startswith(CHANGED) else at
        lines[before : at + 1] = [note, f"    {name}: {one_line(value)}"]
    start = next(i for i, line in enumerate(lines) if line.startswith("choices:"))
    tried = [f"  - {one_line(sentence)}" for sentence in found.sentences()]
    lines[start:start] = [TRIED, "tried:", *tried, ""]
    path.write_text("\n".join(lines) + "\n", "utf-8")


CHANGED = "    # changed by --tune: "
TRIED = "# Tried on val, which the winner was chosen by"


def _is_tried(line: str) -> bool:
    return line in (TRIED, "tried:") or line.startswith("  - ")


def _line_of(lines: Sequence[str], section: str, name: str) -> int | None:
    """Index of the line of a setting, within its section."""
    inside = False
    for at, line in enumerate(lines):
        if re.match(r"  \w", line):
            inside = line.startswith(f"  {section}:")
        elif inside and line.startswith(f"    {name}:"):
            return at
    return None
