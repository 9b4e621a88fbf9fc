"""Two tasks on one trunk, by the commands: trained together, started from the trunk, taught, exported with views."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from inspect_ai.config import parse_config
from inspect_ai.datasets.folder import read_folder, with_splits
from inspect_ai.model.manifest import read_manifest

MAIN = [sys.executable, "-c", "from inspect_ai.cli import main; main()"]
NAMES = {"bolts": ("sound", "bent"), "nuts": ("whole", "cracked")}


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = dict(os.environ) | {"OMP_NUM_THREADS": "1", "INSPECT_AI_TASKS": "tasks"}
    return subprocess.run([*MAIN, *words], cwd=folder, capture_output=True, text=True, env=env, check=False)


def write_task(folder: Path, name: str, good: str, bad: str, seed: int) -> None:
    """A new task with its own labels, and 40 pictures of which a quarter has a spot."""
    assert run(folder, "tasks", "new", name).returncode == 0
    path = folder / "tasks" / name / "config.yaml"
    config = yaml.safe_load(path.read_text())
    config["labels"] = [{"name": name, "classes": [good, bad], "positive": [bad]}]
    config["input"]["size"] = 64
    config["network"] = {"size": "tiny", "init": "scratch"}
    config["train"] = {"epochs": 1, "batch": 8}
    path.write_text(yaml.safe_dump(config))
    random = np.random.default_rng(seed)
    for i in range(40):
        picture = random.normal(150, 12, (64, 64)).clip(0, 255).astype(np.uint8)
        if i % 4 == 0:
            cv2.circle(picture, (32, 32), 9, 30, -1)
        kind = folder / name / (bad if i % 4 == 0 else good)
        kind.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(kind / f"{i:03d}.png"), picture)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both tasks, trained together for one epoch into OUT."""
    folder = tmp_path_factory.mktemp("site")
    for seed, (name, (good, bad)) in enumerate(NAMES.items()):
        write_task(folder, name, good, bad, seed)
    (folder / "joint.yaml").write_text(yaml.safe_dump({"common": {}, "tasks": {name: {} for name in NAMES}}))
    done = run(folder, "joint", "--config", "joint.yaml", "--data", "nuts", "--data", "bolts", "--out", "out", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "said.json").write_text(done.stdout)
    return folder


def test_joint_training_leaves_a_trunk_and_a_model_a_task_that_met_its_own_pictures_alone(site: Path) -> None:
    said = json.loads((site / "said.json").read_text())

    assert (site / "out" / "trunk.safetensors").is_file()
    assert 0 < said["adapter_share"] < 0.05
    assert set(said["metrics"]) == set(NAMES)
    for name in NAMES:
        assert [use.name for use in read_manifest(site / "out" / name).data] == [name]


def test_a_task_that_starts_from_the_trunk_has_met_what_the_trunk_met(site: Path) -> None:
    done = run(site, "train", "bolts", "--data", "bolts", "--init", "out", "--out", "runs/bolts", "--json")

    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(use.name for use in read_manifest(site / "runs" / "bolts").data) == ["bolts", "bolts", "nuts"]


def test_joint_training_that_starts_from_a_trunk_has_met_what_the_trunk_met(site: Path) -> None:
    words = ("joint", "--config", "joint.yaml", "--data", "nuts", "--data", "bolts", "--init", "out", "--out", "again")
    done = run(site, *words)

    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(use.name for use in read_manifest(site / "again" / "nuts").data) == ["bolts", "nuts", "nuts"]


def test_a_teacher_of_another_task_is_refused_and_one_of_the_same_is_heard(site: Path) -> None:
    words = ("train", "bolts", "--data", "bolts", "--out", "runs/pupil", "--json", "--teacher")
    stranger = run(site, *words, "out/nuts")
    heard = run(site, *words, "out/bolts", "--teacher", "out/bolts")

    assert stranger.returncode == 2
    assert "other questions" in stranger.stderr
    assert heard.returncode == 0, heard.stdout + heard.stderr
    assert "loss/teacher" in (site / "runs" / "pupil" / "log" / "metrics.csv").read_text().splitlines()[0]


def test_an_exported_model_keeps_its_weights_and_loses_its_figures(site: Path) -> None:
    done = run(site, "export", "out/bolts", "--views", "mirror", "--out", "runs/mirror", "--json")

    assert done.returncode == 0, done.stdout + done.stderr
    before, after = read_manifest(site / "out" / "bolts"), read_manifest(site / "runs" / "mirror")
    assert after.weights_sha256 == before.weights_sha256
    assert after.graph_sha256 != before.graph_sha256
    assert (after.config.network.views, after.metrics) == ("mirror", {})
    assert run(site, "export", "out/bolts", "--out", "out/bolts").returncode == 2


def test_a_folder_of_no_task_is_named_before_anything_is_learnt(site: Path) -> None:
    (site / "strange" / "a").mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(site / "strange" / "a" / "0.png"), np.zeros((64, 64), np.uint8))

    done = run(site, "joint", "--config", "joint.yaml", "--data", "strange", "--out", "nowhere")

    assert done.returncode == 2
    assert "strange" in done.stderr
    assert not (site / "nowhere").exists()


@pytest.mark.slow
def test_one_command_trains_an_ensemble_that_never_saw_what_it_teaches_and_distils_it(site: Path) -> None:
    config = yaml.safe_load((site / "tasks" / "bolts" / "config.yaml").read_text())
    config["train"] |= {"distil_unseen": True, "pair_weight": 0.5, "mining": 2.0}
    (site / "taught.yaml").write_text(yaml.safe_dump(config))
    folder = read_folder(site / "bolts", parse_config(config, "test"))
    train = [row.file for row in with_splits([folder], calibration_share=0.25)[0].rows if row.split == "train"]
    (site / "out.csv").write_text(f"exclude,file\nx,{train[0]}\n,{train[1]}\n")
    words = ("train", "bolts", "--data", "bolts", "--config", "taught.yaml", "--exclude", "out.csv", "--json")

    done = run(site, *words, "--teachers", "2", "--out", "runs/taught")
    again = run(site, *words, "--teachers", "2", "--out", "runs/taught", "--resume")

    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["files"]["skipped"]["left out of training by a list"] == 1
    one, two = (read_manifest(site / "runs" / "taught" / "teachers" / name) for name in ("1", "2"))
    assert (one.seed, two.seed) == (1, 2)
    pupil = read_manifest(site / "runs" / "taught")
    met = [set(manifest.data[0].seen) for manifest in (one, two, pupil)]
    assert met[0] != met[1]
    assert met[0] | met[1] == met[2]
    head = (site / "runs" / "taught" / "log" / "metrics.csv").read_text().splitlines()[0]
    assert {"loss/teacher", "loss/pairs"} <= set(head.split(","))
    assert again.returncode == 0, again.stdout + again.stderr
    assert "Teacher 2 of 2 is there already" in again.stderr
