"""The ablation of the tail: its plan, the proved line, the cost told beforehand, and the one table."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.accuracy.__main__ import CONFIG
from benchmarks.accuracy.compare import compare
from benchmarks.accuracy.estimate import Estimator, PictureCost
from benchmarks.accuracy.figures import figures
from benchmarks.accuracy.line import COLUMNS, line_file, line_of, proved_line
from benchmarks.accuracy.plan import config_of, read_plan
from benchmarks.accuracy.running import command_of
from benchmarks.accuracy.summary import summary
from benchmarks.writing import csv_text
from inspect_ai.calibration.groups import Units
from inspect_ai.plugins import task_named
from tests.support.bench import jobs_in, plan_of, scores_of, write_scores


def test_the_plan_of_the_tail_is_sound_and_compares_each_mechanism_with_the_plain_recipe() -> None:
    plan = read_plan(CONFIG.with_name("tail.yaml"))

    assert [model.name for model in plan.models if model.against] == ["plain"]
    for model in plan.models:
        for task in model.tasks or plan.tasks:
            config = config_of(plan, model, task_named(task).config)
            plain = config_of(plan, plan.model("plain"), task_named(task).config)
            assert config.network == plain.network
            assert model.name == "plain" or model.teacher or config.train != plain.train


@pytest.mark.parametrize(("n", "promise", "at"), [(229, 0.987, 0), (228, 0.98, 0), (364, 0.987, 1), (59, 0.95, 0)])
def test_the_line_is_the_best_that_so_many_positives_prove(n: int, promise: float, at: int) -> None:
    scores = np.random.default_rng(0).permutation(np.arange(n) / n).tolist()

    line = proved_line(Units(scores=tuple(scores)), 0.987)

    assert line is not None
    assert (line.sensitivity, line.threshold) == (promise, at / n)
    assert proved_line(Units(scores=tuple(scores[:20])), 0.987) is None


def test_a_line_counts_units_once_and_positives_that_the_gate_leaves_to_a_person(tmp_path: Path) -> None:
    (job,) = jobs_in(tmp_path, plan_of({"name": "a"}))
    rows = [(f"u{i // 2}", repr(0.5 + i / 1000), 1) for i in range(116)] + [("gate", "0.1", 0)]
    job.folder.mkdir(parents=True)
    line_file(job, "caps").write_text(csv_text(COLUMNS, rows))

    line = line_of(job, "caps", 0.95)

    assert line is not None  # 58 units and one left to a person: 59 prove 0.95
    assert (line.sensitivity, line.threshold) == (0.95, 0.5)


def test_the_price_of_a_line_is_counted_on_val_beside_the_references(tmp_path: Path) -> None:
    plan = plan_of({"name": "a", "title": "A | B"}, {"name": "plain", "against": True}, line=0.9)
    truth = np.arange(40) < 10
    jobs = jobs_in(tmp_path, plan)
    for job in jobs:
        above = 3 if job.model == "a" else 6  # negatives at or above one half
        score = np.where(truth, 0.8, np.where(np.arange(40) < 10 + above, 0.5, 0.1))
        write_scores(job, scores_of(truth, score, [f"g{i % 20}" for i in range(40)]))
        line_file(job, "caps").write_text(csv_text(COLUMNS, [(f"u{i}", "0.5", 1) for i in range(29)]))

    (one,) = compare(plan, jobs)

    assert one.line == 0.9
    assert one.models[0].figures["false_positive_rate_at_line"].mean == pytest.approx(3 / 30)
    assert one.models[0].against[0].ratios["false_positives_at_line"].value == pytest.approx(0.5)
    table = summary(plan, [one])
    assert "| caps (line: 0.9) | A / B | 1 | 1.000 |" in table
    assert "| 0.100 | 0.50 (" in table.splitlines()[2]
    assert table.splitlines()[3].endswith("| 0.200 | 1 |")


def test_without_a_line_there_is_no_figure_of_it() -> None:
    scores = scores_of([True, False], [0.9, 0.1])

    assert "false_positives_at_line" not in figures(scores)
    assert figures(scores, 0.1)["false_positive_rate_at_line"] == 1.0


def test_the_cost_is_that_of_all_epochs_with_teachers_and_val(tmp_path: Path) -> None:
    pupil = {"name": "pupil", "teacher": "plain", "teacher_seeds": [0, 1]}
    plan = plan_of({"name": "plain", "train": {"epochs": 5}}, pupil | {"train": {"epochs": 5}}, seeds=[0, 1])
    jobs = jobs_in(tmp_path, plan)
    splits = ["train"] * 30 + ["val"] * 10 + ["calibration"]
    rows = [f"{i}.png,pass,{split},{i}" for i, split in enumerate(splits)]
    (tmp_path / "data" / "caps" / "labels.csv").write_text("\n".join(["file,label,split,group", *rows]) + "\n")
    for i in range(41):
        (tmp_path / "data" / "caps" / f"{i}.png").write_bytes(b"")
    timed: list[str] = []

    def cost(config: object) -> PictureCost:
        timed.append("once")
        return PictureCost(step_s=0.1, answer_s=0.01)

    estimate = Estimator(cost)
    plain, taught = estimate(jobs[0]), estimate(next(job for job in jobs if job.model == "pupil"))

    assert plain == pytest.approx(5 * (30 * 0.1 + 10 * 0.01))
    assert taught == pytest.approx(5 * (30 * 0.1 + 2 * 30 * 0.01 + 10 * 0.01))
    assert timed == ["once"]


def test_a_pupil_of_several_seeds_waits_for_them_all_and_is_given_each(tmp_path: Path) -> None:
    pupil = {"name": "pupil", "teacher": "plain", "teacher_seeds": [0, 1]}
    jobs = {job.name: job for job in jobs_in(tmp_path, plan_of({"name": "plain"}, pupil, seeds=[0, 1]))}

    words = command_of(jobs["caps/pupil-0"], "cpu")

    folders = [str(jobs[f"caps/plain-{seed}"].folder) for seed in (0, 1)]
    assert [words[i + 1] for i, word in enumerate(words) if word == "--teacher"] == folders
    assert [str(folder) for folder in jobs["caps/pupil-0"].needed] == folders
    with pytest.raises(ValueError, match="must be seeds of its teacher"):
        plan_of({"name": "plain"}, pupil | {"teacher_seeds": [7]}, seeds=[0, 1])
