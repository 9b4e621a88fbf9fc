"""`inspect-ai pacs send`: send files to a destination and show its answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inspect_ai.cli import common
from inspect_ai.cli.pacs.options import Aet, Tls

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inspect_ai.pacs.destinations import Destination, TlsFiles
    from inspect_ai.pacs.sending import Sent


def send(
    *,
    files: Annotated[list[Path], typer.Argument(help="DICOM files.")],
    to: Annotated[str, typer.Option("--to", help="AET@HOST:PORT, or a destination of the settings.")],
    aet: Aet = "INSPECT_AI",
    tls: Tls,
    as_json: common.Json = False,
) -> None:
    """Send DICOM files by C-STORE or STOW-RS, and print the answer to each. Exit code 5 if one was not stored.

    Example: inspect-ai pacs send report.dcm --to ORTHANC@127.0.0.1:4242
    """
    from inspect_ai.errors import SetupError
    from inspect_ai.pacs.senders import sender_for

    answers = sender_for(_destination(to, tls.files()), aet).send(files)
    (_emit if as_json else _table)(answers)
    missing = sum(not answer.stored for answer in answers)
    if missing:
        raise SetupError(f"{missing} of {len(answers)} objects were not stored.")


def _destination(to: str, tls: TlsFiles | None) -> Destination:
    from inspect_ai.pacs.destinations import destination_named, written

    settings = common.settings()
    if any(name == to for name, _ in settings.destinations) or "@" not in to:
        return destination_named(to, settings)
    return written(to, tls)


def _emit(answers: Iterable[Sent]) -> None:
    for answer in answers:
        plain = {"file": str(answer.path), "stored": answer.stored, "status": _hex(answer), "meaning": answer.meaning}
        common.emit({"type": "sent", **plain})


def _table(answers: Iterable[Sent]) -> None:
    from inspect_ai.text import printable

    rows = [(_hex(answer), answer.meaning, printable(str(answer.path), 200)) for answer in answers]
    common.table("", "status", "meaning", "file", rows=rows)


def _hex(answer: Sent) -> str | None:
    return None if answer.status is None else f"{answer.status:04X}"
