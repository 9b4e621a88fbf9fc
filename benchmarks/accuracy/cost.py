"""Costs of models: parameters, multiply-accumulates, and pictures a second, all models measured in turn.

On a machine that does other things too, speeds of different minutes do not compare: in each round every model has its
turn, ratios are taken within a round, and the clock is the processor time of this process alone.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks.accuracy.results import SIDE_PX, MeasuredCosts, ModelCost
from benchmarks.writing import json_text, write_text
from inspect_ai.config import TaskConfig
from inspect_ai.domain import Unit
from inspect_ai.model.engine import Engine, open_engine
from inspect_ai.model.manifest import read_manifest

ROUNDS, PICTURES_A_TURN, WARM_UP = 30, 3, 3
GPU_BATCH, GPU_BATCHES = 64, 30
FILE = "cost.json"


def costs_of(runs: Mapping[str, Path], against: Sequence[str], out: Path) -> MeasuredCosts:
    """Costs, measured or read where the same runs were measured before. `runs`: a trained folder a model."""
    key = {name: read_manifest(folder).weights_sha256 for name, folder in runs.items()}
    path = out / FILE
    if path.is_file():
        noted = json.loads(path.read_text("utf-8"))
        if noted["runs"] == key and noted["against"] == list(against):
            models = {name: ModelCost(**values) for name, values in noted["costs"].pop("models").items()}
            return MeasuredCosts(models=models, **noted["costs"])
    costs = measure(runs, against)
    write_text(path, json_text({"runs": key, "against": list(against), "costs": asdict(costs)}))
    return costs


def measure(runs: Mapping[str, Path], against: Sequence[str], rounds: int = ROUNDS) -> MeasuredCosts:
    """Measure every model of `runs`, in turn."""
    engines = {name: open_engine(folder, kind="onnx", threads=1) for name, folder in runs.items()}
    began_cpu, began = time.process_time(), time.monotonic()
    turns = _turns(engines, rounds)
    share = (time.process_time() - began_cpu) / (time.monotonic() - began)
    models = {}
    for name, engine in engines.items():
        config = engine.manifest.config
        own_px = config.input.size or config.augment.crop or SIDE_PX
        models[name] = ModelCost(
            task=engine.manifest.task,
            parameters=engine.manifest.parameters,
            gmacs=gmacs(config, SIDE_PX),
            gmacs_own=gmacs(config, own_px),
            own_px=own_px,
            best_ms=min(turns[name]),
            median_ms=statistics.median(turns[name]),
            speed_ratio={
                other: statistics.median(b / a for a, b in zip(turns[name], turns[other], strict=True))
                for other in against
                if other in turns
            },
            gpu_images_s=_gpu_images_s(runs[name], config),
        )
    engine_name = next((engine.name for engine in engines.values()), "")
    return MeasuredCosts(machine=_machine(), share=share, engine=engine_name, gpu=_gpu(), models=models)


def _turns(engines: Mapping[str, Engine], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of the processor a picture, one value a round; the order turns from round to round."""
    pictures = {}
    for name, engine in engines.items():
        shape = (engine.manifest.config.input.channels, SIDE_PX, SIDE_PX)
        pictures[name] = [Unit(pixels=np.random.default_rng(0).random(shape, np.float32))] * PICTURES_A_TURN
        engine.run(pictures[name] * WARM_UP)
    turns: dict[str, list[float]] = {name: [] for name in engines}
    names = list(engines)
    for i in range(rounds):
        start = i % len(names) if names else 0
        for name in names[start:] + names[:start]:
            began = time.process_time()
            engines[name].run(pictures[name])
            turns[name].append((time.process_time() - began) * 1000.0 / PICTURES_A_TURN)
    return turns


def gmacs(config: TaskConfig, side_px: int) -> float:
    """Billions of multiply-accumulates for one picture, as torch counts them (two operations each)."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    from inspect_ai.model.network import Network, Serving

    serving = Serving(Network(config)).eval()
    picture = torch.zeros(1, config.input.channels, side_px, side_px)
    # torch does not know the operations of its fused attention on CPUs; the plain form is counted in full.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.inference_mode():
        serving(picture)
    return float(counter.get_total_flops()) / 2e9


def _gpu() -> str | None:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def _gpu_images_s(folder: Path, config: TaskConfig) -> float | None:
    """Pictures a second in batches of 64 under bfloat16 autocast; None without a GPU."""
    import torch

    from inspect_ai.model.network import Serving
    from inspect_ai.model.weights import load_network

    if not torch.cuda.is_available():
        return None
    serving = Serving(load_network(folder, config)).eval().cuda()
    pictures = torch.rand(GPU_BATCH, config.input.channels, SIDE_PX, SIDE_PX, device="cuda")
    with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16):
        for _ in range(WARM_UP):
            serving(pictures)
        torch.cuda.synchronize()
        began = time.perf_counter()
        for _ in range(GPU_BATCHES):
            serving(pictures)
        torch.cuda.synchronize()
    return GPU_BATCH * GPU_BATCHES / (time.perf_counter() - began)


def _machine() -> str:
    """The processor's name as Linux tells it, else what Python knows."""
    table = Path("/proc/cpuinfo")
    lines = table.read_text("utf-8").splitlines() if table.is_file() else []
    named = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    return f"{named or platform.processor() or platform.machine()}, {os.cpu_count()} cores"
