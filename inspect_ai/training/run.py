"""Training run: its folder, seed and device, and the Lightning trainer that train, joint and pretrain share."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspect_ai.errors import SetupError, UsageError

if TYPE_CHECKING:
    import lightning


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRun:
    """Folder, seed and computing of one training.

    out: folder of checkpoints, logs and results. device: auto, cpu or cuda. resume: continue from the last checkpoint
    in `out`. threads: of torch, None for its default. progress: show a progress bar; with a budget, `tell` gets a
    sentence after each epoch in its place. budget_s: seconds that fitting may take, None for as long as it takes.
    """

    out: Path
    seed: int = 0
    device: str = "auto"
    resume: bool = False
    threads: int | None = None
    progress: bool = True
    budget_s: float | None = None
    tell: Callable[[str], None] = field(default=lambda sentence: None, compare=False, repr=False)
    clock: Callable[[], float] = field(default=time.monotonic, compare=False, repr=False)

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.out / "checkpoints"

    @property
    def last(self) -> Path:
        """Checkpoint that a resumed run continues from."""
        return self.checkpoints / "last.ckpt"

    def prepare(self) -> None:
        """Set threads and seeds of the process, and make the run folder.

        Raises UsageError if there is no checkpoint to resume from.
        """
        import lightning
        import torch

        if self.resume and not self.last.is_file():
            raise UsageError(f"--resume: {self.last} does not exist. Start without --resume.")
        if self.threads:
            torch.set_num_threads(self.threads)
        self.out.mkdir(parents=True, exist_ok=True)
        lightning.seed_everything(self.seed, verbose=False)

    def fit(
        self,
        module: lightning.LightningModule,
        train: Any,
        val: Any,
        *,
        epochs: int,
        clip: float,
        callbacks: Sequence[lightning.Callback],
        precision: str = "float32",
    ) -> lightning.Trainer:
        """Train the module for at most `epochs`, gradients clipped to the norm `clip`; returns the trainer.

        train, val: loaders. precision: as in TaskConfig.train. The CSV log stands in `out`/log, that of each resumed
        run beside it in log-1, log-2 and so on.
        """
        import lightning
        from lightning.pytorch.callbacks import RichProgressBar
        from lightning.pytorch.loggers import CSVLogger

        from inspect_ai.training.memory_format import channels_first, channels_last
        from inspect_ai.training.time_budget import TimeBudget

        budget = [] if self.budget_s is None else [TimeBudget(self.budget_s, self.tell, self.clock)]
        log = f"log-{1 + len(list(self.out.glob('log-*')))}" if self.resume else "log"
        shown = [RichProgressBar(leave=True)] if self.progress and not budget else []
        logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # else it advertises between our sentences

        trainer = lightning.Trainer(
            accelerator="gpu" if self.device == "cuda" else self.device,
            devices=1,
            precision=_precision(precision, self.device),
            max_epochs=epochs,
            gradient_clip_val=clip,
            callbacks=[*callbacks, *budget, *shown],
            logger=CSVLogger(self.out, name="", version=log),
            enable_progress_bar=bool(shown),
            enable_model_summary=False,
            num_sanity_val_steps=0,
            log_every_n_steps=1,
        )
        channels_last(module)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r".*LeafSpec.* is deprecated")  # Lightning's call of torch, not ours
            trainer.fit(
                module,
                train,
                val,
                ckpt_path=self.last if self.resume else None,
                weights_only=False if self.resume else None,
            )
        channels_first(module)
        return trainer


def _precision(request: str, device: str) -> Any:
    """bfloat16 autocast on a GPU. On a CPU as configured: networks of dense convolutions gain up to twofold by it,
    depthwise ones nothing. Raises SetupError where the processor would emulate it, many times slower.
    """
    import torch

    if device != "cpu" and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    if request == "bfloat16" and not torch.cpu._is_avx512_bf16_supported():
        raise SetupError("This processor has no bfloat16 units. Set train.precision to float32 in the config.")
    return "bf16-mixed" if request == "bfloat16" else "32-true"
