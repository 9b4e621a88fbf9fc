"""What each attention kind costs at work: whole tiny networks against the same trunk with `none` in its place.

`make bench` runs it and prints; nothing here fails for being slow. One thread of ONNX Runtime, batch 1. Kinds take
turns, and each turn's ratio is against the `none` of that turn; time is the thread's own CPU time, so that other jobs
on the machine disturb little. The late half's share is what vanishes with both late stages (the convolution between
them stays).
"""

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from inspect_ai.model.attention import make_attention
from inspect_ai.model.export import export_graph
from inspect_ai.model.network import Network, for_work
from inspect_ai.model.trunk import LateStage
from tests.model.conftest import config_of

KINDS = ["none", "stripe", "global", "shifted_window", "spatial_reduction", "separable"]
WITHOUT = "no late half"
TURNS, RUNS_A_TURN = 30, 2
TRAINING_TURNS = 5


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, onnxruntime.InferenceSession]:
    return {name: _session(name, tmp_path_factory.mktemp("graph")) for name in [*KINDS, WITHOUT]}


@pytest.mark.parametrize("side_px", [224, 384])
def test_images_a_second_of_every_kind(side_px: int, sessions: dict[str, onnxruntime.InferenceSession]) -> None:
    pixels = np.random.default_rng(0).random((1, 1, side_px, side_px), dtype=np.float32)
    seconds: dict[str, list[float]] = {name: [] for name in sessions}
    for turn in range(-1, TURNS):  # the first one warms up
        for name, session in sessions.items():
            start = time.thread_time()
            for _ in range(RUNS_A_TURN):
                session.run(None, {"pixels": pixels})
            if turn >= 0:
                seconds[name].append((time.thread_time() - start) / RUNS_A_TURN)
    print(f"\ntiny, {side_px} px, 1 thread     images/s   speed against none (quartiles)   late half's share")
    for name in seconds:
        share = 1 - _ratios(seconds[WITHOUT], seconds[name])[1]
        low, middle, high = _ratios(seconds["none"], seconds[name])
        rate = 1 / statistics.median(seconds[name])
        print(f"{name:<26} {rate:10.1f}   {middle:8.2f} ({low:.2f}, {high:.2f}) {share:26.0%}")


def test_a_training_step_of_every_kind() -> None:
    """Forward and backward of one late block's attention on [16, 14, 14, 96], eager, one thread."""
    torch.set_num_threads(1)
    kinds = {name: make_attention(name, 96, 6, 1) for name in KINDS}
    x = torch.randn(16, 14, 14, 96, requires_grad=True)
    seconds: dict[str, list[float]] = {name: [] for name in kinds}
    for turn in range(-1, TRAINING_TURNS):
        for name, kind in kinds.items():
            start = time.thread_time()
            kind(x).square().mean().backward()
            if turn >= 0:
                seconds[name].append(time.thread_time() - start)
    print("\nattention, forward and backward     ms     speed against none (quartiles)")
    for name in kinds:
        low, middle, high = _ratios(seconds["none"], seconds[name])
        print(f"{name:<26} {1000 * statistics.median(seconds[name]):12.1f}   {middle:8.2f} ({low:.2f}, {high:.2f})")


def _session(name: str, folder: Path) -> onnxruntime.InferenceSession:
    torch.manual_seed(0)
    config = config_of(size="tiny", attention="none" if name == WITHOUT else name)
    network = Network(config)
    if name == WITHOUT:
        for stage in _late_stages(network):
            stage.forward = lambda x: x  # type: ignore[method-assign]
    export_graph(for_work(network), config, folder)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])


def _late_stages(network: Network) -> Iterator[LateStage]:
    return (module for module in network.modules() if isinstance(module, LateStage))


def _ratios(reference: list[float], seconds: list[float]) -> tuple[float, float, float]:
    """Quartiles of reference / seconds, turn by turn."""
    low, middle, high = statistics.quantiles([r / s for r, s in zip(reference, seconds, strict=True)], n=4)
    return low, middle, high
