"""Small configurations of the network."""

from typing import Any

import pytest
import torch

from inspect_ai.config import TaskConfig, parse_config


def config_of(**network: Any) -> TaskConfig:
    labels = [{"name": "parts", "classes": ["good", "bad"], "positive": ["bad"], "mask_column": "mask"}]
    return parse_config({"name": "parts", "labels": labels, "network": {"init": "scratch", **network}}, "test")


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
