"""What `bench heat` found, as JSON for programs and as tables for people."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.heat.pointing import (
    CONFIDENCE,
    RESAMPLES,
    TOLERANCE_PX,
    Figure,
    Pointing,
    differences,
    figures,
)

if TYPE_CHECKING:
    from benchmarks.heat.study import HeatBench, Look

SHOWN = ("hit", "hit_near", "energy")  # measures of a map; the others belong to the mask
CHANCE = {"hit": "area", "hit_near": "area_near", "energy": "area"}  # what a map without knowledge reaches
TITLES = ("peak on the defect", f"peak within {TOLERANCE_PX} px", "mass on the defect")


def write_json(bench: HeatBench, path: Path) -> None:
    """Every figure, and every picture with its own."""
    path.write_text(json.dumps(plain(bench), indent=1, ensure_ascii=False) + "\n", "utf-8")


def write_table(bench: HeatBench, path: Path) -> None:
    """The same figures as Markdown."""
    path.write_text(markdown(plain(bench)), "utf-8")


def plain(bench: HeatBench) -> dict[str, Any]:
    """The whole comparison as plain values."""
    return {
        "task": bench.task,
        "data": bench.data,
        "split": bench.split,
        "pictures": len(bench.rows),
        "groups": len({row.group for row in bench.rows}),
        "tolerance_px": TOLERANCE_PX,
        "confidence": CONFIDENCE,
        "resamples": RESAMPLES,
        "sheet": [bench.rows[i].file for i in bench.examples],
        "maps": [one_maker(bench, index) for index in range(len(bench.makers))],
        "each": [one_picture(bench, index) for index in range(len(bench.rows))],
    }


def one_maker(bench: HeatBench, index: int) -> dict[str, Any]:
    """One model under one method: over everything, by class, by kind of lesion."""
    maker, looks = bench.makers[index], bench.looks[index]
    groups = [row.group for row in bench.rows]
    whole = [k.whole for k in looks]
    first = [k.whole for k in bench.looks[0]]
    return {
        "name": maker.name,
        "method": maker.method.value,
        "model": str(maker.folder),
        "weights_sha256": maker.manifest.weights_sha256,
        "met_in_training_or_selection": sum(k.met for k in looks),
        **part(whole, groups),
        "minus_first": values(differences(whole, first, groups)) if index else None,
        "by_class": {
            name: part(*chosen(looks, groups, bench.classes, name)) for name in sorted(set(bench.classes) - {""})
        },
        "by_kind": {
            name: part(*with_kind(looks, groups, name)) for name in sorted({n for k in looks for n in k.by_kind})
        },
    }


def chosen(
    looks: Sequence[Look], groups: Sequence[str], classes: Sequence[str], name: str
) -> tuple[list[Pointing], list[str]]:
    """Pointings and groups of the pictures of one class."""
    mine = [i for i, c in enumerate(classes) if c == name]
    return [looks[i].whole for i in mine], [groups[i] for i in mine]


def with_kind(looks: Sequence[Look], groups: Sequence[str], name: str) -> tuple[list[Pointing], list[str]]:
    """Pointings and groups of the pictures that show one kind of lesion, against its masks alone."""
    mine = [i for i, k in enumerate(looks) if name in k.by_kind]
    return [looks[i].by_kind[name] for i in mine], [groups[i] for i in mine]


def part(pointings: Sequence[Pointing], groups: Sequence[str]) -> dict[str, Any]:
    """Counts and figures of some pictures."""
    return {
        "pictures": len(pointings),
        "groups": len(set(groups)),
        "flat": sum(p.flat for p in pointings),
        "figures": values(figures(pointings, groups)),
    }


def values(of: dict[str, Figure]) -> dict[str, Any]:
    """Figures as plain values."""
    return {name: asdict(f) for name, f in of.items()}


def one_picture(bench: HeatBench, index: int) -> dict[str, Any]:
    """One picture under every maker."""
    row = bench.rows[index]
    maps = []
    for maker, looks in zip(bench.makers, bench.looks, strict=True):
        p = looks[index].whole
        distance = None if math.isinf(p.distance_px) else round(p.distance_px, 2)
        maps.append({"name": maker.name, "distance_px": distance, "energy": p.energy, "area": p.area})
    return {"file": row.file, "group": row.group, "class": bench.classes[index] or None, "maps": maps}


def markdown(found: dict[str, Any]) -> str:
    """Tables: all pictures, difference to the first map, by class, by kind."""
    maps = found["maps"]
    lines = [
        f"# Heat maps of {found['task']} on {found['data']}, split {found['split']}",
        "",
        f"{found['pictures']} positive pictures with masks in {found['groups']} groups. Means over groups of the means "
        f"within each; in brackets {found['confidence']:.0%} bootstrap intervals over groups. *Chance* is what a "
        "uniform map and a peak put anywhere reach. A map without any peak counts as a miss.",
        "",
        *table(maps, [("all", lambda m: m)]),
    ]
    if len(maps) > 1:
        lines += ["", f"## Minus {maps[0]['name']}, on the same pictures", "", *difference_table(maps[1:])]
    for key, title in (("by_class", "By class of defect"), ("by_kind", "By kind of lesion, against its masks alone")):
        names = sorted({name for m in maps for name in m[key]})
        if names:
            lines += ["", f"## {title}", "", *table(maps, [(n, lambda m, k=key, n=n: m[k].get(n)) for n in names])]
    met = [f"{m['met_in_training_or_selection']} by {m['name']}" for m in maps if m["met_in_training_or_selection"]]
    if met:
        lines += ["", f"Met in training or in the choice of the epoch (by each manifest): {'; '.join(met)}."]
    return "\n".join(lines) + "\n"


def table(maps: Sequence[dict[str, Any]], parts: Sequence[tuple[str, Any]]) -> list[str]:
    """One line a part and map, and one for chance."""
    heads = ("pictures", "map", *TITLES, "mass beyond the picture", "n", "groups", "without peak")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name, of in parts:
        found = [(m["name"], p) for m in maps if (p := of(m)) is not None]
        for title, p in found:
            shown = [cell(p["figures"][measure]) for measure in (*SHOWN, "beyond")]
            lines.append(f"| {name} | {title} | {' | '.join(shown)} | {p['pictures']} | {p['groups']} | {p['flat']} |")
        first = found[0][1]
        shown = [cell(first["figures"][CHANCE[measure]]) for measure in SHOWN]
        lines.append(f"| {name} | *chance* | {' | '.join(shown)} | | {first['pictures']} | {first['groups']} | |")
    return lines


def difference_table(maps: Sequence[dict[str, Any]]) -> list[str]:
    """One line a map."""
    lines = [f"| map | {' | '.join(TITLES)} |", "|---|" + "---|" * len(TITLES)]
    for m in maps:
        lines.append(f"| {m['name']} | {' | '.join(cell(m['minus_first'][measure], '+') for measure in SHOWN)} |")
    return lines


def cell(f: dict[str, float | None], sign: str = "") -> str:
    """0.52 [0.31, 0.74]"""
    interval = "" if f["low"] is None else f" [{f['low']:{sign}.3f}, {f['high']:{sign}.3f}]"
    return f"{f['mean']:{sign}.3f}{interval}"
