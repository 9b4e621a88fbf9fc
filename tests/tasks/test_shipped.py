"""What ships with each task belongs together, fits its size, and reaches on val what its card says."""

from pathlib import Path

import numpy as np
import pytest

from inspect_ai.certificates.deployment import POINT_FILE
from inspect_ai.config import config_sha256
from inspect_ai.domain import Unit
from inspect_ai.inspection.loading import load
from inspect_ai.journeys.evaluate import evaluate_task
from inspect_ai.model.engine import open_engine
from inspect_ai.plugins import probability, task_named
from inspect_ai.settings import Settings, bundled

TASKS = ("castings", "fundus", "lung_nodule", "metal_surface")
SIDES = {"castings": (300, 300), "fundus": (384, 384), "lung_nodule": (64, 64), "metal_surface": (270, 333)}
CERTIFIED = {"castings": 0.95, "fundus": 0.95, "lung_nodule": 0.987}  # and the sensitivity
MEGABYTE = 1_000_000


def units(task: str, count: int) -> list[Unit]:
    """Pictures that differ: blurred noise with a bright or dark spot of growing size."""
    channels = task_named(task).config.input.channels
    random = np.random.default_rng(5)
    made = []
    for i in range(count):
        height, width = SIDES[task]
        rows, columns = np.mgrid[:height, :width]
        spot = np.hypot(rows - random.integers(height), columns - random.integers(width)) < 4 + 2 * i
        grey = np.clip(0.4 + 0.06 * random.standard_normal((height, width)) + spot * (0.4 if i % 2 else -0.3), 0, 1)
        made.append(Unit(pixels=np.repeat(grey[None], channels, axis=0).astype(np.float32)))
    return made


@pytest.mark.parametrize("task", TASKS)
def test_weights_and_graph_are_small_and_are_those_of_the_manifest(task: str) -> None:
    folder = bundled("tasks") / task

    assert (folder / "weights.safetensors").stat().st_size <= 6 * MEGABYTE
    assert (folder / "model.onnx").stat().st_size <= 6 * MEGABYTE
    assert open_engine(folder, kind="onnx").problems == ()
    assert open_engine(folder, kind="torch").problems == ()


@pytest.mark.parametrize("task", TASKS)
def test_the_operating_point_belongs_to_the_weights_and_the_config_at_work(task: str) -> None:
    inspector = load(task_named(task), settings=Settings())

    assert inspector.mismatches == ()
    assert config_sha256(open_engine(bundled("tasks") / task).manifest.config) == inspector.point.digests.config_sha256


@pytest.mark.parametrize("task", CERTIFIED)
def test_the_certificate_that_ships_is_for_this_code(task: str) -> None:
    """Where this fails, code that makes scores was changed: `make certificates DATA=DIR` issues it again."""
    assert load(task, settings=Settings()).mismatches == ()


def test_the_line_for_patients_that_ships_is_certified_for_this_code() -> None:
    line = load("lung_nodule", operating_point=bundled("tasks") / "lung_nodule" / "lidc" / POINT_FILE)

    assert line.mismatches == ()
    assert line.point.proof.proved_sensitivity >= 0.987
    assert "one patient" in line.point.covers


def test_each_task_is_certified_for_what_its_positives_prove_or_says_what_is_missing() -> None:
    points = {task: load(task_named(task), settings=Settings()).point for task in TASKS}

    for task, least in CERTIFIED.items():
        assert points[task].certified
        assert points[task].proof.proved_sensitivity >= least
    assert "229" in (points["metal_surface"].proof.refusal or "")


@pytest.mark.parametrize("task", TASKS)
def test_the_serving_engine_says_what_torch_says(task: str) -> None:
    folder, some = bundled("tasks") / task, units(task, 12)

    served = [probability(o.logits[0]) for o in open_engine(folder, kind="onnx").run(some)]
    reference = [probability(o.logits[0]) for o in open_engine(folder, kind="torch").run(some)]

    assert np.ptp(reference) > 1e-3  # the pictures differ, else this test could not fail
    np.testing.assert_allclose(served, reference, atol=2**-12)


@pytest.mark.parametrize("task", TASKS)
def test_a_decision_depends_on_no_neighbour_no_order_and_no_thread(task: str) -> None:
    folder, some = bundled("tasks") / task, units(task, 8)
    engine = open_engine(folder)

    forward = [probability(o.logits[0]) for o in engine.run(some)]
    backward = [probability(o.logits[0]) for o in engine.run(some[::-1])][::-1]
    alone = [probability(engine.run([u])[0].logits[0]) for u in some]
    two_threads = [probability(o.logits[0]) for o in open_engine(folder, threads=2).run(some)]

    assert forward == backward == alone
    np.testing.assert_allclose(two_threads, forward, atol=2**-16)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("task", "data", "figure", "least"),
    [
        ("lung_nodule", "lung_nodule/luna16_candidates", "auc", 0.98),
        ("metal_surface", "metal_surface/magnetic_tile", "auc", 0.93),
        ("metal_surface", "metal_surface/neu_det", "accuracy", 0.99),
        ("metal_surface", "metal_surface/x_sdd", "accuracy", 0.96),
        ("castings", "metal_surface/castings", "auc", 0.98),
        ("fundus", "fundus/eyepacs_subset", "auc", 0.75),
        ("fundus", "fundus/idrid_lesions", "auc", 0.95),
    ],
)
def test_the_shipped_weights_reach_on_val_what_their_card_says(
    shared: Path, task: str, data: str, figure: str, least: float
) -> None:
    evaluation = evaluate_task(task, shared / "data" / data, settings=Settings(), split="val")

    assert getattr(evaluation, figure) >= least
