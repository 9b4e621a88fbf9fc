"""What the trunk promises: any size, pictures and volumes, no neighbours, nothing dead."""

import pytest
import torch

from inspect_ai.errors import UsageError
from inspect_ai.model.network import Network, Serving, for_work, normalised
from inspect_ai.model.trunk import SIZES
from tests.model.conftest import config_of

PARAMETERS = {"tiny": 864_660, "small": 2_632_948}  # as the model cards say


def awake(size: str = "tiny", attention: str = "stripe") -> Network:
    """A network whose answer depends on its picture: as initialised, branches are scaled down and depth starts at
    zero.
    """
    network = Network(config_of(size=size, attention=attention)).eval()
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.05 * torch.randn_like(p))
    return network


@pytest.mark.parametrize("size", SIZES)
def test_parameter_counts_are_as_published(size: str) -> None:
    assert sum(p.numel() for p in Network(config_of(size=size)).parameters()) == PARAMETERS[size]


@pytest.mark.parametrize("attention", ["stripe", "global", "shifted_window", "spatial_reduction", "separable", "none"])
@pytest.mark.parametrize("shape", [(2, 1, 64, 96), (2, 3, 71, 45), (2, 1, 3, 64, 70)])
def test_any_size_gives_logits_and_heat_at_stride_8(attention: str, shape: tuple[int, ...]) -> None:
    readings = awake(attention=attention)(torch.rand(shape))

    assert readings.logits.shape == (2, 1)
    assert readings.heat.shape == (2, 1, -(-shape[-2] // 8), -(-shape[-1] // 8))
    assert torch.isfinite(readings.logits).all()


@pytest.mark.parametrize("attention", ["stripe", "global", "shifted_window", "spatial_reduction", "separable", "none"])
def test_a_volume_of_one_slice_gives_the_picture_answer(attention: str) -> None:
    network, picture = awake(attention=attention), torch.rand(2, 1, 64, 64)

    torch.testing.assert_close(network(picture[:, :, None]).logits, network(picture).logits)


def test_depth_matters_in_a_volume() -> None:
    network, volume = awake(), torch.rand(1, 1, 4, 64, 64)
    swapped = volume.clone()
    swapped[:, :, [0, 2]] = volume[:, :, [2, 0]]

    assert not torch.allclose(network(volume).logits, network(swapped).logits, atol=1e-4)


def test_a_score_does_not_depend_on_the_other_pictures_of_its_batch() -> None:
    network, pictures = awake(), torch.rand(5, 1, 64, 64)

    together = network(pictures).logits
    alone = torch.cat([network(p[None]).logits for p in pictures])

    assert together.std() > 1e-3  # else this test could not fail
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize("chosen", [{"size": "tiny"}, {"backbone": "resnet18", "readout": "average"}])
def test_features_do_not_depend_on_the_other_pictures_of_the_batch(chosen: dict[str, str]) -> None:
    network, pictures = (
        Network(config_of(**chosen)).eval(),
        torch.rand(4, 1, 64, 64) * torch.linspace(0.2, 1.0, 4)[:, None, None, None],
    )

    together = network(pictures).features
    alone = torch.cat([network(p[None]).features for p in pictures])

    assert together.std(dim=0).max() > 1e-3  # else this test could not fail
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_features_are_the_mean_tokens_of_each_scale() -> None:
    network = awake()
    scales = network.trunk(normalised(torch.rand(2, 1, 64, 96)))
    readout = network.readout

    expected = []
    for project, bias, scale in zip(readout.project, readout.scale_bias, scales, strict=True):
        tokens = torch.stack([readout.norm(project(cell) + bias) for cell in scale.flatten(1, -2).unbind(1)])
        expected.append(tokens.mean(dim=0))

    torch.testing.assert_close(readout(scales).features, torch.cat(expected, dim=1), atol=1e-5, rtol=1e-4)


def test_gradients_reach_every_parameter() -> None:
    network = Network(config_of(size="tiny")).train()
    for block in network.trunk.modules():
        if hasattr(block, "keep"):
            block.keep = 1.0  # no branch left out
    readings = network(torch.rand(4, 1, 3, 64, 64))

    (readings.logits.square().sum() + readings.evidence.square().sum()).backward()  # type: ignore[union-attr]

    dead = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert dead == []


def test_folding_batch_norms_keeps_the_answer_up_to_half_precision() -> None:
    network = Network(config_of(size="tiny")).train()
    for _ in range(3):
        network(torch.rand(8, 1, 64, 64))  # statistics of pictures, not of initialisation
    network.eval()
    picture = torch.rand(2, 1, 64, 64)
    before = network(picture).logits.detach()

    after = for_work(network)(picture).logits

    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules())
    torch.testing.assert_close(after, before, atol=5e-3, rtol=1e-2)


@pytest.mark.parametrize("decision", ["both", "evidence", "pooled"])
def test_heat_sums_to_one(decision: str) -> None:
    heat = Network(config_of(size="tiny", decision=decision)).eval()(torch.rand(2, 1, 64, 96)).heat

    torch.testing.assert_close(heat.sum((-1, -2)), torch.ones(2, 1), atol=1e-3, rtol=0)


def test_with_evidence_alone_the_decision_follows_the_strongest_cells() -> None:
    readings = Network(config_of(size="tiny", decision="evidence")).eval()(torch.rand(2, 1, 64, 96))
    assert readings.evidence is not None

    strongest = readings.evidence.flatten(1).sort(dim=1, descending=True).values[:, :4].mean(dim=1)

    torch.testing.assert_close(readings.logits[:, 0], strongest)  # gain 1, offset 0 as initialised


def test_an_unknown_attention_is_named() -> None:
    from inspect_ai.model.attention import make_attention

    with pytest.raises(ValueError, match="'dense'"):
        make_attention("dense", 24, 6, 0)


def test_views_average_the_answers_to_the_turned_and_flipped_picture_and_bring_their_heat_back() -> None:
    network, picture = awake(), torch.rand(1, 1, 64, 96)
    network.config = config_of(size="tiny", views="dihedral")

    logits, heat, features = Serving(network)(picture)
    turned_logits, turned_heat, turned_features = Serving(network)(picture.transpose(-1, -2).flip(-1))

    torch.testing.assert_close(turned_logits, logits)
    torch.testing.assert_close(turned_heat, heat.transpose(-1, -2).flip(-1))
    torch.testing.assert_close(turned_features, features)
    assert not torch.allclose(network(picture).logits, network(picture.flip(-1)).logits, atol=1e-4)


def test_the_heat_of_average_pooling_is_gradcam() -> None:
    network = Network(config_of(backbone="resnet18", readout="average")).eval()
    picture = torch.rand(1, 1, 64, 96)
    with torch.no_grad():
        network.readout.linear.weight.abs_()  # else the map may be negative everywhere, and shows nothing
    coarse = network.trunk(normalised(picture))[-1].detach().requires_grad_()  # [1, 2, 3, C]

    readings = network.readout((coarse,))
    (gradient,) = torch.autograd.grad(readings.logits[0, 0], coarse)
    weights = gradient.mean(dim=(1, 2))  # [1, C]
    expected = (coarse * weights[:, None, None]).sum(-1).clamp(min=0)  # [1, 2, 3]

    got = readings.attention[0][:, 0]
    torch.testing.assert_close(got / got.sum(), expected / expected.sum())
    assert readings.heat.shape[-2:] == (8, 12)


def test_a_backbone_of_one_scale_asks_for_average_pooling() -> None:
    with pytest.raises(UsageError, match="average"):
        Network(config_of(backbone="vit"))
