"""A new task from nothing to decisions: tasks new, train, calibrate, evaluate, scan, as in the README."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

MAIN = [sys.executable, "-c", "from inspect_ai.cli import main; main()"]
FASTER = {"size: 224": "size: 64", "epochs: 20": "epochs: 20\n  batch: 8\n  patience: 20"}


def run(folder: Path, *words: str, expect: int = 0) -> str:
    done = subprocess.run(
        [*MAIN, *words], cwd=folder, capture_output=True, text=True, env=dict(os.environ), check=False
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout


def write_caps(folder: Path) -> None:
    """160 pictures of grained plates, a third with a dark spot; one folder a class."""
    random = np.random.default_rng(0)
    for i in range(160):
        picture = random.normal(150, 12, (80, 80)).clip(0, 255).astype(np.uint8)
        kind = "flag" if i % 3 == 0 else "pass"
        if kind == "flag":
            row, column = random.integers(15, 65, 2)
            cv2.circle(picture, (int(column), int(row)), 9, 30, -1)
        (folder / kind).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / kind / f"{i:03d}.png"), picture)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the new task, its pictures and a trained, calibrated model."""
    folder = tmp_path_factory.mktemp("site")
    write_caps(folder / "caps")
    run(folder, "tasks", "new", "bottle_caps")
    (folder / "inspect_ai.toml").write_text('tasks = "tasks"\n')  # as `tasks new` says
    config = folder / "tasks" / "bottle_caps" / "config.yaml"
    text = config.read_text()
    for slow, fast in FASTER.items():
        assert slow in text
        text = text.replace(slow, fast)
    config.write_text(text)
    run(folder, "train", "bottle_caps", "--data", "caps", "--out", "runs/caps", "--device", "cpu", "--json")
    run(folder, "calibrate", "bottle_caps", "--model", "runs/caps", "--data", "caps", "--sensitivity", "0.75")
    for name in ("weights.safetensors", "model.onnx", "manifest.json", "operating_point.json", "certificate.json"):
        (folder / "tasks" / "bottle_caps" / name).write_bytes((folder / "runs" / "caps" / name).read_bytes())
    return folder


def test_the_written_plugin_is_at_most_forty_lines(trained: Path) -> None:
    assert len((trained / "tasks" / "bottle_caps" / "task.py").read_text().splitlines()) <= 40


def test_training_leaves_weights_graph_and_a_manifest_that_knows_its_pictures(trained: Path) -> None:
    manifest = json.loads((trained / "runs" / "caps" / "manifest.json").read_text())

    assert manifest["metrics"]["caps/auc"] > 0.9
    rows = manifest["data"][0]["rows"]
    assert set(rows) == {"train", "val", "calibration"}
    assert len(manifest["data"][0]["seen"]) == rows["train"] + rows["val"]
    assert (trained / "runs" / "caps" / "weights.safetensors").stat().st_size < 6_000_000


def test_evaluate_prints_figures_that_the_scores_give_by_another_road(trained: Path) -> None:
    out = run(trained, "evaluate", "bottle_caps", "--data", "caps", "--scores", "scores.csv", "--json")

    figures = json.loads(out)
    with (trained / "scores.csv").open() as f:
        rows = list(csv.DictReader(f))
    positive = [float(r["score"]) for r in rows if r["positive"] == "1"]
    negative = [float(r["score"]) for r in rows if r["positive"] == "0"]
    wins = sum((p > n) + 0.5 * (p == n) for p in positive for n in negative) / (len(positive) * len(negative))
    assert figures["n"] == len(rows) == 160
    assert figures["auc"] == pytest.approx(wins)
    assert figures["sensitivity"] == sum(p >= figures["threshold"] for p in positive) / len(positive)
    assert figures["false_positive_rate"] == sum(n >= figures["threshold"] for n in negative) / len(negative)
    assert sum(figures["counts"].values()) == 160


def test_pictures_that_trained_the_model_cannot_calibrate_it(trained: Path) -> None:
    done = subprocess.run(
        [*MAIN, "calibrate", "bottle_caps", "--model", "runs/caps", "--data", "caps", "--split", "train"],
        cwd=trained, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 2
    assert "trained or selected this model" in done.stderr


def test_too_few_positives_are_refused_with_what_can_be_proved(trained: Path) -> None:
    words = ["calibrate", "bottle_caps", "--model", "runs/caps", "--data", "caps", "--sensitivity", "0.987"]
    words += ["--out", "refused.json"]
    done = subprocess.run([*MAIN, *words], cwd=trained, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "229" in done.stderr
    assert json.loads((trained / "refused.json").read_text())["refusal"]


def test_scan_decides_with_the_new_task(trained: Path) -> None:
    (trained / "new").mkdir(exist_ok=True)
    for name in ("flag/000.png", "pass/001.png"):
        (trained / "new" / Path(name).name).write_bytes((trained / "caps" / name).read_bytes())

    said = run(trained, "scan", "new", "--task", "bottle_caps", "--json", "--names")
    lines = [json.loads(line) for line in said.splitlines()]

    studies = {line["study"]: line for line in lines if line["type"] == "study"}
    (task,) = lines[0]["tasks"]
    assert (lines[0]["type"], task["task"], task["origin"]) == ("start", "bottle_caps", "./inspect_ai.toml")
    assert studies["000.png"]["outcome"] == "flag"
    assert studies["000.png"]["certified"] is True
    assert studies["000.png"]["score"] > studies["001.png"]["score"]
    found = studies["000.png"]["findings"][0]
    assert 0 <= found["row"] < 80  # where a network of one minute looks is luck; the way from heat to place is tested
    assert 0 <= found["col"] < 80  # in tests/test_plugins.py
