"""Where a training starts: nothing, ImageNet, the trunk that ships, or a folder."""

from pathlib import Path

import pytest
from safetensors.torch import load_file

from inspect_ai.config import LabelSet, Network, TaskConfig
from inspect_ai.errors import SetupError
from inspect_ai.model.manifest import TRUNK, met_by_trunk
from inspect_ai.model.starts import GENERAL_TRUNKS, general_sizes, trunk_folder
from inspect_ai.model.weights import fresh_network

LABELS = (LabelSet(name="caps", classes=("pass", "flag"), positive=("flag",)),)


def config(**network: str) -> TaskConfig:
    return TaskConfig(name="caps", labels=LABELS, network=Network.model_validate(network))


@pytest.mark.parametrize("init", ["scratch", "imagenet"])
def test_two_starts_have_no_folder(init: str) -> None:
    assert trunk_folder(config(init=init)) is None


def test_another_word_is_a_folder() -> None:
    assert trunk_folder(config(init="runs/pretrained")) == Path("runs/pretrained")


@pytest.mark.parametrize("size", general_sizes())
def test_the_general_trunk_ships_and_fills_every_stage_without_any_extra(size: str) -> None:
    network = fresh_network(config(init="general", size=size))

    shipped = load_file(str(GENERAL_TRUNKS / size / TRUNK))
    own = network.trunk.state_dict()
    assert set(shipped) == set(own)
    assert all((own[name].float() == tensor.float()).all() for name, tensor in shipped.items())


@pytest.mark.parametrize("size", general_sizes())
def test_the_general_trunk_says_which_pictures_it_met_so_that_none_of_them_proves_anything(size: str) -> None:
    met = {use.name: use for use in met_by_trunk(GENERAL_TRUNKS / size)}

    assert {"luna16_candidates", "magnetic_tile", "eyepacs_subset"} <= set(met)
    assert all(use.seen for use in met.values())


@pytest.mark.parametrize("other", [{"backbone": "resnet18"}, {"attention": "global"}])
def test_a_network_without_a_general_trunk_is_told_what_there_is(other: dict[str, str]) -> None:
    with pytest.raises(SetupError, match=r"stripe attention of size small\. Set network\.init"):
        trunk_folder(config(init="general", **other))
