from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from benchmarks.accuracy.__main__ import CONFIG
from benchmarks.accuracy.plan import chosen, config_of, read_plan
from benchmarks.accuracy.running import command_of
from inspect_ai.errors import UsageError
from inspect_ai.plugins import task_named
from tests.support.bench import TASK, jobs_in, plan_of, written_plan

MODEL = {"name": "tiny"}
TASKS = {"caps": {"data": ["caps"]}}


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"tasks": TASKS, "models": [MODEL | {"netwrok": {}}]}, "Did you mean 'network'?"),
        ({"tasks": TASKS, "models": []}, "models"),
        ({"models": [MODEL]}, "'tasks'"),
        ({"tasks": TASKS, "models": [MODEL, MODEL]}, "two models are called tiny"),
        ({"tasks": TASKS, "models": [MODEL | {"teacher": "tinny"}]}, "did you mean 'tiny'?"),
        ({"tasks": TASKS, "models": [MODEL | {"tasks": ["cups"]}]}, "did you mean 'caps'?"),
        ({"tasks": TASKS, "models": [MODEL], "changes": {"cups": {}}}, "did you mean 'caps'?"),
        ({"tasks": {"caps": {"data": ["caps"], "figures": ["auk"]}}, "models": [MODEL]}, "'auc'"),
        ({"tasks": TASKS, "models": [{"name": "../out"}]}, "'models.0.name'"),
    ],
)
def test_a_fault_in_the_plan_is_a_sentence_with_file_and_place(tmp_path: Path, raw: dict[str, Any], said: str) -> None:
    path = written_plan(tmp_path, raw)

    with pytest.raises(UsageError) as e:
        read_plan(path)

    assert str(path) in str(e.value)
    assert said in str(e.value)


def test_a_fault_in_a_models_network_names_model_task_and_the_nearest_key() -> None:
    plan = plan_of({"name": "wide", "network": {"sizes": "tiny"}})

    with pytest.raises(
        UsageError, match=r"model wide for task caps: 'network.sizes' is no setting. Did you mean 'size'"
    ):
        config_of(plan, plan.models[0], TASK)


def test_a_configuration_is_the_tasks_under_the_changes_under_the_models_own() -> None:
    model = {"name": "a", "network": {"size": "tiny"}, "train": {"batch": 8}, "init_from": "runs/start"}
    plan = plan_of(model, changes={"caps": {"train": {"epochs": 3, "batch": 64}}})

    config = config_of(plan, plan.models[0], TASK)

    assert (config.train.epochs, config.train.batch, config.train.lr) == (3, 8, TASK.train.lr)
    assert (config.network.size, config.network.init) == ("tiny", "runs/start")
    assert plan.models[0].departures == ("train.batch = 8", "starts from runs/start")


def test_all_models_of_a_seed_come_before_the_next_and_teachers_before_their_pupils(tmp_path: Path) -> None:
    pupil = {"name": "pupil", "teacher": "master"}
    plan = plan_of(pupil, {"name": "master"}, {"name": "once", "seeds": [7]}, seeds=[0, 1])

    jobs = jobs_in(tmp_path, plan)

    names = [job.name for job in jobs]
    assert names == ["caps/master-0", "caps/pupil-0", "caps/master-1", "caps/pupil-1", "caps/once-7"]
    assert jobs[1].teachers == (jobs[0].folder,)


def test_only_chooses_by_task_model_or_run_and_names_what_there_is(tmp_path: Path) -> None:
    jobs = jobs_in(tmp_path, plan_of({"name": "a"}, {"name": "b"}, seeds=[0, 1]))

    assert [job.name for job in chosen(jobs, ["caps/b", "*/a-0"])] == ["caps/a-0", "caps/b-0", "caps/b-1"]
    assert chosen(jobs, ["caps"]) == jobs
    with pytest.raises(UsageError, match="caps/a, caps/b"):
        chosen(jobs, ["caps/c"])


def test_the_shipped_plan_is_sound_for_its_tasks() -> None:
    plan = read_plan(CONFIG)

    bases = {name: task_named(name).config for name in plan.tasks}

    assert any(model.against for model in plan.models)
    for model in plan.models:
        for task in model.tasks or plan.tasks:
            config_of(plan, model, bases[task])


def test_weights_with_other_views_are_exported_from_the_run_that_has_them_and_change_nothing_else(
    tmp_path: Path,
) -> None:
    copy = {"name": "copy", "weights_of": "tiny", "network": {"views": "flips"}}
    tiny = {"name": "tiny", "network": {"size": "tiny"}, "train": {"batch": 8}}
    trained, exported = jobs_in(tmp_path, plan_of(copy, tiny, seeds=[4]))

    assert (trained.model, exported.model) == ("tiny", "copy")
    assert exported.needed == (trained.folder,)
    words = command_of(exported, "cpu")
    assert words[words.index("export") + 1] == str(trained.folder)
    assert words[words.index("--views") + 1] == "flips"
    assert exported.config.network == trained.config.network.model_copy(update={"views": "flips"})
    assert exported.config.train == trained.config.train


def test_a_copy_of_weights_changes_its_views_alone() -> None:
    with pytest.raises(ValidationError, match="changes network"):
        plan_of({"name": "copy", "weights_of": "tiny", "network": {"size": "small"}}, {"name": "tiny"})
