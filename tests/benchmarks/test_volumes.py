"""Volume benchmark: inputs of each arm, halves that share nothing, and a whole run on real series."""

from __future__ import annotations

import csv
import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from typer.testing import CliRunner

from benchmarks.volumes.__main__ import app
from benchmarks.volumes.arms import answer
from benchmarks.volumes.augment import VolumeAugment
from benchmarks.volumes.data import PatchSample, SampleCounts, SampleKind, halves, make_samples, patch
from benchmarks.volumes.results import Arm
from benchmarks.volumes.scene import BOX_MARGIN_MM, Scene, open_scene, open_scenes
from benchmarks.volumes.shapes import MadeNodule
from benchmarks.volumes.study import CONFIG, splits
from inspect_ai.config import read_config
from inspect_ai.errors import InputError
from inspect_ai.model.network import Network
from inspect_ai.settings import Settings
from tests.benchmarks.test_virtual_nodules import chest, middle_of_a_lung

SLICES = 5


@pytest.fixture(scope="module")
def counts() -> SampleCounts:
    return SampleCounts.of(read_config(CONFIG))


@pytest.fixture(scope="module")
def scene() -> Scene:
    return open_scene("series 1", chest())


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(0)
    config = read_config(CONFIG)
    made = Network(config).eval()
    for name, parameter in made.named_parameters():
        if name.endswith(("scale_1", "scale_2")):
            torch.nn.init.ones_(parameter)  # attention speaks up, as it does after training
    return made


@pytest.fixture
def stacks() -> torch.Tensor:
    """Four stacks that differ in their slices 0 and 1: neither, one, the other, both."""
    random = torch.Generator().manual_seed(1)
    base, other = (torch.rand(1, 1, SLICES, 64, 64, generator=random) for _ in range(2))
    made = base.repeat(4, 1, 1, 1, 1)
    made[1:4:2, :, 0] = other[:, :, 0]
    made[2:, :, 1] = other[:, :, 1]
    return made


