"""Tasks on one trunk: the same tensors move, each task's adapters are its own, and what is saved starts others."""

from pathlib import Path

import pytest
import torch

from inspect_ai.errors import UsageError
from inspect_ai.model.network import Network
from inspect_ai.model.sharing import adapter_share, save_trunk, share_trunk, shared
from inspect_ai.model.weights import start_from_folder
from tests.model.conftest import config_of


def test_one_step_on_one_task_moves_the_other_tasks_shared_weights_and_no_private_ones() -> None:
    networks = [Network(config_of(size="tiny")) for _ in range(2)]
    share_trunk(networks)
    common = {name for name, _, _ in shared(networks[1].trunk)}
    before = {name: p.detach().clone() for name, p in networks[1].trunk.named_parameters()}

    optimizer = torch.optim.SGD(networks[0].parameters(), lr=1.0)
    networks[0](torch.rand(4, 1, 64, 64)).logits.square().sum().backward()
    optimizer.step()

    moved = {name for name, p in networks[1].trunk.named_parameters() if not torch.equal(p, before[name])}
    assert moved
    assert moved <= common
    assert all(".norm" not in name and not name.startswith("stem") and "scale_" not in name for name in common)


@pytest.mark.parametrize("size", ["tiny", "small"])
def test_a_task_keeps_less_than_a_twentieth_of_the_trunk_to_itself(size: str) -> None:
    assert 0.0 < adapter_share(Network(config_of(size=size)).trunk) < 0.05


def test_trunks_of_different_shapes_cannot_be_shared() -> None:
    with pytest.raises(UsageError, match="size or attention"):
        share_trunk([Network(config_of(size="tiny")), Network(config_of(size="small"))])


def test_a_saved_trunk_starts_another_task(tmp_path: Path) -> None:
    first, second = Network(config_of(size="tiny")), Network(config_of(size="tiny"))

    save_trunk(first.trunk, tmp_path)
    start_from_folder(second, tmp_path)

    for a, b in zip(first.trunk.parameters(), second.trunk.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-3, rtol=1e-3)  # float16 on disk
