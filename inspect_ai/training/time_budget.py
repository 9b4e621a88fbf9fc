"""Time budget of a training: it ends after the epoch that another one would pass it by, its rate fallen to the end."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from typing import Any

import lightning

from inspect_ai.training.schedule import Cosine

RECENT = 3  # epochs whose median time the next ones are expected to take


class TimeBudget(lightning.Callback):
    """Counts epochs against a number of seconds.

    Where fewer epochs fit than were planned, the last one moves forward and the learning rate falls faster, so that the
    training ends as it would have; when a machine that was busy is free again, it moves back. A training that is fast
    enough is left as planned, and stays repeatable. The time of a run that was interrupted counts when it is resumed.
    """

    def __init__(
        self, seconds: float, tell: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.seconds, self.tell, self.clock = seconds, tell, clock
        self.spent_before, self.began, self.last = 0.0, 0.0, 0.0
        self.planned, self.end = 0, 0
        self.took: list[float] = []

    def on_fit_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self.began = self.last = self.clock()
        self.planned = int(trainer.max_epochs or 0)
        self.end = self.end or self.planned  # of a resumed run: where its rate falls to

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Say how far it is, and move the end where time does not last."""
        now = self.clock()
        self.took.append(now - self.last)
        self.last = now
        done = trainer.current_epoch + 1
        each = max(statistics.median(self.took[-RECENT:]), 1e-9)
        fit = math.floor((self.seconds - self.spent_before - (now - self.began)) / each)
        end = done + max(0, min(self.planned - done, fit))
        moved = end != self.end
        trainer.fit_loop.max_epochs = self.end = end
        if moved:
            self._let_rate_fall_to(trainer, end, done)
        self._say(trainer, done, end, (end - done) * each, moved=moved)

    def _let_rate_fall_to(self, trainer: lightning.Trainer, end: int, done: int) -> None:
        steps_an_epoch = max(1, trainer.global_step // done)
        for config in trainer.lr_scheduler_configs:
            moved: set[int] = set()  # parameter groups share one schedule
            for rate in getattr(config.scheduler, "lr_lambdas", ()):
                if isinstance(rate, Cosine) and id(rate) not in moved:
                    moved.add(id(rate))
                    rate.end_at(end * steps_an_epoch, trainer.global_step)

    def _say(self, trainer: lightning.Trainer, done: int, end: int, left_s: float, *, moved: bool) -> None:
        val = trainer.callback_metrics.get("val")
        figure = "" if val is None else f", val {float(val):.4f}"
        left = "done" if end == done else f"{_minutes(left_s)} left"
        new = f"; the budget ends it after {end} of {self.planned} epochs" if end < self.planned else "; all fit again"
        self.tell(f"epoch {done} of {end}{figure}, {left}{new if moved else ''}")

    def state_dict(self) -> dict[str, Any]:
        """Time spent and the end, for a run that is resumed."""
        return {
            "spent_s": self.spent_before + self.clock() - self.began,
            "took_s": self.took[-RECENT:],
            "end": self.end,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the time that was spent before."""
        self.spent_before, self.took = float(state_dict["spent_s"]), list(state_dict["took_s"])
        self.end = int(state_dict.get("end", 0))


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
