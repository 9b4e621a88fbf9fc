"""Pretraining from folders to a trunk: what it reads, what it refuses, and that a crash costs nothing but time."""

import csv
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from inspect_ai.cli.template import write_task
from inspect_ai.config import read_config
from inspect_ai.datasets.folder import read_folder, with_splits
from inspect_ai.errors import InputError, UsageError
from inspect_ai.journeys.pretrain import Pretrained, pretrain
from inspect_ai.model.trunk import SIZES, Trunk
from inspect_ai.settings import Settings
from inspect_ai.training.masked import MaskedModelling
from inspect_ai.training.masked_views import Views
from inspect_ai.training.run import TrainingRun
from tests.cli.test_offline import BLOCK

QUICK = "epochs: 3\nsamples_per_epoch: 16\nbatch: 4\ncrop: 64\n"


def write_picture(path: Path, seed: int) -> str:
    """A striped plate with clouds of its own; returns the digest of the file."""
    random = np.random.default_rng(seed)
    stripes = 120 + 60 * np.sin(np.arange(80) / random.uniform(2, 6))[None, :] + random.normal(0, 8, (80, 80))
    stripes += 40 * cv2.resize(random.normal(0, 1, (8, 8)), (80, 80), interpolation=cv2.INTER_CUBIC)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), stripes.clip(0, 255).astype(np.uint8))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_plates(folder: Path, parts: dict[str, int]) -> dict[str, set[str]]:
    """A labelled folder of good and bad plates with so many pictures a part; part -> first digits of the digests."""
    digests: dict[str, set[str]] = {part: set() for part in parts}
    with ((folder.mkdir(parents=True) or folder) / "labels.csv").open("w", newline="") as f:
        table = csv.writer(f)
        table.writerow(["file", "label", "split", "group"])
        names = [(part, i) for part, count in parts.items() for i in range(count)]
        for seed, (part, i) in enumerate(names):
            digests[part].add(write_picture(folder / f"{part}{i}.png", seed)[:16])
            table.writerow([f"{part}{i}.png", "bad" if i % 3 == 0 else "good", part, f"{part}{i // 2}"])
    return digests


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """With an installed task `plates` whose labels are good and bad."""
    write_task("plates", tmp_path / "tasks")
    config = tmp_path / "tasks" / "plates" / "config.yaml"
    text = config.read_text().replace("[pass, flag]", "[good, bad]").replace("[flag]", "[bad]")
    config.write_text(text.replace("size: 224", "size: 64"))
    (tmp_path / "quick.yaml").write_text(QUICK)
    return Settings(tasks=str(tmp_path / "tasks"))


def run(settings: Settings, tmp_path: Path, *data: Path, out: str = "out", resume: bool = False) -> Pretrained:
    training = TrainingRun(out=tmp_path / out, device="cpu", resume=resume, progress=False)
    return pretrain(data, training, settings=settings, config_file=tmp_path / "quick.yaml")


def record(done: Pretrained) -> dict[str, object]:
    return json.loads((done.folder / "pretrain.json").read_text())


def test_train_pictures_alone_are_read_and_the_record_names_them(settings: Settings, tmp_path: Path) -> None:
    digests = write_plates(tmp_path / "plates", {"train": 24, "calibration": 8, "val": 8})
    for file in (tmp_path / "plates").glob("[cv]a*.png"):
        file.write_bytes(b"whoever reads this fails")

    done = run(settings, tmp_path, tmp_path / "plates")

    (use,) = record(done)["data"]
    assert set(use["seen"]) == digests["train"]
    assert use["rows"] == {"train": 24, "calibration": 8, "val": 8}
    assert record(done)["pictures"] == {"train": 22, "held_out": 2}  # one group of twelve
    assert record(done)["steps"] == done.steps == 3 * 4


def test_groups_that_training_would_set_aside_for_calibration_are_not_read(settings: Settings, tmp_path: Path) -> None:
    write_plates(tmp_path / "plates", {"train": 40, "val": 8})
    config = read_config(tmp_path / "tasks" / "plates" / "config.yaml")
    folder = read_folder(tmp_path / "plates", config)
    (ready,) = with_splits([folder], calibration_share=config.train.calibration_share)

    (use,) = record(run(settings, tmp_path, tmp_path / "plates"))["data"]

    aside = {hashlib.sha256((tmp_path / "plates" / r.file).read_bytes()).hexdigest() for r in ready.part("calibration")}
    assert len(aside) == use["rows"]["calibration"] > 0
    assert {digest[:16] for digest in aside}.isdisjoint(use["seen"])


def test_the_trunk_on_disk_is_unfolded_and_fits_a_fresh_one(settings: Settings, tmp_path: Path) -> None:
    write_plates(tmp_path / "plates", {"train": 24, "val": 4})

    done = run(settings, tmp_path, tmp_path / "plates")

    state = load_file(str(done.folder / "trunk.safetensors"))
    Trunk(SIZES["tiny"]).load_state_dict(state)  # strict: every name, none beside
    assert {t.dtype for name, t in state.items() if "num_batches" not in name} == {torch.float16}
    assert int(state["stem.norm.num_batches_tracked"]) == done.steps
    content = (done.folder / "trunk.safetensors").read_bytes()
    assert record(done)["trunk_sha256"] == hashlib.sha256(content).hexdigest()
    sheet = cv2.imread(str(done.folder / "reconstruction.png"))
    assert sheet.shape == (24 + 2 * 192, 3 * 192, 3)  # both held-out pictures: seen, predicted, original


