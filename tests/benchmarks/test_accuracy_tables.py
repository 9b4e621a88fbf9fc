import csv
import io
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from benchmarks.accuracy import picture, tables
from benchmarks.accuracy.compare import compare
from benchmarks.accuracy.cost import gmacs
from benchmarks.accuracy.plan import BenchPlan
from benchmarks.accuracy.results import DataSet, MeasuredCosts, ModelCost
from inspect_ai.config import TaskConfig, laid_over
from inspect_ai.errors import InputError, SetupError
from tests.support.bench import TASK, jobs_in, plan_of, scores_of, write_scores

MODELS = (
    {"name": "better", "title": "The better one", "train": {"epochs": 3}},
    {"name": "reference", "title": "The reference", "against": True, "network": {"backbone": "resnet18"}},
    {"name": "untrained"},
)


def random_scores(seed: int, apart: float) -> Any:
    """The same 90 pictures of 30 groups each time, scored by a model that tells them apart so well."""
    truth = np.random.default_rng(0).random(90) < 0.4
    score = np.round(np.random.default_rng(seed).normal(0, 1, 90) + apart * truth, 1)
    return scores_of(truth, score, [f"g{i // 3}" for i in range(90)])


@pytest.fixture
def compared(tmp_path: Path) -> tuple[BenchPlan, list[DataSet]]:
    plan = plan_of(*MODELS, seeds=[0, 1])
    for job in jobs_in(tmp_path, plan):
        if job.model != "untrained":
            write_scores(job, random_scores(job.seed, 2.5 if job.model == "better" else 1.0))
    return plan, compare(plan, jobs_in(tmp_path, plan))


def costs_of(*names: str) -> MeasuredCosts:
    cost = ModelCost(
        task="caps", parameters=1_500_000, gmacs=0.25, gmacs_own=0.1, own_px=64, best_ms=20.0, median_ms=25.0,
        speed_ratio={"reference": 2.5}, gpu_images_s=None,
    )  # fmt: skip
    models = {name: replace(cost, median_ms=25.0 * (i + 1)) for i, name in enumerate(names)}
    return MeasuredCosts(machine="a machine", share=0.99, engine="an engine", gpu=None, models=models)


