"""Small comparisons for the tests: a plan, scores written as runs would, and a training that takes no time."""

import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.accuracy.plan import BenchPlan, Job, jobs_of
from benchmarks.accuracy.scores import COLUMNS, Scores, scores_file
from inspect_ai.config import TaskConfig

TASK = TaskConfig.model_validate(
    {"name": "caps", "labels": [{"name": "caps", "classes": ["pass", "flag"], "positive": ["flag"]}]}
)

# A training without learning: it leaves a manifest of the configuration that it was given, and counts itself.
FAKE = """
import os, sys, time
from pathlib import Path
from inspect_ai.config import read_config
from inspect_ai.model.manifest import WEIGHTS, Manifest, write_manifest
folder, seed, seconds = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
with (folder.parent / "started.txt").open("a") as f:
    f.write(f"{folder.name} {os.getpid()}\\n")
print("threads", os.environ["OMP_NUM_THREADS"], flush=True)
if "broken" in folder.name:
    print("inspect-ai: The plates are out of stock.", flush=True)
    raise SystemExit(2)
time.sleep(seconds)
(folder / "checkpoints").mkdir()
(folder / WEIGHTS).write_text(f"weights of {folder.name}")
write_manifest(Manifest(
    task="caps", task_version="1", software="", versions={}, config=read_config(folder / "config.yaml"), seed=seed,
    epoch=0, steps=0, seconds=0.0, init="scratch", parameters=1, metrics={}, data=()), folder)
"""


def fake(job: Job, device: str, seconds: float = 0.0) -> list[str]:
    """Command line of a training that takes `seconds`."""
    return [sys.executable, "-c", FAKE, str(job.folder), str(job.seed), str(seconds)]


def write_data(root: Path) -> None:
    """A labelled folder without pictures: the runner only asks whether its labels changed."""
    (root / "caps").mkdir(parents=True, exist_ok=True)
    (root / "caps" / "labels.csv").write_text("file,label\na.png,pass\nb.png,flag\n")


def plan_of(*models: dict[str, Any], **more: Any) -> BenchPlan:
    """A plan with one task, one data set and seed 0."""
    return BenchPlan.model_validate({"seeds": [0], "tasks": {"caps": {"data": ["caps"]}}, "models": models} | more)


def jobs_in(folder: Path, plan: BenchPlan) -> list[Job]:
    """The plan's jobs, with data in FOLDER/data and runs in FOLDER/out."""
    write_data(folder / "data")
    return jobs_of(plan, {"caps": TASK}, folder / "data", folder / "out")


def written_plan(folder: Path, raw: dict[str, Any]) -> Path:
    """A plan as a YAML file."""
    path = folder / "plan.yaml"
    path.write_text(yaml.safe_dump(raw))
    return path


def scores_of(
    positive: Sequence[bool] | np.ndarray,
    score: Sequence[float] | np.ndarray,
    groups: Sequence[str] | None = None,
    **more: Any,
) -> Scores:
    """Scores of pictures that are groups of their own unless told otherwise."""
    files = tuple(f"{i}.png" for i in range(len(score)))
    labels = tuple("flag" if p else "pass" for p in positive)
    return Scores(
        files=files,
        groups=tuple(groups) if groups is not None else files,
        labels=more.pop("labels", labels),
        positive=np.array(positive, bool),
        score=np.array(score, float),
        **{"grades": (None,) * len(files), "answered_grades": (None,) * len(files)} | more,
    )


def write_scores(job: Job, scores: Scores) -> None:
    """Leave scores in the job's folder as a run would."""
    path = scores_file(job, job.data[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as f:
        writer = csv.writer(f)
        writer.writerow(COLUMNS)
        for i, name in enumerate(scores.files):
            answer = scores.answers[i] if scores.answers else ""
            writer.writerow(
                [
                    name,
                    scores.groups[i],
                    scores.labels[i],
                    int(scores.positive[i]),
                    repr(float(scores.score[i])),
                    answer,
                    "",
                    "",
                ]
            )
