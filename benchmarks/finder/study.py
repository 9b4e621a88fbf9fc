"""The finder benchmark: contexts searched, the ranking fitted where that is asked for, the table written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2

from benchmarks.finder import fitting, tables
from benchmarks.finder.contexts import read_contexts
from benchmarks.finder.searching import Ranked, Searched, plugin, ranked, search
from benchmarks.writing import json_text, write_files, write_text
from inspect_ai.errors import UsageError
from inspect_ai.plugins import task_named

TRAIN = "train"
MOST = 150  # candidates of a context that are looked at
KEPT = 0.98  # share of the nodules above 4 px radius that the limit must keep on the train patients, before margin


@dataclass(frozen=True, slots=True, kw_only=True)
class FinderStudy:
    """Page, product figures (recall above 4 px radius, candidates a context and a litre), and written files."""

    text: str
    product: dict[str, float]
    written: tuple[Path, ...]


def bench_finder(
    data: Path,
    out: Path,
    *,
    split: str,
    fit: bool,
    seed: int,
    on_progress: Callable[[str], None] = lambda text: None,
) -> FinderStudy:
    """Measure, after a fit where one is asked for. Raises UsageError for a split without certain nodules."""
    cv2.setNumThreads(1)
    weights, said = None, ""
    if fit:
        on_progress("the train patients are searched, and the ranking is fitted to them")
        train = search(read_contexts(data, TRAIN), on_progress)
        weights = fitting.fit(train, seed)
        write_text(Path(plugin("ranking").__file__).with_name("ranking_weights.py"), fitting.as_module(weights))
        limit = tables.weakest_for(_ranked(train, weights), KEPT)
        said = f"Fitted: {KEPT:.0%} of the train nodules above 4 px radius are at least {limit:.2f} strong.\n\n"
    searched = search(read_contexts(data, split), on_progress)
    if not searched:
        raise UsageError(f"{data} has no certain nodule in split {split!r}. Name another with --split.")
    found = _ranked(searched, weights)
    weakest = float(task_named("lung_nodule").config.options["weakest_candidate"])
    product = _product(found, weakest)
    patients = len({one.patient for one in found})
    text = (
        f"{len(found)} nodules of three or four readers of {patients} patients, split {split}; "
        f"intervals over patients.\n\n{said}{tables.cost_table(found, weakest)}"
    )
    written = write_files(out, {"finder.md": text, "finder.json": json_text(product)})
    return FinderStudy(text=text, product=product, written=written)


def _ranked(searched: Sequence[Searched], weights: fitting.Weights | None) -> list[Ranked]:
    merge_mm = float(task_named("lung_nodule").config.options["merge_mm"])
    if weights is None:
        strengths = [plugin("ranking").likeness(one.blobs.features) for one in searched]
    else:
        strengths = fitting.strengths(searched, weights)
    return ranked(searched, strengths, merge_mm, MOST)


def _product(found: Sequence[Ranked], weakest: float) -> dict[str, float]:
    share = tables.recall(found, weakest, tables.PROMISED_PX)
    cost = tables.beside(found, weakest)
    litres = sum(one.litres for one in found) / len(found)
    return {
        "recall": share.value,
        "recall_low": share.low,
        "recall_high": share.high,
        "candidates_a_context": cost,
        "candidates_a_litre": cost / litres,
        "weakest": weakest,
    }