def false_positives(scores: Any) -> int:
    """At sensitivity 0.95, one picture after the other from the highest score down."""
    positives = sorted(scores.score[scores.positive], reverse=True)
    return int((scores.score[~scores.positive] >= positives[-(-95 * len(positives) // 100) - 1]).sum())


def test_figures_and_comparisons_are_means_over_seeds(compared: tuple[BenchPlan, list[DataSet]]) -> None:
    (one,) = compared[1]
    better, reference = one.models
    scores = {apart: [random_scores(seed, apart) for seed in (0, 1)] for apart in (2.5, 1.0)}

    aucs = {apart: np.mean([roc_auc_score(s.positive, s.score) for s in two]) for apart, two in scores.items()}
    assert better.figures["auc"].mean == pytest.approx(aucs[2.5])
    assert reference.against == ()
    (against,) = better.against
    assert against.differences["auc"].value == pytest.approx(aucs[2.5] - aucs[1.0])
    alarms = {apart: sum(false_positives(s) for s in two) for apart, two in scores.items()}
    found = against.ratios["false_positives_at_0.95"]
    assert found.value == pytest.approx(alarms[2.5] / alarms[1.0])
    assert found.low < found.value < found.high < 1
    assert (one.pictures, one.positives, one.groups) == (90, int(scores[1.0][0].positive.sum()), 30)


def test_scores_of_other_pictures_are_not_compared(tmp_path: Path) -> None:
    plan = plan_of(*MODELS)
    jobs = jobs_in(tmp_path, plan)
    write_scores(jobs[0], random_scores(0, 1.0))
    write_scores(jobs[1], scores_of([True, False], [0.9, 0.1]))

    with pytest.raises(InputError, match="lists other pictures"):
        compare(plan, jobs)


def test_the_tables_hold_figures_departures_and_what_is_missing(compared: tuple[BenchPlan, list[DataSet]]) -> None:
    plan, sets = compared

    text = tables.markdown(plan, sets, costs_of("better", "reference"), ["caps/untrained-0"])

    figure = sets[0].models[0].figures["auc"]
    row = next(line for line in text.splitlines() if line.startswith("| better |"))
    assert row.startswith(f"| better | The better one | 2 | {figure.mean:.4f} ± {figure.sd:.4f} | +0.")
    assert "- The better one: train.epochs = 3." in text
    assert "not trained: caps/untrained-0" in text
    assert "chosen too" in text  # that val selected the epoch
    assert "| better | The better one | 1.50 | 0.25 | 0.10 (caps, 64 px) | 40.0 | 50.0 | 2.50 |" in text
    for table in text.split("\n\n"):
        assert len({line.count("|") for line in table.splitlines() if line.startswith("|")}) <= 1


def test_a_task_may_say_which_figures_its_tables_show(compared: tuple[BenchPlan, list[DataSet]]) -> None:
    plan = plan_of(*MODELS, tasks={"caps": {"data": ["caps"], "figures": ["auc"]}})

    text = tables.markdown(plan, compared[1], costs_of(), [])

    assert "AUC less reference's" in text
    assert "FPR at" not in text


def test_csv_and_json_hold_every_figure(compared: tuple[BenchPlan, list[DataSet]]) -> None:
    plan, sets = compared

    rows = list(csv.DictReader(io.StringIO(tables.as_csv(sets))))
    plain = json.loads(json.dumps(tables.as_plain(plan, sets, costs_of("better"), []), allow_nan=False))

    better = {row["figure"]: row for row in rows if row["model"] == "better"}
    against = sets[0].models[0].against[0]
    assert float(better["auc"]["value"]) == sets[0].models[0].figures["auc"].mean
    assert float(better["auc_difference"]["high"]) == against.differences["auc"].high
    assert float(better["false_positives_at_0.987_ratio"]["value"]) == against.ratios["false_positives_at_0.987"].value
    assert plain["data_sets"][0]["models"][0]["figures"]["auc"]["by_seed"] == [
        roc_auc_score(s.positive, s.score) for s in (random_scores(0, 2.5), random_scores(1, 2.5))
    ]


def test_an_infinite_ratio_is_null_in_json_and_drawn_at_the_edge(tmp_path: Path) -> None:
    plan = plan_of(*MODELS)
    jobs = jobs_in(tmp_path, plan)
    write_scores(jobs[0], random_scores(0, 1.0))
    write_scores(jobs[1], random_scores(1, 99.0))  # the reference never errs
    sets = compare(plan, jobs)

    plain = json.dumps(tables.as_plain(plan, sets, costs_of("better", "reference"), []), allow_nan=False)
    picture.draw(tmp_path / "p.png", plan, sets, costs_of("better", "reference"))

    ratios = json.loads(plain)["data_sets"][0]["models"][0]["against"][0]["ratios"]
    assert ratios["false_positives_at_0.95"]["value"] is None
    assert (tmp_path / "p.png").stat().st_size > 10_000


def test_the_picture_shows_every_model_in_its_colour(compared: tuple[BenchPlan, list[DataSet]], tmp_path: Path) -> None:
    plan, sets = compared
    picture.draw(tmp_path / "p.png", plan, sets, costs_of("better", "reference"))

    shown = cv2.imread(str(tmp_path / "p.png"))[..., ::-1]

    for colour in (picture.OURS, picture.REFERENCE):
        rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        assert (shown == rgb).all(axis=-1).sum() > 50
    rgb = [int(picture.THEIRS[i : i + 2], 16) for i in (1, 3, 5)]
    assert not (shown == rgb).all(axis=-1).any()  # no third model was trained


def test_without_matplotlib_a_sentence_says_what_to_install(
    compared: tuple[BenchPlan, list[DataSet]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(SetupError, match=r"pip install -e '\.\[bench\]'"):
        picture.draw(tmp_path / "p.png", *compared, costs_of("better"))


@pytest.fixture
def network() -> Callable[..., TaskConfig]:
    return lambda **keys: TaskConfig.model_validate(
        laid_over(TASK.model_dump(), {"input": {"channels": 3}, "network": {"init": "scratch"} | keys})
    )


def test_multiply_accumulates_of_resnet18_are_those_that_its_authors_count(network: Callable[..., TaskConfig]) -> None:
    found = gmacs(network(backbone="resnet18", readout="average"), 224)

    assert found == pytest.approx(1.82, rel=0.01)  # K. He et al. 2016, table 1: 1.8 x 10^9


def test_the_products_of_attention_are_counted(network: Callable[..., TaskConfig]) -> None:
    small, large = (gmacs(network(size="tiny", attention="global"), side_px) for side_px in (224, 448))
    tokens = (448 // 16) ** 2

    # All else grows with the area. Tokens times tokens, twice a block, at least 96 channels: 16-fold, less 4-fold.
    assert large - 4 * small > 2 * 96 * tokens**2 * (1 - 4 / 16) / 1e9
