"""Short trainings of a sweep: each candidate from the start, on pictures that are decoded once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from inspect_ai.config import TaskConfig
from inspect_ai.errors import UsageError
from inspect_ai.planning.tuning import Candidate, candidates, halved, write_winner
from inspect_ai.planning.using import Recipe

if TYPE_CHECKING:
    from inspect_ai.training.corpus import Corpus
    from inspect_ai.training.run import TrainingRun


def tuned(
    config: TaskConfig, corpus: Corpus, run: TrainingRun, recipe: Recipe, tell: Callable[[str], None]
) -> TaskConfig:
    """Sweep around the plan, write the winner into it, and leave it the rest of the epochs.

    Raises UsageError where there is no plan, or too little time.
    """
    from inspect_ai.model.weights import fresh_network
    from inspect_ai.training.fit import fit_task
    from inspect_ai.training.val_figure import val_figure

    if recipe.file is None:
        raise UsageError(f"--tune changes a plan, and {config.name} has none: inspect-ai tasks plan {config.name}.")

    def val_of(candidate: Candidate, epochs: int) -> float:
        short = replace(run, out=run.out / "tune" / candidate.name.replace(" ", "_"), progress=False)
        short.prepare()
        changed = candidate.over(config, epochs)
        network = fresh_network(changed)
        fit_task(network, corpus, changed, short)
        val = val_figure(network, corpus, changed)
        tell(f"tried {candidate.name}, {epochs} epochs: val {val:.4f}")
        return val

    found = halved(candidates(config), config.train.epochs, val_of)
    write_winner(recipe.file, found)
    tell(f"{found.winner.name} did best; val chose it, so figures on val are a little better than on new pictures")
    run.prepare()
    left = found.winner.over(config, max(1, config.train.epochs - found.epochs))
    patience = min(config.train.patience, left.train.epochs)
    return left.model_copy(update={"train": left.train.model_copy(update={"patience": patience})})