@torch.inference_mode()
def test_the_key_slice_arm_sees_its_middle_slice_alone(network: Network, stacks: torch.Tensor) -> None:
    answers = answer(Arm.KEY, network, stacks)
    assert torch.allclose(answers, answers[:1].expand(4), atol=1e-6)
    stacks[0, :, SLICES // 2] = 0.0
    assert abs(answer(Arm.KEY, network, stacks)[0] - answers[0]) > 1e-4


@torch.inference_mode()
def test_the_stack_arm_adds_up_slices_and_the_volume_arm_relates_them(network: Network, stacks: torch.Tensor) -> None:
    exact, doubled = deepcopy(network).double(), stacks.double()
    sign = torch.tensor([1.0, -1.0, -1.0, 1.0])  # what remains is the interplay of the two slices
    single = [(answer(arm, exact, doubled) * sign).sum().abs().item() for arm in (Arm.STACK, Arm.VOLUME)]
    assert single[0] < 1e-10
    assert single[1] > 1e-6


@torch.inference_mode()
def test_all_arms_agree_on_a_stack_of_one_slice(network: Network, stacks: torch.Tensor) -> None:
    key, stack, volume = (answer(arm, network, stacks[:, :, :1]) for arm in Arm)
    assert torch.allclose(key, stack, atol=1e-5)
    assert torch.allclose(key, volume, atol=1e-5)


def test_patches_of_one_lung_hold_no_voxel_of_the_other_half(scene: Scene, counts: SampleCounts) -> None:
    """Paint one half white: the patches of the other half never show it."""
    random = np.random.default_rng(0)
    for half, painted in zip(
        halves(scene, counts.patch_px), (slice(scene.midline, None), slice(0, scene.midline)), strict=True
    ):
        hu = np.full_like(scene.volume.hu, -1000)
        hu[:, :, painted] = 2000
        white = replace(scene, volume=replace(scene.volume, hu=hu))
        nearest = 0.0
        for _ in range(300):
            place = scene.random_place(random, half.columns)
            assert patch(white, place, counts, 9, random).max() == 0
            nearest = max(nearest, -abs(place[2] - scene.midline))
        edge = half.columns[1] - 1 if half.side == "left" else half.columns[0]
        assert patch(white, np.array([5.0, 100.0, edge]), counts, 9, random).max() == 0


def test_a_stack_shows_the_slices_around_its_key_slice_and_repeats_the_last_beyond_its_reach(
    counts: SampleCounts,
) -> None:
    thick = open_scene("made", chest(step=8.0))
    numbered = np.broadcast_to(np.arange(25, dtype=np.int16)[:, None, None] * 10 - 1000, thick.volume.hu.shape)
    shown = replace(thick, volume=replace(thick.volume, hu=numbered.copy()))

    def slices(z: float) -> list[int]:
        stack = patch(shown, np.array([z, 130.0, 100.0]), counts, 9, np.random.default_rng(0))
        return [round(float(one.mean()) / 255 * 1400 / 10) for one in stack]

    assert slices(10.2) == [8, 8, 8, 9, 10, 11, 12, 12, 12]  # two slices of 8 mm are within 20 mm
    assert slices(0.0) == [0, 0, 0, 0, 0, 1, 2, 2, 2]


def test_a_made_nodule_lies_in_the_middle_of_its_key_slice(scene: Scene, counts: SampleCounts) -> None:
    place = middle_of_a_lung(scene)
    nodule = MadeNodule(diameter_mm=12.0, density_hu=50.0)
    stack = patch(scene, place, counts, 9, np.random.default_rng(0), [(nodule, place)]).astype(float)
    key = stack[4]
    rows, columns = np.nonzero(key > (key.max() + np.median(key)) / 2)
    assert abs(rows.mean() - 32) <= 3
    assert abs(columns.mean() - 32) <= 3
    assert stack[4].sum() > stack[3].sum()
    assert stack[4].sum() > stack[5].sum()


def test_each_lung_teaches_once_and_tests_once_and_never_both_at_a_time(scene: Scene) -> None:
    scenes = [replace(scene, name=f"series {i}") for i in (1, 2, 3)]
    first, second = splits(scenes)
    assert set(first.train).isdisjoint(first.test)
    assert (first.train, first.test) == (second.test, second.train)
    assert len({*first.train, *first.test}) == 6
    assert {name.split(",")[0] for name in first.train} == {"series 1", "series 2", "series 3"}
    assert len({name.split(",")[1] for name in first.train}) == 2  # both sides of the body teach


def test_augmentation_keeps_the_shape_and_changes_the_content() -> None:
    volume = np.random.default_rng(0).random((1, 8, 16, 16), dtype=np.float32)
    augment = VolumeAugment(read_config(CONFIG).augment, seed=0)

    changed = [augment(volume) for _ in range(4)]

    assert all(c.shape == volume.shape and c.dtype == np.float32 for c in changed)
    assert any(not np.array_equal(c, volume) for c in changed)


@pytest.mark.shared
def test_nothing_is_made_in_or_taken_from_an_annotated_tumour(shared: Path, counts: SampleCounts) -> None:
    data = shared / "data" / "lung_nodule" / "ct_series"
    rows = list(csv.DictReader((data / "annotations.csv").open()))
    few = replace(counts, nodules=12, tubes=12, weaker=40)
    for scene in open_scenes(data, Settings()):
        mine = [row for row in rows if row["series_uid"] == scene.volume.series_uid]
        assert len(scene.boxes) == len(mine) > 5
        samples = make_samples(scene, few, 9, seed=0)
        assert {s.kind for s in samples} == set(SampleKind)
        for sample in samples:
            assert not [row for row in mine if lies_in(sample, row, scene)]


@pytest.mark.shared
def test_a_series_that_lost_a_slice_is_refused(shared: Path, tmp_path: Path) -> None:
    source = shared / "data" / "lung_nodule" / "ct_series" / "Lung_Dx-A0002"
    for file in source.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    last = max(tmp_path.iterdir())  # without it there is no gap that could show
    last.write_bytes(last.read_bytes()[:2000])
    with pytest.raises(InputError, match="whole series"):
        open_scenes(tmp_path, Settings())


def lies_in(sample: PatchSample, row: dict[str, str], scene: Scene) -> bool:
    z, r, c = sample.place
    uid = scene.volume.sop_instance_uids[round(z)]
    if uid != row["sop_instance_uid"]:
        return False
    down, across = (BOX_MARGIN_MM / mm for mm in scene.volume.spacing_mm[1:])
    within_rows = float(row["row_min"]) - down <= r <= float(row["row_max"]) + down
    return within_rows and float(row["col_min"]) - across <= c <= float(row["col_max"]) + across


@pytest.mark.shared
@pytest.mark.slow
def test_a_tiny_run_from_series_to_table_and_picture(shared: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    config = yaml.safe_load(CONFIG.read_text("utf-8"))
    config["options"] |= {"nodules": 8, "made_vessels": 8, "weaker_candidates": 4}
    config["network"]["init"] = "scratch"
    config["train"] |= {"epochs": 1, "batch": 8}
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(config), "utf-8")
    data, out = shared / "data" / "lung_nodule" / "ct_series", tmp_path / "out"
    args = ["--data", str(data), "--out", str(out), "--config", str(tmp_path / "tiny.yaml"), "--json"]
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 0, result.output
    written = json.loads(result.stdout.splitlines()[-1])["written"]
    assert [Path(w).name for w in written] == ["volumes.json", "volumes.md", "volumes.png"]
    found = json.loads((out / "volumes.json").read_text("utf-8"))
    assert found["samples"]["made nodule"] == found["samples"]["made vessel"] == 32
    assert found["scans"] == 4
    assert found["candidates_a_scan"] == found["samples"]["real candidate"] / 4
    for arm in ("key slice", "stack of slices", "volume"):
        figures = found["arms"][arm]
        assert figures["auc_made_vessels"]["n"] == 32
        low, high = figures["auc_made_vessels"]["interval"]
        assert 0 <= low <= figures["auc_made_vessels"]["value"] <= high <= 1
        by_band = figures["sensitivity_given_a_candidate"]["4"]
        assert sum(by_band[band]["n"] for band in ("3-6 mm", "6-10 mm", "10-20 mm")) == by_band["all"]["n"] == 32
        whole = figures["sensitivity_end_to_end"]["4"]["all"]["value"]
        assert whole <= min(by_band["all"]["value"], found["finder"]["all"]["value"])
    table = (out / "volumes.md").read_text("utf-8")
    assert "| key slice | stack of slices | volume |" in table
    assert "does not show" in table
    assert (out / "volumes.png").stat().st_size > 50_000
