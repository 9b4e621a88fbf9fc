"""EfficientNet-Lite0 as a whole: the trunk's convolution stages, continued to stride 32 (arXiv 1905.11946).

Lite leaves out squeeze-and-excitation and takes ReLU6 for swish. The names are the trunk's, so that the same ImageNet
weights fill it; strides pad as the trunk's do (see model/convolution.py).
"""

from __future__ import annotations

from torch import Tensor, nn

from inspect_ai.errors import SetupError
from inspect_ai.model.backbone import Backbone
from inspect_ai.model.baselines.parts import channels_last, ramp
from inspect_ai.model.convolution import ConvNorm, MBConv
from inspect_ai.model.imagenet import imagenet_state, our_name

STAGES = (  # expansion, channels, blocks, stride, kernel
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
STEM, HEAD = 32, 1280
LAST_OF_8, LAST_OF_16 = 4, 10  # blocks whose outputs are the maps of strides 8 and 16


class EfficientNetLite0(Backbone):
    """A stem, 16 inverted residuals and a 1x1 convolution to 1280 channels."""

    cornered = True

    def __init__(self, drop_path: float) -> None:
        super().__init__()
        self.channels, self.strides = (40, 112, HEAD), (8, 16, 32)
        self.stem = ConvNorm(3, STEM, 3, stride=2)
        self.act = nn.ReLU6()
        blocks: list[nn.Module] = []
        drops, channels = ramp(drop_path, sum(stage[2] for stage in STAGES)), STEM
        for expansion, outputs, repeats, stride, kernel in STAGES:
            for i in range(repeats):
                blocks.append(MBConv(channels, outputs, kernel, stride if i == 0 else 1, expansion, next(drops)))
                channels = outputs
        self.early = nn.ModuleList(blocks)
        self.head = ConvNorm(channels, HEAD, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        x = self.act(self.stem(x))
        maps = []
        for i, block in enumerate(self.early):
            x = block(x)
            if i in (LAST_OF_8, LAST_OF_16):
                maps.append(channels_last(x))
        return (*maps, channels_last(self.act(self.head(x))))


def load_imagenet(backbone: nn.Module) -> int:
    """Fill an EfficientNetLite0 with ImageNet weights; returns how many tensors that were, its whole state.

    Needs the extra `imagenet`. Raises SetupError without it, and for another backbone.
    """
    every_block = {i: i for i in range(sum(stage[2] for stage in STAGES))}
    ends = {"_conv_head": "head.conv", "_bn1": "head.norm"}
    state = {}
    for name, tensor in imagenet_state().items():
        part, _, kind = name.rpartition(".")
        ours = f"{ends[part]}.{kind}" if part in ends else our_name(name, every_block)
        if ours is not None:  # the classifier of ImageNet's 1000 classes is left out
            state[ours] = tensor
    try:
        backbone.load_state_dict(state)
    except RuntimeError as e:
        raise SetupError("These ImageNet weights fit the backbone efficientnet_lite0 alone: choose it.") from e
    return len(state)
