"""A training run: seeds, threads, folder and checkpoint are settled in one place, and one trainer obeys them."""

from pathlib import Path

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader

from inspect_ai.errors import SetupError, UsageError
from inspect_ai.training.run import TrainingRun


class Line(lightning.LightningModule):
    """Fits one weight, and counts the epochs that it began."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.rand(1))
        self.kernel = torch.nn.Parameter(torch.arange(24.0).reshape(2, 3, 2, 2), requires_grad=False)
        self.begun: list[int] = []
        self.layouts: list[bool] = []

    def on_train_epoch_start(self) -> None:
        self.begun.append(self.current_epoch)
        self.layouts.append(self.kernel.is_contiguous(memory_format=torch.channels_last))

    def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
        loss = ((self.weight * batch - 2.0 * batch) ** 2).mean()
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fitted(run: TrainingRun, *, epochs: int, precision: str = "float32") -> Line:
    run.prepare()
    module, points = Line(), DataLoader(torch.arange(8.0), batch_size=4)  # type: ignore[arg-type]
    last = ModelCheckpoint(run.checkpoints, run.last.stem, save_on_train_epoch_end=True, enable_version_counter=False)
    run.fit(module, points, None, epochs=epochs, clip=1.0, callbacks=[last], precision=precision)
    return module


def test_a_run_leaves_its_last_checkpoint_and_its_log_in_its_folder(tmp_path: Path) -> None:
    run = TrainingRun(out=tmp_path / "new" / "run", device="cpu", progress=False)

    fitted(run, epochs=1)

    assert (tmp_path / "new" / "run" / "checkpoints" / "last.ckpt").is_file()
    assert (tmp_path / "new" / "run" / "log" / "metrics.csv").read_text().startswith("epoch,loss")


def test_convolutions_learn_with_channels_last_and_are_left_as_they_are_saved(tmp_path: Path) -> None:
    module = fitted(TrainingRun(out=tmp_path, device="cpu", progress=False), epochs=2)

    assert module.layouts == [True, True]
    assert module.kernel.is_contiguous()
    assert module.kernel.flatten().tolist() == list(range(24))


def test_a_resumed_run_continues_after_the_last_finished_epoch(tmp_path: Path) -> None:
    whole = fitted(TrainingRun(out=tmp_path / "whole", device="cpu", progress=False), epochs=3)
    fitted(TrainingRun(out=tmp_path / "cut", device="cpu", progress=False), epochs=1)

    resumed = fitted(TrainingRun(out=tmp_path / "cut", device="cpu", progress=False, resume=True), epochs=3)

    assert (whole.begun, resumed.begun) == ([0, 1, 2], [1, 2])
    assert resumed.weight.item() == whole.weight.item()


def test_without_a_checkpoint_to_resume_from_nothing_is_made(tmp_path: Path) -> None:
    run = TrainingRun(out=tmp_path / "nowhere", resume=True)

    with pytest.raises(UsageError, match=r"--resume: .*last\.ckpt does not exist\. Start without --resume\."):
        run.prepare()

    assert not run.out.exists()


def test_chance_follows_from_the_seed_and_torch_takes_the_threads_it_is_given(tmp_path: Path) -> None:
    before = torch.get_num_threads()

    drawn = []
    for seed in (5, 5, 6):
        TrainingRun(out=tmp_path, seed=seed, threads=before + 1).prepare()
        drawn.append(torch.rand(1).item())
    taken = torch.get_num_threads()
    torch.set_num_threads(before)
    TrainingRun(out=tmp_path).prepare()

    assert drawn[0] == drawn[1] != drawn[2]
    assert (taken, torch.get_num_threads()) == (before + 1, before)


def test_bfloat16_is_refused_where_the_processor_would_emulate_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)

    with pytest.raises(SetupError, match=r"no bfloat16 units\. Set train\.precision to float32"):
        fitted(TrainingRun(out=tmp_path, device="cpu", progress=False), epochs=1, precision="bfloat16")
