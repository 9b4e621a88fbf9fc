"""Baselines: well-known networks in place of the trunk, behind the same readout and with the same training recipe.

All train from scratch; EfficientNet-Lite0 has ImageNet weights too.
"""

from __future__ import annotations

from collections.abc import Callable

from inspect_ai.model.backbone import Backbone
from inspect_ai.model.baselines.convnext import ConvNeXt
from inspect_ai.model.baselines.densenet import DenseNet121
from inspect_ai.model.baselines.efficientnet import EfficientNetLite0, load_imagenet
from inspect_ai.model.baselines.medvit import MedViT
from inspect_ai.model.baselines.resnet import ResNet18
from inspect_ai.model.baselines.swin import Swin
from inspect_ai.model.baselines.vit import ViT

__all__ = ["BASELINES", "Backbone", "load_imagenet", "make_baseline"]

BASELINES: dict[str, Callable[[float], Backbone]] = {
    "resnet18": lambda drop_path: ResNet18(),  # these two know no stochastic depth
    "densenet121": lambda drop_path: DenseNet121(),
    "efficientnet_lite0": EfficientNetLite0,
    "vit": ViT,
    "swin": Swin,
    "convnext": ConvNeXt,
    "medvit": MedViT,
}


def make_baseline(name: str, drop_path: float) -> Backbone:
    """Make the baseline called `name`; drop_path is the deepest block's. Raises ValueError for an unknown name."""
    if name not in BASELINES:
        raise ValueError(f"baselines are {', '.join(BASELINES)}; got {name!r}")
    return BASELINES[name](drop_path)
