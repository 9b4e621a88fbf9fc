"""Grad-CAM against answers by hand, by finite differences, and by the class activation map that it generalises."""

from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmarks.heat.gradcam import gradcam, gradcam_heat
from inspect_ai.model.network import Network, normalised
from inspect_ai.model.readout import Readings
from tests.model.conftest import config_of


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)


class FixedTokens(nn.Module):
    """A trunk that shows the same 2 x 2 cells of two channels whatever it sees."""

    def __init__(self, tokens: list[list[list[float]]]) -> None:
        super().__init__()
        self.tokens = torch.tensor([tokens])  # [1, 2, 2, 2]

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        return (self.tokens,)


class TwoLayers(nn.Module):
    """logit = mean over cells of 2 relu(a + b) - relu(a - b)."""

    def forward(self, scales: tuple[Tensor, ...]) -> Readings:
        a, b = scales[0].unbind(dim=-1)
        logit = (2.0 * (a + b).relu() - (a - b).relu()).mean(dim=(1, 2))
        return Readings(logit[:, None], torch.zeros(1), (), None, torch.zeros(1, 1))


class Toy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trunk = FixedTokens([[[1.0, 0.0], [0.0, 2.0]], [[3.0, 1.0], [-2.0, 0.1]]])
        self.readout = TwoLayers()


def network_of(**network: Any) -> Network:
    return Network(config_of(size="tiny", **network)).eval().requires_grad_(False)


def test_the_map_of_a_two_layer_toy_is_the_one_worked_out_on_paper() -> None:
    found = gradcam(cast(Network, Toy()), torch.zeros(1, 3, 64, 64))

    # Four times the slopes of a: 1, 2, 1, 0; of b: 3, 2, 3, 0. So their means are 1/4 and 1/2,
    # and a/4 + b/2 is 0.25, 1, 1.25 and -0.45, of which ReLU leaves 0.
    torch.testing.assert_close(found, torch.tensor([[[0.25, 1.0], [1.25, 0.0]]]))


def test_weights_agree_with_raising_each_channel_a_little() -> None:
    network = network_of(decision="pooled").double()
    x = torch.rand(1, 3, 64, 96, dtype=torch.float64)
    scales = network.trunk(normalised(x))
    last, step = scales[-1], 1e-5
    slopes = []
    for channel in range(last.shape[-1]):
        bump = torch.zeros(last.shape[-1], dtype=torch.float64)
        bump[channel] = step
        up, down = (network.readout((*scales[:-1], last + s * bump)).logits[0, 0] for s in (1.0, -1.0))
        slopes.append((up - down) / (2 * step))
    cells = last.shape[1] * last.shape[2]
    expected = (last @ (torch.stack(slopes) / cells)).clamp(min=0.0)

    found = gradcam(network, x)

    assert found.max() > 0.0
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-12)


def test_after_average_pooling_it_is_the_class_activation_map_that_the_network_shows_itself() -> None:
    network = network_of(readout="average")
    pixels = np.random.default_rng(0).random((3, 90, 130), np.float32)

    found = gradcam_heat(network, pixels, 32)

    padded = np.pad(pixels, ((0, 0), (0, 6), (0, 30)), mode="edge")
    own = network(torch.from_numpy(padded)[None]).heat[0, 0].numpy()
    assert own.std() > 0.01 * own.mean()
    np.testing.assert_allclose(found / found.sum(), own, rtol=1e-3, atol=1e-6)


def test_a_decision_by_evidence_is_asked_at_the_last_tokens_that_it_uses() -> None:
    network = network_of(decision="evidence")
    x = torch.rand(1, 3, 64, 64)

    assert gradcam(network, x).shape == (1, 4, 4)  # stride 16
    assert gradcam(network, x, layer=2).eq(0.0).all()  # stride 32 has no say


def test_the_map_lies_on_the_cells_of_stride_8_where_the_network_s_own_map_lies() -> None:
    network = network_of(decision="both")
    pixels = np.random.default_rng(1).random((3, 70, 100), np.float32)

    assert gradcam_heat(network, pixels, 32).shape == (12, 16)  # of 96 x 128, the padded unit


def test_one_token_s_heat_is_centred_where_the_readout_takes_the_token_to_lie(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = torch.zeros(1, 6, 6)  # stride 16 of 96 x 96
    token[0, 2, 3] = 1.0
    monkeypatch.setattr("benchmarks.heat.gradcam.gradcam", lambda network, x: token)
    pixels = np.zeros((3, 96, 96), np.float32)

    def centre(decision: str) -> list[float]:
        heat = gradcam_heat(network_of(decision=decision), pixels, 32)
        places = 8.0 * np.arange(12) + 4.0
        return [float(heat.sum(axis=axis) @ places / heat.sum()) for axis in (1, 0)]

    assert centre("both") == pytest.approx([32.0, 48.0])  # attention: at pixel 16 * i
    assert centre("evidence") == pytest.approx([40.0, 56.0])  # a cell: from 16 * i to 16 * i + 16
