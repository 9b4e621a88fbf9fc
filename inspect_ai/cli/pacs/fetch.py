"""`inspect-ai pacs fetch`: one study from DICOMweb into the folder of received ones."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from inspect_ai.cli import common
from inspect_ai.cli.pacs.events import SHOWN
from inspect_ai.cli.pacs.options import Into
from inspect_ai.cli.pacs.web_source import web_source

if TYPE_CHECKING:
    from inspect_ai.pacs.destinations import Web

UID = re.compile(r"[0-9]+(\.[0-9]+)+")


def fetch(
    source: Annotated[str, typer.Option("--from", help="DICOMweb destination of the settings.")],
    study: Annotated[str, typer.Option("--study", help="Its UID, or the key that `pacs list --from` shows.")],
    into: Into,
    as_json: common.Json = False,
) -> None:
    """Fetch one study by WADO-RS; a listener on the folder, or `pacs decide`, decides it and answers to its origin.

    Example: inspect-ai pacs fetch --from web --study 3fa94c0d11b2 --into ./received
    """
    from inspect_ai.pacs import web
    from inspect_ai.pacs.received import Received

    there = web_source(source)
    uid = _uid(study, there)
    store = Received(into)
    store.prepare(tidy=False)  # a listener may be writing there
    key, objects, new = web.fetch(there, uid, store)
    if as_json:
        common.emit({"type": "fetched", "study": key, "objects": objects, "new": new})
    else:
        print(f"{key[:SHOWN]}  {objects} objects, {new} of them new")


def _uid(study: str, there: Web) -> str:
    """Study Instance UID of a UID or a key. Raises InputError where the key names none, or several."""
    from inspect_ai.errors import InputError
    from inspect_ai.pacs.web import offered
    from inspect_ai.text import printable

    named = [study] if UID.fullmatch(study) else [f.uid for f in offered(there) if f.key.startswith(study.lower())]
    if len(named) != 1:
        many = f"{len(named)} studies" if named else "no study"
        raise InputError(f"Destination {there.name} has {many} {printable(study, 40)}. See `inspect-ai pacs list`.")
    return named[0]
