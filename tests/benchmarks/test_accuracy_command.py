"""A whole comparison on made pictures, by its command: trained, scored, compared, and not made twice."""

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from sklearn.metrics import roc_auc_score

from inspect_ai.model.manifest import read_manifest

CHECKOUT = Path(__file__).resolve().parents[2]
MAIN = [sys.executable, "-c", "from inspect_ai.cli import main; main()"]
PLAN = {
    "seeds": [0],
    "tasks": {"bottle_caps": {"data": ["caps"]}},
    "changes": {"bottle_caps": {"input": {"size": 64}, "train": {"epochs": 1, "batch": 8}}},
    "models": [
        {"name": "tiny", "network": {"size": "tiny", "init": "scratch"}},
        {"name": "resnet18", "network": {"backbone": "resnet18", "init": "scratch"}, "against": True},
        {"name": "greedy", "network": {"size": "tiny", "init": "scratch"}, "train": {"batch": 1000}},  # no whole batch
    ],
}


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = dict(os.environ) | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(CHECKOUT), "INSPECT_AI_TASKS": "tasks"}
    return subprocess.run(arguments, cwd=folder, capture_output=True, text=True, env=env, check=False)


def compare(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    module = (sys.executable, "-m", "benchmarks.accuracy")
    return run(folder, *module, "--config", "plan.yaml", "--data", "data", "--out", "out", *options)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a new task, 60 pictures of plates of which a third has a dark spot, and a comparison made."""
    folder = tmp_path_factory.mktemp("site")
    random = np.random.default_rng(0)
    for i in range(60):
        plate = random.normal(150, 12, (64, 64)).clip(0, 255).astype(np.uint8)
        if i % 3 == 0:
            cv2.circle(plate, (32, 32), 9, 30, -1)
        kind = folder / "data" / "caps" / ("flag" if i % 3 == 0 else "pass")
        kind.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(kind / f"{i:03d}.png"), plate)
    assert run(folder, *MAIN, "tasks", "new", "bottle_caps").returncode == 0
    (folder / "plan.yaml").write_text(yaml.safe_dump(PLAN))
    done = compare(folder, "--jobs", "2")
    assert done.returncode == 3, done.stdout + done.stderr
    (folder / "said.txt").write_text(done.stdout + done.stderr)
    return folder


@pytest.mark.slow
def test_a_comparison_leaves_runs_scores_tables_and_a_picture(site: Path) -> None:
    found = json.loads((site / "out" / "accuracy.json").read_text())

    (one,) = found["data_sets"]
    assert [m["model"] for m in one["models"]] == ["tiny", "resnet18"]
    assert set(found["cost"]["models"]) == {"tiny", "resnet18"}
    assert found["cost"]["models"]["resnet18"]["speed_ratio"]["resnet18"] == 1.0
    assert cv2.imread(str(site / "out" / "accuracy.png")) is not None
    assert (site / "out" / "accuracy.md").read_text().count("| tiny |") == 3  # two tables of figures, one of costs


@pytest.mark.slow
def test_scores_are_those_of_the_val_part_and_never_of_calibration(site: Path) -> None:
    run_folder = site / "out" / "bottle_caps" / "tiny-0"
    with (run_folder / "scores-caps.csv").open() as f:
        rows = list(csv.DictReader(f))

    manifest = read_manifest(run_folder)
    assert len(rows) == manifest.data[0].rows["val"]
    auc = roc_auc_score([row["positive"] == "1" for row in rows], [float(row["score"]) for row in rows])
    assert manifest.metrics["caps/auc"] == pytest.approx(auc, abs=0.02)  # scores lie on a grid, logits do not
    found = json.loads((site / "out" / "accuracy.json").read_text())
    assert found["data_sets"][0]["models"][0]["figures"]["auc"]["mean"] == pytest.approx(auc)


@pytest.mark.slow
def test_a_failed_training_is_named_and_the_command_leaves_with_3(site: Path) -> None:
    assert "bottle_caps/greedy-0 failed: " in (site / "said.txt").read_text()
    assert "not trained: bottle_caps/greedy-0" in (site / "out" / "accuracy.md").read_text()


@pytest.mark.slow
def test_collecting_again_trains_nothing_and_a_dry_run_says_what_is_to_do(site: Path) -> None:
    before = (site / "out" / "bottle_caps" / "tiny-0" / "model.onnx").stat().st_mtime_ns
    (site / "out" / "accuracy.md").unlink()
    began = time.monotonic()

    collected = compare(site, "--collect", "--json")

    assert collected.returncode == 0
    assert [Path(p).suffix for p in json.loads(collected.stdout)["written"]] == [".json", ".md", ".csv", ".png", ".md"]
    assert (site / "out" / "accuracy.md").is_file()
    assert (site / "out" / "bottle_caps" / "tiny-0" / "model.onnx").stat().st_mtime_ns == before
    assert time.monotonic() - began < 120
    listed = json.loads(compare(site, "--dry-run", "--json").stdout)
    assert [job["state"] for job in listed] == ["finished", "finished", "to do"]


@pytest.mark.slow
def test_a_run_that_another_program_trained_is_a_doubt(site: Path) -> None:
    assert "Doubtful" not in (site / "out" / "accuracy.md").read_text()
    folder = site / "out" / "bottle_caps" / "tiny-0"
    kept = {name: (folder / name).read_text() for name in ("job.json", "manifest.json")}
    manifest = json.loads(kept["manifest.json"])
    manifest["metrics"]["caps/auc"] += 0.03
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "job.json").write_text(json.dumps(json.loads(kept["job.json"]) | {"code": "of yesterday"}))

    try:
        compare(site, "--collect")
    finally:
        for name, text in kept.items():
            (folder / name).write_text(text)

    text = (site / "out" / "accuracy.md").read_text()
    assert "bottle_caps come from 2 states of the program" in text
    assert "bottle_caps/tiny-0 on caps: auc was " in text
