"""Cost of each attention kind at work: whole tiny networks against the same trunk with `none` in its place.

One thread of ONNX Runtime, batch 1. Kinds take turns, and each turn's ratio is against the `none` of that turn; time is
the thread's own CPU time, so that other jobs on the machine disturb little. The late half's share is the part that
vanishes with both late stages (the convolution between them stays).
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from inspect_ai.config import parse_config
from inspect_ai.model.attention import make_attention
from inspect_ai.model.export import export_graph
from inspect_ai.model.network import Network, for_work
from inspect_ai.model.trunk import LateStage

KINDS = ("none", "stripe", "global", "shifted_window", "spatial_reduction", "separable")
WITHOUT = "no late half"
SIDES_PX = (224, 384)
TURNS, RUNS_A_TURN = 30, 2
TRAINING_TURNS = 5
LABELS = [{"name": "parts", "classes": ["good", "bad"], "positive": ["bad"]}]


def measure_attention() -> None:
    """Print a table for inference at each size, and one for a training step."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        sessions = {name: _session(name, Path(folder) / name) for name in (*KINDS, WITHOUT)}
    for side_px in SIDES_PX:
        inference(side_px, sessions)
    training_step()


def inference(side_px: int, sessions: Mapping[str, onnxruntime.InferenceSession]) -> None:
    """Print images a second of every kind."""
    pixels = np.random.default_rng(0).random((1, 1, side_px, side_px), dtype=np.float32)
    runs = {name: _repeated(session, pixels) for name, session in sessions.items()}
    seconds = _in_turns(runs, TURNS)
    print(f"\ntiny, {side_px} px, 1 thread     images/s   speed against none (quartiles)   late half's share")
    for name, mine in seconds.items():
        share = 1 - _ratios(seconds[WITHOUT], mine)[1]
        low, middle, high = _ratios(seconds["none"], mine)
        rate = RUNS_A_TURN / statistics.median(mine)
        print(f"{name:<26} {rate:10.1f}   {middle:8.2f} ({low:.2f}, {high:.2f}) {share:26.0%}")


def training_step() -> None:
    """Print forward and backward of one late block's attention on [16, 14, 14, 96], eager."""
    x = torch.randn(16, 14, 14, 96, requires_grad=True)
    seconds = _in_turns({name: _step(name, x) for name in KINDS}, TRAINING_TURNS)
    print("\nattention, forward and backward     ms     speed against none (quartiles)")
    for name, mine in seconds.items():
        low, middle, high = _ratios(seconds["none"], mine)
        print(f"{name:<26} {1000 * statistics.median(mine):12.1f}   {middle:8.2f} ({low:.2f}, {high:.2f})")


def _in_turns(runs: Mapping[str, Callable[[], object]], turns: int) -> dict[str, list[float]]:
    """CPU seconds of every run in every turn; a first turn warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(-1, turns):
        for name, run in runs.items():
            start = time.thread_time()
            run()
            if turn >= 0:
                seconds[name].append(time.thread_time() - start)
    return seconds


def _repeated(session: onnxruntime.InferenceSession, pixels: np.ndarray) -> Callable[[], object]:
    return lambda: [session.run(None, {"pixels": pixels}) for _ in range(RUNS_A_TURN)]


def _step(name: str, x: torch.Tensor) -> Callable[[], object]:
    kind = make_attention(name, 96, 6, 1)
    return lambda: kind(x).square().mean().backward()


def _session(name: str, folder: Path) -> onnxruntime.InferenceSession:
    torch.manual_seed(0)
    network_config = {"init": "scratch", "size": "tiny", "attention": "none" if name == WITHOUT else name}
    config = parse_config({"name": "parts", "labels": LABELS, "network": network_config}, "the speed benchmark")
    network = Network(config)
    if name == WITHOUT:
        for stage in (module for module in network.modules() if isinstance(module, LateStage)):
            stage.forward = lambda x: x  # type: ignore[method-assign]
    folder.mkdir()
    export_graph(for_work(network), config, folder)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])


def _ratios(reference: list[float], seconds: list[float]) -> tuple[float, float, float]:
    """Quartiles of reference / seconds, turn by turn."""
    low, middle, high = statistics.quantiles([r / s for r, s in zip(reference, seconds, strict=True)], n=4)
    return low, middle, high
