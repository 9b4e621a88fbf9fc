"""A task of one's own with nothing edited: tasks new reads the classes, the plan says why, train keeps to it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

MAIN = [sys.executable, "-c", "from inspect_ai.cli import main; main()"]


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MAIN, *words], cwd=folder, capture_output=True, text=True, env=dict(os.environ), check=False
    )


def write_caps(folder: Path) -> None:
    """90 grey pictures of 64 px, a third with a dark spot, in folders called ok and ng."""
    random = np.random.default_rng(0)
    for i in range(90):
        picture = random.normal(150, 12, (64, 64)).clip(0, 255).astype(np.uint8)
        if i % 3 == 0:
            row, column = random.integers(12, 52, 2)
            cv2.circle(picture, (int(column), int(row)), 8, 30, -1)
        kind = "ng" if i % 3 == 0 else "ok"
        (folder / kind).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / kind / f"{i:03d}.png"), picture)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures and the task that was made for them."""
    folder = tmp_path_factory.mktemp("site")
    write_caps(folder / "caps")
    done = run(folder, "tasks", "new", "caps", "--data", "caps", "--budget", "40s", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    files = {Path(name).name for name in json.loads(done.stdout)["files"]}
    assert files == {"task.py", "config.yaml", "DATA_CARD.md", "test_caps.py", "plan.yaml", "fingerprint.json"}
    return folder


def test_the_classes_and_their_sides_are_those_of_the_folder(made: Path) -> None:
    (labels,) = yaml.safe_load((made / "tasks/caps/config.yaml").read_text())["labels"]

    assert (labels["classes"], labels["positive"]) == (["ok", "ng"], ["ng"])


def test_fingerprint_and_plan_say_what_was_measured(made: Path) -> None:
    found = json.loads((made / "tasks/caps/fingerprint.json").read_text())
    plan = yaml.safe_load((made / "tasks/caps/plan.yaml").read_text())

    assert found["width_px"] == {"least": 64, "median": 64, "most": 64}
    assert found["grey"] is True
    assert (plan["budget"], plan["choices"]["input"]) == ("40s", {"size": 64, "channels": 1})
    assert plan["choices"]["augment"]["rotate90"] is True  # noise and round spots have no upright side


def test_training_follows_the_plan_and_ends_with_weights(made: Path) -> None:
    done = run(made, "train", "caps", "--tasks", "tasks", "--data", "caps", "--out", "run", "--device", "cpu")

    assert done.returncode == 0, done.stdout + done.stderr
    manifest = json.loads((made / "run/manifest.json").read_text())
    plan = yaml.safe_load((made / "tasks/caps/plan.yaml").read_text())["choices"]
    assert manifest["config"]["input"]["size"] == plan["input"]["size"]
    assert manifest["config"]["network"]["size"] == plan["network"]["size"]
    assert (made / "run/weights.safetensors").is_file()
    assert "Plan tasks/caps/plan.yaml: " in done.stderr
    assert "Epoch 1 of " in done.stderr
    assert "litlogger" not in done.stderr
    assert "deprecated" not in done.stderr


def test_a_sweep_goes_on_with_its_winner_and_writes_down_what_it_tried(made: Path) -> None:
    plan = yaml.safe_load((made / "tasks/caps/plan.yaml").read_text())
    plan["choices"]["train"] |= {"epochs": 32, "samples_per_epoch": 32, "batch": 16}
    (made / "short.yaml").write_text(yaml.safe_dump(plan))

    words = ["--plan", "short.yaml", "--budget", "1h", "--tune", "--out", "tuned", "--device", "cpu", "--json"]
    done = run(made, "train", "caps", "--tasks", "tasks", "--data", "caps", *words)

    assert done.returncode == 0, done.stdout + done.stderr
    tried = yaml.safe_load((made / "short.yaml").read_text())
    assert [line.split(",")[0] for line in tried["tried"][:4]] == [
        "as planned", "half the rate", "twice the rate", "stronger augmentation",
    ]  # fmt: skip
    trained = json.loads((made / "tuned/manifest.json").read_text())["config"]
    assert trained["train"]["epochs"] == 24  # a quarter of 32 went to the sweep
    assert trained["train"]["lr"] == tried["choices"]["train"]["lr"]


def test_a_plan_that_is_there_is_not_written_over_unasked(made: Path) -> None:
    done = run(made, "tasks", "plan", "caps", "--tasks", "tasks", "--data", "caps")

    assert done.returncode == 2
    assert "--again" in done.stderr


def test_classes_that_do_not_say_their_side_leave_nothing_behind(made: Path) -> None:
    for number in range(4):
        for name in ("left", "right"):
            (made / "sides" / name).mkdir(parents=True, exist_ok=True)
            grey = np.random.default_rng(number).integers(0, 255, (64, 64), dtype=np.uint8)
            cv2.imwrite(str(made / "sides" / name / f"{number}.png"), grey)

    done = run(made, "tasks", "new", "sides", "--data", "sides")

    assert done.returncode == 2
    assert "--positive" in done.stderr
    assert not (made / "tasks" / "sides").exists()
