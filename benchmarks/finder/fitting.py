"""Fit of the product's ranking: a network with one hidden layer on the features of blobs, by training patients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.finder.searching import Searched, plugin
from benchmarks.statistics import Values

HIDDEN = 16
NEGATIVES = 60  # of a context, drawn at random
EPOCHS, BATCH, LR, DECAY = 25, 256, 3e-3, 1e-3
DIGITS = 4  # that the weights are written with

Weights = dict[str, Values]


def fit(searched: Sequence[Searched], seed: int) -> Weights:
    """Weights of the ranking, from all blobs on nodules and some beside them."""
    from sklearn.neural_network import MLPClassifier

    features, labels = _pairs(searched, seed)
    limited = np.clip(features.astype(np.float64), *plugin("ranking").LIMITS)
    mean, scale = limited.mean(axis=0), np.maximum(limited.std(axis=0), 1e-6)
    network = MLPClassifier(
        (HIDDEN,), alpha=DECAY, max_iter=EPOCHS, batch_size=BATCH, learning_rate_init=LR, random_state=seed
    )
    network.n_iter_no_change = EPOCHS  # no early end: the schedule is part of the recipe
    network.fit((limited - mean) / scale, labels)
    weights = {
        "MEAN": mean,
        "SCALE": scale,
        "HIDDEN": network.coefs_[0],
        "HIDDEN_BIAS": network.intercepts_[0],
        "OUT": network.coefs_[1][:, 0],
        "BIAS": network.intercepts_[1],
    }
    return {name: np.round(values, DIGITS) for name, values in weights.items()}


def _pairs(searched: Sequence[Searched], seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    random = np.random.default_rng(seed)
    features, labels = [], []
    for one in searched:
        on, beside = np.flatnonzero(one.on_nodule), np.flatnonzero(one.beside)
        beside = random.choice(beside, min(NEGATIVES, len(beside)), replace=False)
        features += [one.blobs.features[on], one.blobs.features[beside]]
        labels += [1] * len(on) + [0] * len(beside)
    return np.concatenate(features), np.array(labels)


def strengths(searched: Sequence[Searched], weights: Weights) -> list[Values]:
    """[N] of each context, by these weights, as ranking.py reckons."""
    low, high = plugin("ranking").LIMITS
    answer = []
    for one in searched:
        bounded = (np.clip(one.blobs.features.astype(np.float64), low, high) - weights["MEAN"]) / weights["SCALE"]
        hidden = np.maximum(bounded @ weights["HIDDEN"] + weights["HIDDEN_BIAS"], 0.0)
        answer.append(np.asarray(hidden @ weights["OUT"] + weights["BIAS"][0], np.float64))
    return answer


def as_module(weights: Weights) -> str:
    """Text of ranking_weights.py."""
    head = (
        '"""Weights of ranking.py, in the order of blobs.FEATURES; made by `python -m benchmarks.finder --fit`."""\n\n'
        "from __future__ import annotations\n\nimport numpy as np\n\n# fmt: off\n"
    )
    parts = [f"{name} = {_array(values)}\n" for name, values in weights.items() if name != "BIAS"]
    return head + "".join(parts) + f"BIAS = {float(weights['BIAS'][0])!r}\n"


def _array(values: Values) -> str:
    rows = values[None] if values.ndim == 1 else values
    lines = [_lines([repr(round(float(v), DIGITS)) for v in row], values.ndim == 2) for row in rows]
    return f"np.array([\n{''.join(lines)}])"


def _lines(words: Sequence[str], nested: bool) -> str:
    """Numbers in lines of at most 112 columns."""
    lines, line = [], "    " + ("[" if nested else "")
    for word in words:
        if len(line) + len(word) + 2 > 112:
            lines.append(line.rstrip() + "\n")
            line = "     " if nested else "    "
        line += f"{word}, "
    return "".join(lines) + line.rstrip(" ,") + ("],\n" if nested else ",\n")
