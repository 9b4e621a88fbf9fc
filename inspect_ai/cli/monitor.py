"""`inspect-ai monitor`: drift and misses since a certificate came into force."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inspect_ai.cli import common, exit_codes
from inspect_ai.cli.shown import heads as heads_shown

if TYPE_CHECKING:
    from inspect_ai.audit import KeptHead
    from inspect_ai.journeys.monitor import Watched
    from inspect_ai.monitoring.evidence import Evidence, Misses
    from inspect_ai.monitoring.movement import Movement

app = common.app()


@app.callback(invoke_without_command=True)
def monitor(
    db: common.Db = None,
    task: Annotated[str | None, typer.Option("--task", help="Certificates of this task.", show_default="all")] = None,
    once: Annotated[
        bool, typer.Option("--once/--follow", help="Look once, or again whenever the log has grown.")
    ] = True,
    every_s: Annotated[float, typer.Option("--every", min=0.1, help="Seconds between two looks of --follow.")] = 30.0,
    eta: Annotated[
        float, typer.Option("--eta", help="Chance that a certificate's drift alarm ever sounds for nothing.")
    ] = 0.05,
    audit_rate: Annotated[
        float | None,
        typer.Option("--audit-rate", help="Share of clear cases that `review list` draws.", show_default="0"),
    ] = None,
    sensitivity: Annotated[
        float | None,
        typer.Option("--sensitivity", help="What was promised.", show_default="that of the task's operating point"),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing into the log.")] = False,
    operator: common.Operator = None,
    as_json: common.Json = False,
) -> None:
    """Watch scores, picture quality and reviewed labels for drift. Leaves with 1 while an alarm stands, else with 0.

    An alarm is written into the log together with the suspension of the certificate: nothing is cleared without a
    person until one enables it again (inspect-ai certificate enable); then watching starts afresh. Scores are compared
    with those that came before under the same certificate, so a changed share of positives is drift too, and positives
    that were missed are not seen so: they show in the audit of clear cases (inspect-ai review list --audit-rate).

    Example: inspect-ai monitor --db inspect_ai.db --audit-rate 0.02
    """
    from inspect_ai.audit import keep_head, open_log
    from inspect_ai.journeys.monitor import MonitorState
    from inspect_ai.journeys.monitor import monitor as look

    settings = common.settings(db=db, operator=operator, audit_rate=audit_rate)
    seen = -1
    while True:
        with open_log(settings.db, operator=settings.operator, create=False) as log:
            if log.head().rows != seen:
                found = look(
                    log,
                    settings,
                    task=task,
                    eta=eta,
                    audit_rate=settings.audit_rate,
                    sensitivity=sensitivity,
                    dry_run=dry_run,
                )
                seen = log.head().rows
                _show(found, None if dry_run else keep_head(log, settings), as_json)
        if once:
            break
        time.sleep(every_s)
    if any(watched.state is MonitorState.ALARM for watched in found):
        raise typer.Exit(exit_codes.FINDINGS)


def _show(found: list[Watched], kept: KeptHead | None, as_json: bool) -> None:
    if as_json:
        for watched in found:
            common.emit({**_plain(watched), "head": heads_shown.plain(kept)})
        return
    if not found:
        print("No decision to watch stands in the log.")
    for watched in found:
        _table(watched)
    heads_shown.tell(kept)


def _table(w: Watched) -> None:
    from inspect_ai.text import printable

    moved = {m.name: m for m in w.movements}
    rows: list[tuple[Any, ...]] = [
        (
            e.stream.name,
            len(e.stream.values),
            f"{e.highest:.3g}",
            f"{e.limit:.4g}",
            _when(e),
            _moved(moved, e.stream.name),
        )
        for e in w.streams
    ]
    if w.misses is not None:
        rows.append(_miss_row(w.misses, w.miss_limit))
    who = f"certificate {w.statement.certificate_sha256[:12]}" if w.statement.certificate_sha256 else "no certificate"
    title = (
        f"{printable(w.statement.task, 60)}, {who}, operating point {w.statement.operating_point_sha256[:12]}: "
        f"{w.cases} studies, entries {w.first} to {w.last}"
    )
    common.table(title, "watched", "n", "evidence", "alarm at", "crossed", "recent against earlier", rows=rows)
    if w.audit is not None:
        a = w.audit
        print(
            f"Audit: {a.escapes} escapes among {a.audited} clear cases drawn of {a.cleared}; at {a.confidence:.4g} "
            f"confidence at most {a.share_at_most:.3%} of clear cases are escapes, at most {a.escapes_at_most} here. "
            f"With {a.positives_found} positives found, sensitivity at work is at least {a.sensitivity_at_least:.4f}. "
            f"{w.waiting} cases wait for an answer; counted is up to entry {w.misses.through if w.misses else 0}."
        )
    print(f"State: {w.state}{'. ' if w.reason else ''}{printable(w.reason, 1000)}")


def _when(evidence: Evidence) -> str:
    return "" if evidence.crossed is None else f"entry {evidence.stream.entries[evidence.crossed]}"


def _moved(movements: dict[str, Movement], name: str) -> str:
    from inspect_ai.monitoring.evidence import told

    return told(movements[name]) if name in movements else ""


def _miss_row(misses: Misses, limit: float) -> tuple[Any, ...]:
    from inspect_ai.journeys.monitor import MISS_RATE

    bound, promised = misses.bound, misses.promised
    evidence = "" if bound.evidence is None else f"{bound.evidence:.3g}"
    crossed = "" if bound.crossed is None else f"entry {misses.entries[bound.crossed]}"
    allowed = "promise unknown" if promised is None else f"promised: at most {promised:.2%}"
    counts = f"{bound.missed} missed, between {bound.at_least:.2%} and {bound.at_most:.2%} ({allowed})"
    return MISS_RATE, bound.positives, evidence, "" if promised is None else f"{limit:.4g}", crossed, counts


def _plain(w: Watched) -> dict[str, Any]:
    """State of one certificate as plain values."""
    from dataclasses import asdict

    return {
        "type": "monitor",
        "task": w.statement.task,
        "certificate_sha256": w.statement.certificate_sha256 or None,
        "operating_point_sha256": w.statement.operating_point_sha256,
        "state": w.state.value,
        "reason": w.reason,
        "since_entry": w.since,
        "first_entry": w.first,
        "last_entry": w.last,
        "studies": w.cases,
        "waiting": w.waiting,
        "alarms": [entry.id for entry in w.alarms],
        "streams": [
            {
                "watched": e.stream.name,
                "n": len(e.stream.values),
                "evidence": e.highest,
                "limit": e.limit,
                "crossed_entry": None if e.crossed is None else e.stream.entries[e.crossed],
            }
            for e in w.streams
        ],
        "movements": [{**asdict(m), "direction": m.direction} for m in w.movements],
        "misses": None
        if w.misses is None
        else {**asdict(w.misses.bound), "promised_at_most": w.misses.promised, "through_entry": w.misses.through},
        "audit": None if w.audit is None else asdict(w.audit),
    }
