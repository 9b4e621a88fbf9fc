"""Export as an ONNX graph with dynamic batch, height and width; weights stored as float16, computed as float32."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from inspect_ai.config import TaskConfig
from inspect_ai.errors import UsageError
from inspect_ai.model.manifest import GRAPH, STACK_GRAPH
from inspect_ai.model.network import Network, Serving

SMALL = 64  # elements; below this a constant may be a shape or an index and stays as it is


def export_graph(network: Network, config: TaskConfig, folder: Path) -> None:
    """Write FOLDER/model.onnx: pixels [B, C, H, W] -> logits [B, K], heat [B, K, h, w], features [B, F]; H and W
    multiples of 32. A network for stacks has FOLDER/stacks.onnx too: pixels [1, C, depth, size, size].

    The caller compares the graph with torch before it ships (training/package_model.py).
    """
    batch, rows, columns = (torch.export.Dim(n, min=low, max=128) for n, low in (("b", 1), ("h", 2), ("w", 2)))
    sizes = {0: batch, 2: 32 * rows, 3: 32 * columns}
    onnx.save(_graph(network, torch.rand(2, config.input.channels, 192, 224), sizes), str(folder / GRAPH))
    if config.input.depth > 1:
        side = config.input.size
        if side is None:
            raise UsageError("A network for stacks needs a size of its windows: set input.size.")
        side = max(-(-side // config.input.multiple), 2) * config.input.multiple  # as engine.padded makes it
        stack = torch.rand(1, config.input.channels, config.input.depth, side, side)
        onnx.save(_graph(network, stack, {}), str(folder / STACK_GRAPH))


def _graph(network: Network, example: torch.Tensor, sizes: dict[int, Any]) -> onnx.ModelProto:
    """Graph for inputs like the example. sizes: the axes that may have another size at work."""
    serving = Serving(network).eval()
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            serving,
            (example,),
            dynamo=True,
            verbose=False,
            input_names=["pixels"],
            output_names=["logits", "heat", "features"],
            dynamic_shapes={"pixels": sizes} if sizes else None,
        )
    assert program is not None  # noqa: S101 - dynamo=True always returns a program; for the type checker
    return halve_storage(program.model_proto)


def halve_storage(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store large float32 constants as float16 behind a Cast, which the engine folds once when it loads the graph.

    Exact for weights that were rounded to float16 before (network.for_work); other constants are left alone.
    """
    casts = []
    for constant in model.graph.initializer:
        values = numpy_helper.to_array(constant)
        if constant.data_type != TensorProto.FLOAT or values.size < SMALL:
            continue
        halved = values.astype(np.float16)
        if not np.array_equal(halved.astype(np.float32), values):
            continue
        name = constant.name
        constant.CopyFrom(numpy_helper.from_array(halved, name + "_half"))
        casts.append(helper.make_node("Cast", [name + "_half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    del model.metadata_props[:]
    for node in model.graph.node:  # traces of the exporting machine's files
        del node.metadata_props[:]
        node.doc_string = ""
    return model