def test_a_run_that_crashed_and_went_on_is_the_uninterrupted_one(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_plates(tmp_path / "plates", {"train": 24, "val": 4})
    whole = run(settings, tmp_path, tmp_path / "plates", out="whole")
    step, power, taken = MaskedModelling.training_step, [6], []

    def counted(self: MaskedModelling, views: Views, index: int) -> torch.Tensor:
        if self.global_step in power:  # in the middle of the second epoch
            raise RuntimeError("the power fails")
        taken.append(self.global_step)
        return step(self, views, index)

    monkeypatch.setattr(MaskedModelling, "training_step", counted)
    with pytest.raises(RuntimeError, match="the power fails"):
        run(settings, tmp_path, tmp_path / "plates", out="cut")
    power.clear()
    taken.clear()
    resumed = run(settings, tmp_path, tmp_path / "plates", out="cut", resume=True)

    assert taken == list(range(4, 12))  # from the end of the first epoch
    assert record(resumed)["trunk_sha256"] == record(whole)["trunk_sha256"]
    assert resumed.held_out == whole.held_out


def test_going_on_under_another_recipe_is_refused(settings: Settings, tmp_path: Path) -> None:
    write_plates(tmp_path / "plates", {"train": 24, "val": 4})
    (tmp_path / "quick.yaml").write_text(QUICK.replace("epochs: 3", "epochs: 1"))
    run(settings, tmp_path, tmp_path / "plates")
    (tmp_path / "quick.yaml").write_text(QUICK)

    with pytest.raises(UsageError, match=r"--resume.*epochs 1 then, 3 now"):
        run(settings, tmp_path, tmp_path / "plates", resume=True)


def test_nothing_to_resume_is_a_sentence(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"last\.ckpt does not exist"):
        run(settings, tmp_path, tmp_path, resume=True)


def test_pictures_without_labels_are_taken_whole_and_every_other_file_is_told(
    settings: Settings, tmp_path: Path
) -> None:
    seen = {write_picture(tmp_path / "found" / "deep" / f"{i}.png", i)[:16] for i in range(6)}
    (tmp_path / "found" / "notes.txt").write_text("no picture")
    (tmp_path / "found" / "cut.png").write_bytes((tmp_path / "found" / "deep" / "0.png").read_bytes()[:300])

    done = run(settings, tmp_path, tmp_path / "found")

    (use,) = record(done)["data"]
    assert set(use["seen"]) == seen
    assert {line["file"] for line in record(done)["rejections"]} == {"notes.txt", "cut.png"}
    assert [measure.task for measure in done.held_out] == ["unlabelled"]


def test_labels_that_no_task_knows_are_refused_with_those_that_are_known(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "labels.csv").write_text("file,label\na.png,crooked\n")

    with pytest.raises(
        UsageError,
        match=r"is of no installed task\. .*labels crooked, which task plates does not know \(pass_flag: good, bad\)",
    ):
        run(settings, tmp_path, tmp_path / "odd")


def test_labels_that_two_tasks_know_need_the_task_s_name(settings: Settings, tmp_path: Path) -> None:
    write_task("caps", tmp_path / "tasks")  # pass and flag, as the magnetic tiles of metal_surface
    for i in range(24):
        write_picture(tmp_path / "caps" / ("flag" if i % 3 else "pass") / f"{i}.png", i)

    with pytest.raises(UsageError, match=r"caps and .*metal_surface know.*--data caps="):
        run(settings, tmp_path, tmp_path / "caps")
    done = run(settings, tmp_path, Path(f"caps={tmp_path / 'caps'}"))

    assert [measure.task for measure in done.held_out] == ["caps"]


def test_a_folder_that_is_not_there_is_a_sentence(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no folder"):
        run(settings, tmp_path, tmp_path / "nowhere")


def test_the_command_works_with_sockets_blocked_and_prints_one_line_of_json(settings: Settings, tmp_path: Path) -> None:
    write_plates(tmp_path / "plates", {"train": 12, "val": 4})
    (tmp_path / "block").mkdir()
    (tmp_path / "block" / "sitecustomize.py").write_text(BLOCK)
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "block"), os.environ.get("PYTHONPATH", "")]),
        "TRIED": str(tmp_path / "tried.txt"),
        "INSPECT_AI_TASKS": settings.tasks,
    }
    program = [sys.executable, "-c", "from inspect_ai.cli import main; main()"]
    words = ["pretrain", "--data", "plates", "--out", "out", "--config", "quick.yaml", "--device", "cpu", "--json"]

    done = subprocess.run(
        [*program, *words], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600, check=False
    )

    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["steps"] == 12
    assert not (tmp_path / "tried.txt").exists()
