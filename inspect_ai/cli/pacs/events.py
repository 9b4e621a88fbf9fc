"""Events of a listener, shown as they come: lines for a person, JSON for a program."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from inspect_ai.cli import common

if TYPE_CHECKING:
    from inspect_ai.pacs.deciding import PacsEvent

SHOWN = 12  # characters of a study's key


def say(sentence: str) -> None:
    """Print one sentence on stderr, on one line: a terminal folds it."""
    common.progress().print(sentence, soft_wrap=True)


def show(events: Iterator[PacsEvent], as_json: bool) -> int:
    """Print events as they come; returns the number of failures."""
    from inspect_ai.inspection.outages import Notice
    from inspect_ai.pacs.deciding import NotDecided, ReceivedDecided, Started
    from inspect_ai.pacs.outbox import NotDelivered
    from inspect_ai.pacs.receiver import Told

    failures = 0
    for event in events:
        failures += isinstance(event, NotDecided | NotDelivered)
        if as_json:
            common.emit(_event_json(event))
        elif isinstance(event, Started):
            say(f"Listening on port {event.port}.")
        elif isinstance(event, Told | Notice):
            say(event.message)
        elif isinstance(event, ReceivedDecided):
            _decided(event)
        elif isinstance(event, NotDecided):
            say(f"not decided  {event.key[:SHOWN]}  {event.reason} Next attempt in {event.pause_s:.0f} s.")
        elif isinstance(event, NotDelivered):
            say(f"not sent  #{event.entry} to {event.destination}  {event.reason} Again in {event.pause_s:.0f} s.")
        else:
            held = f", {event.held} there before" if event.held else ""
            common.line(f"sent  #{event.entry} to {event.destination}  {event.objects} objects{held}")
    return failures


def _decided(event: Any) -> None:
    from inspect_ai.text import printable

    for study in event.decided:
        decision = study.decision
        score = "" if decision.score is None else f"{decision.score:.4f}"
        known = " (in the log before)" if study.known else ""
        reason = printable(decision.verdict.reason, 200)
        outcome = decision.verdict.outcome.value
        common.line(f"{outcome:8} {event.key[:SHOWN]}  #{study.entry}  {score:6}  {reason}{known}")
    if not event.decided:
        common.line(f"nothing to inspect  {event.key[:SHOWN]}  {len(event.rejected)} objects set aside or refused")


def _event_json(event: Any) -> dict[str, Any]:
    from dataclasses import asdict

    from inspect_ai.cli.shown import output
    from inspect_ai.pacs.deciding import ReceivedDecided

    names = {
        "Started": "start",
        "Told": "notice",
        "Notice": "notice",
        "NotDecided": "not_decided",
        "Delivered": "sent",
        "NotDelivered": "not_sent",
    }
    if isinstance(event, ReceivedDecided):
        studies = [output.study_json(study.decision, study.entry) | {"known": study.known} for study in event.decided]
        return {"type": "received", "study": event.key, "instances": event.instances, "decisions": studies}
    return {"type": names[type(event).__name__], **asdict(event)}
