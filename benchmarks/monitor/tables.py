"""Tables of the monitor benchmark: Markdown for people, CSV for table programs, JSON for programs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from benchmarks.monitor.results import Delay, FalseAlarms, StreamResult
from benchmarks.writing import csv_text, json_text, markdown_table

NAME = "monitor"
FALSE_COLUMNS = ("reference", "values come", "streams", "alarmed within 200", "500", "1,000", "2,000", "5,000")
DELAY_COLUMNS = ("change", "streams watched", "values before", "median delay", "90 % within", "never", "false before")
CSV_COLUMNS = ("table", "what", "watched", "values_before", "values", "streams", "figure", "value")


def texts(found: StreamResult) -> dict[str, str]:
    """Contents of the three files, by name."""
    return {
        f"{NAME}.md": markdown(found),
        f"{NAME}.json": json_text(plain(found)),
        f"{NAME}.csv": csv_text(CSV_COLUMNS, _csv_rows(found)),
    }


def plain(found: StreamResult) -> dict[str, Any]:
    """Plain values; null where more streams never alarmed than the quantile leaves out."""
    return {
        "eta": found.eta,
        "seed": found.seed,
        "pools": [{"name": p.name, "pictures": p.pictures, "watched": list(p.names)} for p in found.pools],
        "false_alarms": [asdict(row) for row in found.false_alarms],
        **{name: [_delay(row) for row in getattr(found, name)] for name in ("shifts", "pictures", "misses")},
    }


def markdown(found: StreamResult) -> str:
    """Four tables."""
    parts = [
        "# Drift alarms: false ones, and how soon true ones come",
        "",
        f"Alarm at {found.eta:.0%} for all streams of a certificate together; seed {found.seed}.",
        "",
        "## Nothing changes",
        "",
        markdown_table(FALSE_COLUMNS, [_false_row(row) for row in found.false_alarms]),
        "## Normal values move",
        "",
        markdown_table(DELAY_COLUMNS, [_delay_row(row) for row in found.shifts]),
        "## Pictures change",
        "",
        markdown_table((*DELAY_COLUMNS, "first to alarm"), [(*_delay_row(row), _kinds(row)) for row in found.pictures]),
        "Drawn from: " + "; ".join(f"{p.name}, {p.pictures} pictures" for p in found.pools) + ".",
        "",
        "## More positives are missed than promised",
        "",
        markdown_table(
            ("true miss rate, audit", "median, in positives", "90 % within", "never", "positives simulated"),
            [
                (row.what, _number(row.median), _number(row.tail), _share(row.missed, row), f"{row.within:,}")
                for row in found.misses
            ],
        ),
    ]
    return "\n".join(parts)


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


def _csv_rows(found: StreamResult) -> Iterator[list[Any]]:
    for f in found.false_alarms:
        for n, count in zip(f.after, f.alarmed, strict=True):
            yield ["false_alarms", f"{f.reference}; {f.shape}", 1, 0, n, f.streams, "alarmed", count]
    for name in ("shifts", "pictures", "misses"):
        for d in getattr(found, name):
            values = _delay(d)
            for figure in ("median", "tail", "missed", "early"):
                value = "" if values[figure] is None else values[figure]
                yield [name, d.what, d.watched, d.before, d.within, d.streams, figure, value]
