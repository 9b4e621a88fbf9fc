"""What `bench monitor` found, as Markdown for people, as CSV for table programs, as JSON for programs."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspect_ai.errors import UsageError

if TYPE_CHECKING:
    from benchmarks.monitor.streams import Delay, FalseAlarms, StreamBench

NAME = "monitor"
FALSE_COLUMNS = ("reference", "values come", "streams", "alarmed within 200", "500", "1,000", "2,000", "5,000")
DELAY_COLUMNS = ("change", "streams watched", "values before", "median delay", "90 % within", "never", "false before")


def write(bench: StreamBench, out: Path) -> None:
    """monitor.md, monitor.csv and monitor.json below `out`. Raises UsageError if they cannot be written."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / f"{NAME}.md").write_text(markdown(bench), "utf-8")
        (out / f"{NAME}.json").write_text(json.dumps(plain(bench), indent=1, ensure_ascii=False) + "\n", "utf-8")
        with (out / f"{NAME}.csv").open("w", newline="", encoding="utf-8") as f:
            csv.writer(f, lineterminator="\n").writerows(_csv(bench))
    except OSError as e:
        raise UsageError(f"{out} cannot be written ({e.strerror}). Choose another folder with --out.") from e


def plain(bench: StreamBench) -> dict[str, Any]:
    """Plain values; null where more streams never alarmed than the quantile leaves out."""
    return {
        "eta": bench.eta,
        "seed": bench.seed,
        "pools": [{"name": p.name, "pictures": p.pictures, "watched": list(p.names)} for p in bench.pools],
        "false_alarms": [asdict(row) for row in bench.false_alarms],
        **{name: [_delay(row) for row in getattr(bench, name)] for name in ("shifts", "pictures", "misses")},
    }


def markdown(bench: StreamBench) -> str:
    """Four tables."""
    parts = [
        "# Drift alarms: false ones, and how soon true ones come",
        "",
        f"Alarm at {bench.eta:.0%} for all streams of a certificate together; seed {bench.seed}.",
        "",
        "## Nothing changes",
        "",
        *_table(FALSE_COLUMNS, [_false_row(row) for row in bench.false_alarms]),
        "",
        "## Normal values move",
        "",
        *_table(DELAY_COLUMNS, [_delay_row(row) for row in bench.shifts]),
        "",
        "## Pictures change",
        "",
        *_table((*DELAY_COLUMNS, "first to alarm"), [(*_delay_row(row), _kinds(row)) for row in bench.pictures]),
        "",
        "Drawn from: " + "; ".join(f"{p.name}, {p.pictures} pictures" for p in bench.pools) + ".",
        "",
        "## More positives are missed than promised",
        "",
        *_table(
            ("true miss rate, audit", "median, in positives", "90 % within", "never", "positives simulated"),
            [
                (row.what, _number(row.median), _number(row.tail), _share(row.missed, row), f"{row.within:,}")
                for row in bench.misses
            ],
        ),
    ]
    return "\n".join(parts) + "\n"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [columns, ["---"] * len(columns), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def _false_row(row: FalseAlarms) -> list[str]:
    shares = {n: f"{count / row.streams:.2%}" for n, count in zip(row.after, row.alarmed, strict=True)}
    return [row.reference, row.shape, f"{row.streams:,}", *(shares.get(n, "") for n in (200, 500, 1000, 2000, 5000))]


def _delay_row(row: Delay) -> list[str]:
    counts = [_share(row.missed, row), f"{row.early / row.streams:.1%}"]
    return [row.what, str(row.watched), f"{row.before:,}", _number(row.median), _number(row.tail), *counts]


def _share(count: int, row: Delay) -> str:
    return f"{count / max(row.streams - row.early, 1):.1%}"


def _kinds(row: Delay) -> str:
    total = sum(count for _, count in row.first)
    return ", ".join(f"{name} {count / total:.0%}" for name, count in row.first)


def _number(value: float) -> str:
    return "not reached" if math.isnan(value) else f"{value:,.0f}"


def _delay(row: Delay) -> dict[str, Any]:
    values = asdict(row)
    return {name: None if isinstance(v, float) and math.isnan(v) else v for name, v in values.items()}


def _csv(bench: StreamBench) -> list[list[Any]]:
    rows: list[list[Any]] = [["table", "what", "watched", "values_before", "values", "streams", "figure", "value"]]
    for f in bench.false_alarms:
        rows += [
            ["false_alarms", f"{f.reference}; {f.shape}", 1, 0, n, f.streams, "alarmed", count]
            for n, count in zip(f.after, f.alarmed, strict=True)
        ]
    for name in ("shifts", "pictures", "misses"):
        for d in getattr(bench, name):
            told = _delay(d)
            rows += [
                [
                    name,
                    d.what,
                    d.watched,
                    d.before,
                    d.within,
                    d.streams,
                    figure,
                    "" if told[figure] is None else told[figure],
                ]
                for figure in ("median", "tail", "missed", "early")
            ]
    return rows
