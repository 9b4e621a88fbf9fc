"""Figure of a network on val, as validation computes it while a training runs."""

from __future__ import annotations

import numpy as np
import torch

from inspect_ai.config import TaskConfig
from inspect_ai.model.network import Network
from inspect_ai.training.corpus import Corpus
from inspect_ai.training.data import whole_batches
from inspect_ai.training.metrics import validation_metrics

BATCH = 16


def val_figure(network: Network, corpus: Corpus, config: TaskConfig) -> float:
    """Mean of the validation metrics over folders."""
    network.eval()
    logits = np.zeros((len(corpus.val), len(config.outputs)), np.float32)
    device = next(network.parameters()).device
    with torch.no_grad():
        for batch, indices in whole_batches(corpus.val, config, BATCH):
            logits[indices] = network(batch.pixels.to(device)).logits.float().cpu().numpy()
    return validation_metrics(corpus.val_folders, corpus.val, logits, config)["mean"]
