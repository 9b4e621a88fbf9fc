"""Scores of a folder of stacks: its findings as they were scored, and windows on bright blobs where nobody voted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from inspect_ai.config import TaskConfig
from inspect_ai.datasets.contexts import read_contexts
from inspect_ai.datasets.folder import LabelledFolder
from inspect_ai.datasets.windows import Window, negative_windows
from inspect_ai.domain import Unit
from inspect_ai.evaluation.stack_figures import StackScores
from inspect_ai.inspection.dataset_scoring import Scored
from inspect_ai.inspection.inspector import Inspector
from inspect_ai.inspection.predict import predict

DIAMETER_COLUMN, READERS_COLUMN = "diameter_px", "readers"


def stack_scores(
    scored: Sequence[Scored],
    folder: LabelledFolder,
    split: str,
    inspector: Inspector,
    progress: Callable[[int], None] = lambda done: None,
) -> StackScores:
    """Score the windows of all stacks of one split, the ignored ones too: nobody voted there either.

    The quality gate is no part of it: what it leaves to a person is counted as scored.
    """
    config = inspector.task.config
    contexts = read_contexts(folder, split, inspector.task, inspector.settings)
    windows = [w for c in contexts for w in negative_windows(c, config.input, config.augment.off_centre)]
    scores = []
    for done, window in enumerate(windows, 1):
        scores.append(_score(window, config, inspector))
        progress(done)
    columns = [dict(one.row.columns) for one in scored]
    return StackScores(
        finding=np.array([one.score for one in scored], np.float64),
        finding_group=tuple(one.row.group for one in scored),
        diameter_px=np.array([_number(values.get(DIAMETER_COLUMN, "")) for values in columns], np.float64),
        readers=tuple(values.get(READERS_COLUMN, "") for values in columns),
        window=np.array(scores, np.float64),
        window_group=tuple(window.context.sample.row.group for window in windows),
        contexts=Counter(context.sample.row.group for context in contexts),
    )


def _score(window: Window, config: TaskConfig, inspector: Inspector) -> float:
    """Score of one window; an answer that is no number counts as the highest, against the model."""
    pixels = window.sample(config.input).unit_pixels
    unit = Unit(pixels=np.ascontiguousarray(pixels, np.float32) / np.float32(255.0))
    found = predict(inspector.task, inspector.engine, [unit])
    return 1.0 if found.score is None else found.score


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
