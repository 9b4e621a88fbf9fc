"""Tables of the heat map benchmark: JSON for programs, Markdown for people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from benchmarks.heat.pointing import TOLERANCE_PX, differences, figures
from benchmarks.heat.results import HeatResult, MeasuredMap, Pointing
from benchmarks.statistics import CONFIDENCE, RESAMPLES, Estimate
from benchmarks.writing import finite, json_text, markdown_table

SHOWN = ("hit", "hit_near", "energy")  # measures of a map; the others belong to the mask
CHANCE = {"hit": "area", "hit_near": "area_near", "energy": "area"}  # reached by a map without knowledge
TITLES = ("peak on the defect", f"peak within {TOLERANCE_PX} px", "mass on the defect")


def texts(result: HeatResult) -> dict[str, str]:
    """Contents of the two files, by name."""
    found = plain(result)
    return {"heat.json": json_text(found), "heat.md": markdown(found)}


def plain(result: HeatResult) -> dict[str, Any]:
    """The whole comparison as plain values."""
    return {
        "task": result.task,
        "data": result.data,
        "split": result.split,
        "pictures": len(result.rows),
        "groups": len({row.group for row in result.rows}),
        "tolerance_px": TOLERANCE_PX,
        "confidence": CONFIDENCE,
        "resamples": RESAMPLES,
        "sheet": [result.rows[i].file for i in result.examples],
        "maps": [one_maker(result, index) for index in range(len(result.makers))],
        "each": [one_picture(result, index) for index in range(len(result.rows))],
    }


def one_maker(result: HeatResult, index: int) -> dict[str, Any]:
    """One model under one method: over everything, by class, by kind of lesion."""
    maker, maps = result.makers[index], result.maps[index]
    groups = [row.group for row in result.rows]
    whole = [m.whole for m in maps]
    first = [m.whole for m in result.maps[0]]
    return {
        "name": maker.name,
        "method": maker.method.value,
        "model": str(maker.folder),
        "weights_sha256": maker.manifest.weights_sha256,
        "met_in_training_or_selection": sum(m.met for m in maps),
        **part(whole, groups),
        "minus_first": values(differences(whole, first, groups)) if index else None,
        "by_class": {
            name: part(*chosen(maps, groups, result.classes, name)) for name in sorted(set(result.classes) - {""})
        },
        "by_kind": {
            name: part(*with_kind(maps, groups, name)) for name in sorted({n for m in maps for n in m.by_kind})
        },
    }


def chosen(
    maps: Sequence[MeasuredMap], groups: Sequence[str], classes: Sequence[str], name: str
) -> tuple[list[Pointing], list[str]]:
    """Pointings and groups of the pictures of one class."""
    mine = [i for i, c in enumerate(classes) if c == name]
    return [maps[i].whole for i in mine], [groups[i] for i in mine]


def with_kind(maps: Sequence[MeasuredMap], groups: Sequence[str], name: str) -> tuple[list[Pointing], list[str]]:
    """Pointings and groups of the pictures that show one kind of lesion, against its masks alone."""
    mine = [i for i, k in enumerate(maps) if name in k.by_kind]
    return [maps[i].by_kind[name] for i in mine], [groups[i] for i in mine]


def part(pointings: Sequence[Pointing], groups: Sequence[str]) -> dict[str, Any]:
    """Counts and figures of some pictures."""
    return {
        "pictures": len(pointings),
        "groups": len(set(groups)),
        "flat": sum(p.flat for p in pointings),
        "figures": values(figures(pointings, groups)),
    }


def values(of: dict[str, Estimate]) -> dict[str, Any]:
    """Figures as plain values."""
    return {name: finite({"mean": e.value, "low": e.low, "high": e.high}) for name, e in of.items()}


def one_picture(result: HeatResult, index: int) -> dict[str, Any]:
    """One picture under every maker."""
    row = result.rows[index]
    maps = []
    for maker, mine in zip(result.makers, result.maps, strict=True):
        p = mine[index].whole
        distance = None if math.isinf(p.distance_px) else round(p.distance_px, 2)
        maps.append({"name": maker.name, "distance_px": distance, "energy": p.energy, "area": p.area})
    return {"file": row.file, "group": row.group, "class": result.classes[index] or None, "maps": maps}


def markdown(found: dict[str, Any]) -> str:
    """Tables: all pictures, difference to the first map, by class, by kind."""
    maps = found["maps"]
    parts = [
        f"# Heat maps of {found['task']} on {found['data']}, split {found['split']}\n",
        f"{found['pictures']} positive pictures with masks in {found['groups']} groups. Means over groups of the means "
        f"within each; in brackets {found['confidence']:.0%} bootstrap intervals over groups. *Chance* is what a "
        "uniform map and a peak put anywhere reach. A map without any peak counts as a miss.\n",
        table(maps, [("all", lambda m: m)]),
    ]
    if len(maps) > 1:
        parts += [f"## Minus {maps[0]['name']}, on the same pictures\n", difference_table(maps[1:])]
    for key, title in (("by_class", "By class of defect"), ("by_kind", "By kind of lesion, against its masks alone")):
        names = sorted({name for m in maps for name in m[key]})
        if names:
            parts += [f"## {title}\n", table(maps, [(n, lambda m, k=key, n=n: m[k].get(n)) for n in names])]
    met = [f"{m['met_in_training_or_selection']} by {m['name']}" for m in maps if m["met_in_training_or_selection"]]
    if met:
        parts.append(f"Met in training or in the choice of the epoch (by each manifest): {'; '.join(met)}.\n")
    return "\n".join(parts)


def table(maps: Sequence[dict[str, Any]], parts: Sequence[tuple[str, Any]]) -> str:
    """One line a part and map, and one for chance."""
    rows = []
    for name, of in parts:
        found = [(m["name"], p) for m in maps if (p := of(m)) is not None]
        for title, p in found:
            cells = [cell(p["figures"][measure]) for measure in (*SHOWN, "beyond")]
            rows.append([name, title, *cells, str(p["pictures"]), str(p["groups"]), str(p["flat"])])
        first = found[0][1]
        cells = [cell(first["figures"][CHANCE[measure]]) for measure in SHOWN]
        rows.append([name, "*chance*", *cells, "", str(first["pictures"]), str(first["groups"]), ""])
    heads = ("pictures", "map", *TITLES, "mass beyond the picture", "n", "groups", "without peak")
    return markdown_table(heads, rows)


def difference_table(maps: Sequence[dict[str, Any]]) -> str:
    """One line a map."""
    rows = [[m["name"], *(cell(m["minus_first"][measure], "+") for measure in SHOWN)] for m in maps]
    return markdown_table(("map", *TITLES), rows)


def cell(f: dict[str, float | None], sign: str = "") -> str:
    """0.52 [0.31, 0.74]"""
    interval = "" if f["low"] is None else f" [{f['low']:{sign}.3f}, {f['high']:{sign}.3f}]"
    return f"{f['mean']:{sign}.3f}{interval}"
