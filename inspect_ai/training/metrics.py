"""Validation metrics by folder: AUC of the decision, accuracy of the classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, roc_auc_score

from inspect_ai.config import TaskConfig
from inspect_ai.datasets.samples import IGNORE, Sample


def validation_metrics(
    folders: Sequence[str], samples: Sequence[Sample], logits: NDArray[np.float32], config: TaskConfig
) -> dict[str, float]:
    """FOLDER/auc and FOLDER/accuracy where they are defined, and their mean.

    logits: [N, K]; folders: one name a sample.
    """
    metrics: dict[str, float] = {}
    names = np.array(folders)
    for name in dict.fromkeys(folders):
        rows = np.flatnonzero(names == name).tolist()
        positive = np.array([samples[i].positive for i in rows])
        if {0, 1} <= set(positive.tolist()):
            known = positive != IGNORE
            metrics[f"{name}/auc"] = float(roc_auc_score(positive[known], logits[rows, 0][known]))
        labels = samples[rows[0]].labels
        if labels.class_outputs:
            first = config.outputs.index(labels.class_outputs[0])
            chosen = logits[rows, first : first + len(labels.classes)].argmax(axis=1)
            truth = [labels.classes.index(samples[i].row.label) for i in rows]
            metrics[f"{name}/accuracy"] = float(accuracy_score(truth, chosen))
    metrics["mean"] = float(np.mean(list(metrics.values()))) if metrics else 0.0
    return metrics
