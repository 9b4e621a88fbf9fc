"""Which start a plan chooses: the trunk that ships, unless it met what is to calibrate."""

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from inspect_ai.cli.template import write_task
from inspect_ai.config import PLAN, Promise, read_config, read_yaml
from inspect_ai.datasets.folder import LabelledFolder, read_folder
from inspect_ai.model import starts as shipped
from inspect_ai.planning import starts
from inspect_ai.planning.making import make_plan, write
from inspect_ai.plugins import task_named
from inspect_ai.settings import Settings

CONFIG = """name: caps
title: Caps
labels:
  - {name: caps, classes: [pass, flag], positive: [flag]}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A task without a plan, and 40 labelled pictures in three splits, each a group of its own."""
    task = tmp_path / "tasks" / "caps"
    write_task("caps", tmp_path / "tasks")
    (task / "config.yaml").write_text(CONFIG)
    (tmp_path / "caps").mkdir()
    random, lines = np.random.default_rng(0), ["file,label,split,group"]
    for i in range(40):
        cv2.imwrite(str(tmp_path / "caps" / f"{i}.png"), random.integers(0, 256, (64, 64), np.uint8))
        split = ("train", "val", "calibration")[i % 3]
        lines.append(f"{i}.png,{('pass', 'flag')[i % 2]},{split},g{i}")
    (tmp_path / "caps" / "labels.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def ship(monkeypatch: pytest.MonkeyPatch, folder: Path, met: list[Path]) -> None:
    """Let a general trunk of size `small` and `tiny` ship that met these pictures."""
    seen = [hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in met]
    for size in ("small", "tiny"):
        (folder / size).mkdir(parents=True)
        (folder / size / "trunk.safetensors").write_bytes(b"")
        use = {"name": "pool", "labels": "", "rows": {}, "seen": seen, "topped_up": 0}
        (folder / size / "pretrain.json").write_text(json.dumps({"data": [use]}))
    for module in (shipped, starts):
        monkeypatch.setattr(module, "GENERAL_TRUNKS", folder)


def folder_of(site: Path) -> LabelledFolder:
    return read_folder(site / "caps", read_config(site / "tasks" / "caps" / "config.yaml"))


def split(site: Path, name: str) -> list[Path]:
    return [site / "caps" / row.file for row in folder_of(site).part(name)]


def network(site: Path) -> tuple[str, str]:
    """Start that the plan chooses, and the lines of its reason."""
    task = task_named("caps", str(site / "tasks"))
    plan = make_plan(task, [site / "caps"], Settings(tasks=str(site / "tasks")), budget="1m", threads=1)
    write(plan, task, task.folder)
    lines = (task.folder / PLAN).read_text()
    return read_yaml(task.folder / PLAN)["choices"]["network"]["init"], " ".join(lines.replace("#", "").split())


def test_the_trunk_that_ships_starts_a_task_whose_calibration_it_never_met(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship(monkeypatch, tmp_path / "shipped", split(site, "train")[:3])

    assert network(site)[0] == "general"


def test_a_trunk_that_met_what_is_to_calibrate_is_no_start_and_the_plan_says_so(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship(monkeypatch, tmp_path / "shipped", split(site, "calibration")[:3])

    start, plan = network(site)

    assert start != "general"
    assert "met pictures that are to calibrate (3)" in plan


def test_pictures_that_training_gives_to_calibration_count_too(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship(monkeypatch, tmp_path / "shipped", split(site, "train"))
    few = Promise(sensitivity=0.7, confidence=0.95, most_taken=0.5)  # 9 positives; calibration has 7

    assert starts.met_in_calibration([folder_of(site)], few, "small", given_splits=True) > 0
    assert starts.met_in_calibration([folder_of(site)], Promise(most_taken=0), "small", given_splits=True) == 0
    assert starts.met_in_calibration([folder_of(site)], few, "small", given_splits=False) == len(split(site, "train"))
