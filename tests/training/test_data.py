"""Draws, crops and batches."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from inspect_ai.config import TaskConfig, parse_config
from inspect_ai.datasets.folder import Row
from inspect_ai.datasets.samples import IGNORE, Sample
from inspect_ai.errors import UsageError
from inspect_ai.training.data import BalancedSampler, TrainSet, collate, whole_batches

LABELS = [{"name": "parts", "classes": ["good", "bad"], "positive": ["bad"], "mask_column": "mask"}]


def config(**augment: object) -> TaskConfig:
    return parse_config(
        {"name": "parts", "labels": LABELS, "augment": {"crop": 64, "scale": 0, "shift": 0, **augment}}, "test"
    )


def sample(label: str, mask: NDArray[np.uint8] | None, size: tuple[int, int] = (200, 200)) -> Sample:
    pixels = np.full((*size, 1), 100, np.uint8)
    row = Row(file="a.png", label=label, split="train", group="g")
    return Sample(pixels=pixels, mask=mask, row=row, labels=config().labels[0], sha256="0")


def test_a_crop_is_positive_only_where_it_shows_the_defect() -> None:
    mask = np.zeros((200, 200), np.uint8)
    mask[:10, :10] = 1
    data = TrainSet([sample("bad", mask)], config(), seed=0)

    seen = [data[0] for _ in range(60)]

    labels = [item[1] for item in seen]
    assert {0, 1} <= set(labels)
    for _, positive, _, _, shown, *_ in seen:
        assert (positive == 1) == (shown.sum() >= 12)


def test_a_positive_with_an_empty_mask_stays_positive_everywhere() -> None:
    data = TrainSet([sample("bad", np.zeros((200, 200), np.uint8))], config(), seed=0)

    assert {data[0][1] for _ in range(10)} == {1}
    assert (data[0][4] == IGNORE).all()


def test_small_pictures_are_padded_to_the_crop() -> None:
    data = TrainSet([sample("good", None, (40, 50))], config(), seed=0)

    assert data[0][0].shape == (64, 64, 1)


def test_draws_keep_the_asked_share_of_positives_and_follow_from_seed_and_epoch() -> None:
    samples = [sample("bad", None)] * 10 + [sample("good", None)] * 90
    sampler = BalancedSampler(samples, 200, 0.5, seed=3)

    first = list(sampler)
    again = list(sampler)
    sampler.set_epoch(1)

    assert first == again
    assert first != list(sampler)
    assert sum(i < 10 for i in first) == pytest.approx(100, abs=2)


def test_an_epoch_without_weights_sees_every_sample_once() -> None:
    assert sorted(BalancedSampler([sample("good", None)] * 37, None, None, seed=0)) == list(range(37))


def test_validation_batches_hold_every_unit_once_at_work_size() -> None:
    samples = [sample("good", None, size) for size in ((64, 64), (70, 64), (64, 64))]

    batches = whole_batches(samples, config(), 16)

    assert sorted(i for _, chosen in batches for i in chosen) == [0, 1, 2]
    assert sorted(tuple(b.pixels.shape) for b, _ in batches) == [(1, 1, 96, 64), (2, 1, 64, 64)]


def test_collate_scales_to_one() -> None:
    item = TrainSet([sample("good", None)], config(brightness=0, contrast=0), seed=0)[0]

    batch = collate([item, item])

    assert batch.pixels.shape == (2, 1, 64, 64)
    assert batch.pixels.unique().tolist() == pytest.approx([100 / 255])


def voted(readers: str, label: str = "bad", mask: NDArray[np.uint8] | None = None) -> Sample:
    labels = config().labels[0].model_copy(update={"soft_column": "Readers", "soft_of": 4.0})
    plain = sample(label, mask)
    return replace(plain, labels=labels, row=replace(plain.row, columns=(("label", label), ("readers", readers))))


def test_votes_become_targets_and_an_empty_cell_leaves_the_label() -> None:
    data = TrainSet([voted("3"), voted(""), voted("1", "good")], config(), seed=0)

    batch = collate([data[0], data[1], data[2]])

    assert batch.soft is not None
    assert batch.index is not None
    assert batch.soft.tolist() == [0.75, 1.0, 0.25]
    assert batch.index.tolist() == [0, 1, 2]


def test_a_crop_beside_the_defect_is_negative_whatever_the_votes_say() -> None:
    mask = np.zeros((200, 200), np.uint8)
    mask[:10, :10] = 1
    data = TrainSet([voted("3", mask=mask)], config(), seed=0)

    found = {(item[1], item[5]) for item in (data[0] for _ in range(60))}

    assert {(1, 0.75), (0, 0.0)} <= found <= {(1, 0.75), (0, 0.0), (IGNORE, IGNORE)}


@pytest.mark.parametrize("readers", ["5", "-1", "many", "nan"])
def test_a_vote_that_is_no_share_is_named_with_its_picture(readers: str) -> None:
    with pytest.raises(UsageError, match=r"Readers of 'a.png'|Readers of a.png .*a number from 0 to 4"):
        TrainSet([voted(readers)], config(), seed=0)
