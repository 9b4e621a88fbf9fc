"""Names of files and folders in what a command shows: in clear to the person at the terminal, else pseudonyms."""

from __future__ import annotations

import dataclasses
import secrets
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from inspect_ai.audit import Entry, Log, Pseudonyms
    from inspect_ai.settings import Settings

Event = TypeVar("Event")
Names = Annotated[
    bool | None,
    typer.Option(
        "--names/--no-names",
        help="Show names of files and folders, or pseudonyms.",
        show_default="names on a terminal, pseudonyms in a pipe and in JSON",
    ),
]
Reveal = Annotated[
    bool, typer.Option("--reveal", help="Show the names of its files, which the key beside the log opens.")
]
CHOICES = ("auto", "clear", "pseudonyms")
_PATHS = ("path", "file")  # fields of events that hold one path, with a sentence on it in `reason`


def in_clear(settings: Settings, flag: bool | None, as_json: bool) -> bool:
    """True where names are shown: by the flag, else by the setting `names`, else on a terminal alone.

    Raises UsageError for another word in the setting.
    """
    from inspect_ai.errors import UsageError

    if settings.names not in CHOICES:
        raise UsageError(f"Setting names is {settings.names!r}; it is one of: {', '.join(CHOICES)}.")
    if flag is not None:
        return flag
    if settings.names != "auto":
        return settings.names == "clear"
    return not as_json and sys.stdout.isatty()


def as_shown(events: Iterable[Event], settings: Settings, flag: bool | None, as_json: bool) -> Iterator[Event]:
    """Pass on events, without names where these are not shown."""
    if in_clear(settings, flag, as_json):
        yield from events
        return
    names: Pseudonyms | None = None
    for event in events:
        names = names or _pseudonyms(settings)
        yield without_names(event, names)


def without_names(event: Any, names: Pseudonyms) -> Any:
    """Event in which every study, decision, rejection and path has pseudonyms in place of names."""
    from inspect_ai.domain import Decision, Rejection, StudyRef

    if isinstance(event, Decision | Rejection):
        return names.hidden(event)
    if isinstance(event, StudyRef):
        return names.hidden_study(event)
    if not dataclasses.is_dataclass(event) or isinstance(event, type):
        return event
    changed: dict[str, Any] = {}
    for field in dataclasses.fields(event):
        value = getattr(event, field.name)
        if isinstance(value, Decision | Rejection | StudyRef):
            changed[field.name] = without_names(value, names)
        elif field.name in _PATHS and isinstance(value, str):
            changed[field.name] = names.path(value)
            if isinstance(reason := getattr(event, "reason", None), str):
                changed["reason"] = names.hidden_text(reason, [value])
    return dataclasses.replace(event, **changed) if changed else event


def revealed(document: Any, entry: Entry, log: Log) -> Any:
    """Document of an entry with the names of its files in place of their pseudonyms. Raises as `_opened`."""
    from inspect_ai.audit import replaced

    names = log.names.clear_names(_opened(entry, log))

    def clear(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: clear(part) for name, part in value.items() if name != "sealed"}
        if isinstance(value, list):
            return [clear(part) for part in value]
        return replaced(value, names) if isinstance(value, str) else value

    return clear(document)


def revealed_study(entry: Entry, log: Log) -> dict[str, str]:
    """Name and path of the study of a decision's entry. Raises as `_opened`."""
    key, source, *_ = _opened(entry, log)
    return {"study": key, "source": source}


def _opened(entry: Entry, log: Log) -> tuple[str, ...]:
    """Sealed names of an entry. Raises UsageError where none are kept or no key is there, AuditError where the key does
    not open them.
    """
    from inspect_ai.audit import key_path
    from inspect_ai.errors import UsageError

    if not entry.sealed:
        raise UsageError(
            f"Entry {entry.id} keeps no names: it has none, an earlier version wrote it, or keep_names was false."
        )
    if not key_path(log.path).exists():
        raise UsageError(f"The key {key_path(log.path)} is not there: without it the names stay sealed.")
    return log.names.opened(entry.sealed)


def _pseudonyms(settings: Settings) -> Pseudonyms:
    """Pseudonyms of the log; a dry run, which makes no key, has some of its own where there is no log yet."""
    from inspect_ai.audit import Pseudonyms, key_path, patient_key

    there = settings.db.exists() or key_path(settings.db).exists()
    return Pseudonyms(patient_key(settings.db) if there else secrets.token_bytes(32))
