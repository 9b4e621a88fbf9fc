"""Blocks are hidden in the right number and place, and the loss looks nowhere else."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from inspect_ai.errors import UsageError
from inspect_ai.settings import Settings
from inspect_ai.training.masked import MaskedModelling, block_statistics, over_blocks, unfolded
from inspect_ai.training.masked_views import Draw, Draws, MaskedSet, Views, crop_of, draw_mask, every_picture
from inspect_ai.training.pretraining import Pretraining, read_pretraining
from inspect_ai.training.pretraining_pictures import Picture, read_pictures


def recipe(**other: object) -> Pretraining:
    return read_pretraining().model_copy(update={"batch": 4, "samples_per_epoch": 40, **other})


def picture(height: int, width: int, task: str = "steel", seed: int = 0, channels: int = 3) -> Picture:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)
    return Picture(pixels=pixels, task=task, group=f"g{seed}", sha256=f"{seed:064x}")


@pytest.mark.parametrize(("cells", "hidden"), [(6, 22), (4, 10), (2, 2)])  # 0.6 of 36, 16 and 4, rounded
def test_every_mask_hides_its_share_of_blocks_and_each_another_one(cells: int, hidden: int) -> None:
    random = np.random.default_rng(0)

    masks = [draw_mask(cells, 0.6, random) for _ in range(50)]

    assert {int(mask.sum()) for mask in masks} == {hidden}
    assert np.mean(masks, axis=0).min() > 0.2  # every block gets its turn
    assert np.mean(masks, axis=0).max() < 0.9


@pytest.mark.parametrize(("size", "side", "block"), [((400, 300), 192, 32), ((130, 131), 128, 32), ((64, 64), 64, 16)])
def test_blocks_are_32_pixels_and_16_in_small_crops(size: tuple[int, int], side: int, block: int) -> None:
    pictures = [picture(*size, seed=i) for i in range(3)]

    (draw,) = every_picture(pictures, recipe())
    views = MaskedSet(pictures, recipe())[draw]

    assert views.pixels.shape == (3, 3, side, side)
    assert views.mask.shape == (3, side // block, side // block)


def test_a_hidden_block_is_a_square_of_pixels() -> None:
    mask = torch.zeros(1, 3, 3, dtype=torch.bool)
    mask[0, 1, 2] = True

    rows, columns = torch.nonzero(over_blocks(mask, 96)[0], as_tuple=True)

    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (32, 63, 64, 95)
    assert len(rows) == 32 * 32


def test_a_small_picture_is_mirrored_beyond_its_border_and_one_channel_stays_one() -> None:
    small = picture(20, 40, channels=1)

    crop = crop_of(small.pixels, 32, np.random.default_rng(0))

    assert crop.shape == (32, 32, 1)
    assert set(np.unique(crop)) <= set(np.unique(small.pixels))


def views(side: int = 64, block: int = 16) -> Views:
    random = np.random.default_rng(3)
    pixels = torch.from_numpy(random.random((2, 3, side, side), dtype=np.float32))
    mask = torch.from_numpy(np.stack([draw_mask(side // block, 0.6, random) for _ in range(2)]))
    return Views(pixels, mask, "steel")


def test_the_network_sees_nothing_of_hidden_pixels() -> None:
    module, shown = MaskedModelling(recipe(), seed=0).eval(), views()
    hidden = over_blocks(shown.mask, 64)[:, None]
    pixels = 2 * shown.pixels - 1

    with torch.no_grad():
        first = module(pixels, shown.mask)
        other_hidden = module(torch.where(hidden, -pixels, pixels), shown.mask)
        other_seen = module(torch.where(hidden, pixels, -pixels), shown.mask)

    assert torch.equal(first, other_hidden)
    assert not torch.allclose(first, other_seen)


class Fixed(MaskedModelling):
    """Predicts one given picture, so that the loss can be reckoned by hand."""

    prediction: torch.Tensor

    def forward(self, pixels: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        del pixels, mask
        return self.prediction


def test_the_loss_is_the_mean_distance_over_hidden_pixels_alone() -> None:
    module, shown = Fixed(recipe(), seed=0), views()
    module.prediction = torch.from_numpy(np.random.default_rng(4).standard_normal((2, 3, 64, 64), dtype=np.float32))

    loss = float(module.losses(shown)[0])

    distances = []
    for b, row, column in np.argwhere(shown.mask.numpy()):
        square = (b, slice(None), slice(16 * row, 16 * row + 16), slice(16 * column, 16 * column + 16))
        block = 2.0 * shown.pixels.numpy()[square].astype(np.float64) - 1.0
        target = (block - block.mean()) / np.sqrt(block.var() + (4 / 255) ** 2)
        distances.append(np.abs(module.prediction.numpy()[square] - target).mean())
    assert loss == pytest.approx(np.mean(distances), rel=1e-5)


def test_what_is_said_or_shown_outside_hidden_blocks_leaves_the_loss_as_it_is() -> None:
    module, shown = Fixed(recipe(), seed=0), views()
    module.prediction = torch.zeros(2, 3, 64, 64)
    outside = ~over_blocks(shown.mask, 64)[:, None].expand(2, 3, 64, 64)
    before = module.losses(shown)

    module.prediction = torch.where(outside, 9.0, 0.0)
    other = Views(torch.where(outside, 1.0 - shown.pixels, shown.pixels), shown.mask, "steel")

    assert module.losses(other) == before
    module.prediction = torch.where(outside, 0.0, 9.0)
    assert module.losses(shown)[0] > before[0] + 1


def test_a_flat_block_is_not_blown_up() -> None:
    grey = torch.full((1, 3, 32, 32), 0.25)
    grey[..., 0] += 2 / 255  # one grey level

    mean, spread = block_statistics(grey, 32)

    assert ((grey - mean) / spread).abs().max() < 1


def test_heads_paint_each_cell_at_its_own_place() -> None:
    cells = torch.zeros(1, 2, 3, 3 * 16 * 16)
    cells[0, 1, 2, 256:512] = torch.arange(256.0)  # green of the cell in row 1, column 2

    painted = unfolded(cells, 16)

    assert painted.shape == (1, 3, 32, 48)
    assert torch.equal(painted[0, 1, 16:, 32:].flatten(), torch.arange(256.0))
    assert painted.sum() == torch.arange(256.0).sum()


def test_a_batch_holds_one_task_and_one_size_and_tasks_come_by_the_root_of_their_pictures() -> None:
    pictures = [picture(64, 64, "lung", i) for i in range(90)] + [picture(128, 128, "steel", i) for i in range(10)]
    draws = Draws(pictures, recipe(samples_per_epoch=4 * 2000), seed=0)

    drawn = list(draws)

    tasks = [{pictures[i].task for i in draw.indices} for draw in drawn]
    assert len(drawn) == 2000
    assert all(len(t) == 1 for t in tasks)
    assert all(draw.side_px == (64 if t == {"lung"} else 128) for draw, t in zip(drawn, tasks, strict=True))
    assert np.mean([t == {"lung"} for t in tasks]) == pytest.approx(3 / 4, abs=0.04)  # sqrt(90) : sqrt(10) = 3 : 1


def test_an_epoch_is_drawn_the_same_again_and_the_next_one_is_not() -> None:
    pictures = [picture(64, 64, "lung", i) for i in range(30)]
    draws = Draws(pictures, recipe(), seed=0)

    first, again = list(draws), list(draws)
    draws.set_epoch(1)

    assert first == again
    assert [draw.indices for draw in first] != [draw.indices for draw in draws]
    data = MaskedSet(pictures, recipe())
    assert torch.equal(data[first[0]].pixels, data[again[0]].pixels)
    assert not torch.equal(data[first[0]].mask, data[first[1]].mask)


def test_a_later_step_crops_the_same_picture_elsewhere() -> None:
    data = MaskedSet([picture(100, 100)], recipe(crop=64))

    crops = [data[Draw(indices=(0,), side_px=64, key=(0, 0, step))].pixels for step in range(8)]

    assert sum(torch.equal(crops[0], crop) for crop in crops) == 1


def test_every_part_of_the_trunk_that_pictures_use_is_taught() -> None:
    module = MaskedModelling(recipe(), seed=0)

    module.losses(views())[0].backward()

    untaught = [name for name, p in module.named_parameters() if p.grad is None or not p.grad.any()]
    assert [name for name in untaught if "depth_position" not in name] == []  # depth is for volumes


def test_an_unknown_setting_names_its_nearest_neighbour(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("mask_shar: 0.5\n")

    with pytest.raises(UsageError, match=r"mine\.yaml: 'mask_shar' is no setting\. Did you mean 'mask_share'"):
        read_pretraining(tmp_path / "mine.yaml")


def test_a_file_changes_only_the_settings_that_it_names(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("epochs: 3\n")

    assert read_pretraining(tmp_path / "mine.yaml") == read_pretraining().model_copy(update={"epochs": 3})


@pytest.mark.shared
def test_some_steps_on_real_candidates_lower_the_loss_below_that_of_block_means(shared: Path, tmp_path: Path) -> None:
    source = shared / "data" / "lung_nodule" / "luna16_candidates"
    with (source / "labels.csv").open() as f:
        rows = [row for row in csv.DictReader(f) if row["split"] == "train"][::16]
    with (tmp_path / "labels.csv").open("w", newline="") as f:
        writer = csv.DictWriter(f, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (tmp_path / "images.zip").symlink_to(source / "images.zip")
    config = recipe(batch=16, samples_per_epoch=16 * 60)
    pool = read_pictures([tmp_path], Settings(), config.crop)
    torch.manual_seed(0)
    module = MaskedModelling(config, seed=0)
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.003)
    held_out = MaskedSet(pool.held_out, config)[every_picture(pool.held_out, config)[0]]

    def told() -> tuple[float, float]:
        module.eval()
        with torch.no_grad():
            loss, block_means = module.losses(held_out)
        module.train()
        return float(loss), float(block_means)

    before, _ = told()
    data = MaskedSet(pool.train, config)
    for draw in Draws(pool.train, config, seed=0):
        optimizer.zero_grad()
        module.losses(data[draw])[0].backward()
        optimizer.step()
    after, block_means = told()

    assert after < before - 0.03
    assert after < block_means
