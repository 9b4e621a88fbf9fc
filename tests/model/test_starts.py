"""Where a training starts: nothing, ImageNet, or a folder."""

from pathlib import Path

import pytest

from inspect_ai.config import LabelSet, Network, TaskConfig
from inspect_ai.model.starts import trunk_folder

LABELS = (LabelSet(name="caps", classes=("pass", "flag"), positive=("flag",)),)


def config(**network: str) -> TaskConfig:
    return TaskConfig(name="caps", labels=LABELS, network=Network.model_validate(network))


@pytest.mark.parametrize("init", ["scratch", "imagenet"])
def test_two_starts_have_no_folder(init: str) -> None:
    assert trunk_folder(config(init=init)) is None


def test_another_word_is_a_folder() -> None:
    assert trunk_folder(config(init="runs/pretrained")) == Path("runs/pretrained")
