"""Monitor benchmark: small runs of each table, and the order of their figures."""

import csv
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.monitor.pictures import MeasuredPictures, defocus, made_pictures, new_device
from benchmarks.monitor.streams import SHAPES, audited, bench_streams, delay, fixed, from_pictures, growing, shifted
from inspect_ai.settings import Settings


def test_a_run_writes_its_tables(tmp_path: Path) -> None:
    result = bench_streams(out=tmp_path, settings=Settings(), streams=100, length=300)

    told = (tmp_path / "monitor.md").read_text("utf-8")
    assert "| growing | normal | 100 |" in told
    assert "made metal surfaces, blur grows by" in told
    plain = json.loads((tmp_path / "monitor.json").read_text("utf-8"))
    assert len(plain["false_alarms"]) == len(SHAPES) + 2
    assert plain["pictures"][0]["median"] < 150
    with (tmp_path / "monitor.csv").open(encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f))
    medians = [row["value"] for row in rows if row["table"] == "shifts" and row["figure"] == "median"]
    assert medians == ["" if math.isnan(d.median) else str(d.median) for d in result.shifts]


def test_the_growing_reference_keeps_the_bound_where_the_fixed_one_breaks_it() -> None:
    rng = np.random.default_rng(0)

    kept = growing("normal", SHAPES["normal"], 1000, 600, rng)
    broken = fixed(100, 1000, 600, rng)

    assert kept.after == broken.after == (200, 500, 600)
    assert kept.alarmed[-1] <= 50 < 100 < broken.alarmed[-1]
    assert list(kept.alarmed) == sorted(kept.alarmed)


def test_the_seed_decides_every_draw() -> None:
    first, again = (growing("tied", SHAPES["eight levels"], 300, 200, np.random.default_rng(5)) for _ in range(2))

    assert first == again


def test_larger_shifts_are_found_sooner_and_sharing_costs_little() -> None:
    rng = np.random.default_rng(1)
    half, one, two, shared = (
        shifted(*which, 300, 200, rng).median for which in ((0.5, 1), (1.0, 1), (2.0, 1), (2.0, 12))
    )

    assert half > 2 * one > 4 * two
    assert two < shared <= two + 4


def test_a_full_audit_finds_misses_sooner_than_a_sample() -> None:
    rng = np.random.default_rng(2)

    assert 3 * audited(1.0, 0.1, 100, rng).median < audited(0.1, 0.1, 100, rng).median


def test_a_lens_that_loses_focus_is_found_by_its_focus_and_the_same_device_raises_nothing() -> None:
    rng = np.random.default_rng(3)
    made = made_pictures(rng, 30)
    kept = [made.names.index("focus"), made.names.index("smaller side (px)")]
    pool = replace(made, names=tuple(made.names[i] for i in kept), values=made.values[:, :, kept])

    lost = from_pictures(defocus, pool, pool, rng, streams=50, before=200, after=200)
    same = from_pictures(new_device, pool, pool, rng, streams=100, before=200, after=200)

    assert lost.median < 100
    assert lost.first[0][0] == "focus"
    assert same.early + (same.streams - same.early - same.missed) <= 0.08 * same.streams


def test_another_device_is_found_by_what_differs() -> None:
    rng = np.random.default_rng(4)
    names = ("score", "focus")
    old = MeasuredPictures(name="old", names=names, widths_px=(0.0,), values=rng.standard_normal((1, 60, 2)))
    new = MeasuredPictures(name="new", names=names, widths_px=(0.0,), values=rng.normal([0.0, 3.0], 1.0, (1, 60, 2)))

    found = from_pictures(new_device, old, new, rng, streams=50, before=200, after=100)

    assert found.median < 12
    assert dict(found.first).get("focus", 0) >= 45


def test_delays_count_the_alarming_value_and_leave_out_who_alarmed_before() -> None:
    found = delay("x", 1, 10, 5, np.array([3, 10, 11, 12, 15]))

    assert (found.early, found.missed, found.streams) == (1, 1, 5)
    assert (found.median, math.isnan(found.tail)) == (pytest.approx(2), True)
