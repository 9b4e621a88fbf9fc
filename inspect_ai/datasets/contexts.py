"""Contexts: whole stacks of a labelled folder in one scale, with the readers' votes, decoded once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from inspect_ai.datasets.cache import cached_rows
from inspect_ai.datasets.folder import LabelledFolder, Row
from inspect_ai.datasets.samples import Sample, stack_of, votes_of
from inspect_ai.datasets.windows import Context, with_others
from inspect_ai.plugins import Task
from inspect_ai.settings import Settings


def read_contexts(folder: LabelledFolder, split: str, task: Task, settings: Settings) -> list[Context]:
    """Read the stacks of one split, those of ignored labels too: they say where no negative may be looked for.

    In order of the rows, the ignored ones last. Raises InspectError naming what cannot be read.
    """
    wanted = (*folder.part(split), *(row for row in folder.ignored if row.split == split))
    samples = cached_rows(folder, wanted, task, settings, "contexts", _read)
    found = [
        Context(sample=replace(sample, mask=None), votes=sample.mask) for sample in samples if sample.mask is not None
    ]
    return with_others(found)


def _read(
    folder: LabelledFolder,
    rows: Iterable[Row],
    task: Task,
    settings: Settings,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Sample]:
    """Decode stacks as samples whose mask is the votes [D, H, W]."""
    wanted = list(rows)
    samples = []
    with folder.unpacked(wanted) as root:
        for done, row in enumerate(wanted, 1):
            study = stack_of(root, row, settings)
            pixels = np.round(task.slices(study) * 255.0).astype(np.uint8)
            samples.append(
                Sample(
                    pixels=pixels[..., None],
                    mask=votes_of(root, row, pixels.shape),
                    row=row,
                    labels=folder.labels,
                    sha256=study.ref.files[0].sha256,
                )
            )
            progress(done)
    return samples
