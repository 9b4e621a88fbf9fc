"""A budget ends a training after the epoch that another one would pass it by; the clock here is made."""

from pathlib import Path

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader

from inspect_ai.training.run import TrainingRun
from inspect_ai.training.schedule import FINAL_LR, Cosine, with_cosine

EPOCH_S = 10.0
STEPS = 4  # of one epoch


class Clock:
    """Stands still until something is said to have taken time."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Line(lightning.LightningModule):
    """Fits one weight; each epoch takes `seconds` of the made clock. Keeps the rate of each step."""

    def __init__(self, clock: Clock, epochs: int, seconds: list[float]) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.rand(1))
        self.clock, self.epochs, self.seconds = clock, epochs, seconds
        self.begun: list[int] = []
        self.rates: list[float] = []

    def on_train_epoch_start(self) -> None:
        self.begun.append(self.current_epoch)
        self.clock.now += self.seconds[min(self.current_epoch, len(self.seconds) - 1)]

    def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
        self.rates.append(self.optimizers().param_groups[0]["lr"])  # type: ignore[union-attr]
        return ((self.weight * batch - 2.0 * batch) ** 2).mean()

    def configure_optimizers(self) -> dict[str, object]:
        return with_cosine(torch.optim.SGD(self.parameters(), lr=1.0), self.epochs * STEPS, 1)


def fitted(
    folder: Path, *, budget_s: float | None, seconds: list[float], epochs: int = 20, resume: bool = False
) -> tuple[Line, list[str]]:
    said: list[str] = []
    clock = Clock()
    run = TrainingRun(
        out=folder, device="cpu", progress=False, budget_s=budget_s, tell=said.append, clock=clock, resume=resume
    )
    run.prepare()
    module, points = Line(clock, epochs, seconds), DataLoader(torch.arange(8.0) / 8, batch_size=2)  # type: ignore[arg-type]
    last = ModelCheckpoint(run.checkpoints, run.last.stem, save_on_train_epoch_end=True, enable_version_counter=False)
    run.fit(module, points, None, epochs=epochs, clip=1.0, callbacks=[last])
    return module, said


def test_as_many_epochs_run_as_fit(tmp_path: Path) -> None:
    module, _ = fitted(tmp_path, budget_s=75.0, seconds=[EPOCH_S])

    assert len(module.begun) == 7


def test_a_training_that_fits_is_left_as_planned(tmp_path: Path) -> None:
    free, _ = fitted(tmp_path / "free", budget_s=None, seconds=[EPOCH_S])
    bound, said = fitted(tmp_path / "bound", budget_s=1e6, seconds=[EPOCH_S])

    assert bound.rates == free.rates
    assert bound.weight.item() == free.weight.item()
    assert said[-1] == "epoch 20 of 20, done"


def test_the_rate_falls_to_the_end_also_where_the_end_moves(tmp_path: Path) -> None:
    module, said = fitted(tmp_path, budget_s=75.0, seconds=[EPOCH_S])

    assert module.rates[-1] < 0.05  # of the peak of 1; the plan of 20 epochs would stand at 0.74 here
    assert all(later <= earlier + 1e-9 for earlier, later in zip(module.rates[1:], module.rates[2:], strict=False))
    assert said[0] == "epoch 1 of 7, 60 s left; the budget ends it after 7 of 20 epochs"


def test_one_epoch_is_finished_whatever_it_takes(tmp_path: Path) -> None:
    module, _ = fitted(tmp_path, budget_s=1.0, seconds=[EPOCH_S])

    assert module.begun == [0]


def test_a_machine_that_becomes_slower_ends_earlier(tmp_path: Path) -> None:
    module, _ = fitted(tmp_path, budget_s=100.0, seconds=[5.0, 5.0, 5.0, 20.0])

    assert len(module.begun) == 7  # 3 of 5 s, then of 20 s each until 100 s are nearly used
    assert module.clock.now - 100.0 <= 100.0


def test_a_machine_that_was_busy_for_a_while_gets_its_epochs_back(tmp_path: Path) -> None:
    module, said = fitted(tmp_path, budget_s=250.0, seconds=[5.0, 5.0, 40.0, 40.0, 5.0])

    assert "; the budget ends it after 8 of 20 epochs" in said[3]
    assert any(line.endswith("; all fit again") for line in said)
    assert len(module.begun) == 20
    assert module.rates[-1] < 0.05
    assert all(later <= earlier + 1e-9 for earlier, later in zip(module.rates[1:], module.rates[2:], strict=False))


def test_time_before_an_interruption_counts(tmp_path: Path) -> None:
    fitted(tmp_path, budget_s=1e6, seconds=[EPOCH_S], epochs=3)

    module, _ = fitted(tmp_path, budget_s=75.0, seconds=[EPOCH_S], epochs=20, resume=True)

    assert module.begun == [3, 4, 5, 6]


def test_a_resumed_run_with_more_time_lets_its_rate_fall_to_the_new_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = Line.on_train_epoch_start

    def cut_off(line: Line) -> None:
        if line.current_epoch == 3:
            raise RuntimeError("the machine goes down")
        begin(line)

    monkeypatch.setattr(Line, "on_train_epoch_start", cut_off)
    with pytest.raises(RuntimeError, match="goes down"):
        fitted(tmp_path, budget_s=75.0, seconds=[EPOCH_S])  # its end was moved to the seventh epoch
    monkeypatch.setattr(Line, "on_train_epoch_start", begin)

    module, _ = fitted(tmp_path, budget_s=1e6, seconds=[EPOCH_S], resume=True)

    assert module.begun == list(range(3, 20))
    assert module.rates[8 * STEPS] > 0.1  # in the twelfth epoch it would long have ended
    assert module.rates[-1] < 0.05


@pytest.mark.parametrize("warmup", [1, 5])
def test_the_cosine_rises_then_falls_to_its_end(warmup: int) -> None:
    rate = Cosine(100, warmup)

    assert rate(warmup - 1) == 1.0
    assert rate(warmup + (100 - warmup) // 2) == pytest.approx(0.5, abs=0.02)
    assert rate(100) == rate(150) == pytest.approx(FINAL_LR)
    before = rate(40)
    rate.end_at(60, 40)
    assert rate(40) == pytest.approx(before)
    assert rate(60) == pytest.approx(FINAL_LR)
