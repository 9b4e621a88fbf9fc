"""Options that commands of `inspect-ai pacs` share, and what their words mean."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inspect_ai.cli import common

if TYPE_CHECKING:
    from inspect_ai.pacs.destinations import TlsFiles
    from inspect_ai.settings import Settings

Into = Annotated[Path, typer.Option("--into", help="Folder of received studies.")]
Quiet = Annotated[str, typer.Option("--quiet", help="A study is complete after so long without a new object: 60s, 2m.")]
Reply = Annotated[
    str,
    typer.Option("--reply", help="Destination of results.", show_default="where a study came from"),
]
Task = Annotated[str | None, typer.Option("--task", help="Name of a task, or auto.", show_default="auto")]
TlsCert = Annotated[Path | None, typer.Option("--tls-cert", help="Our certificate, PEM.")]
TlsKey = Annotated[Path | None, typer.Option("--tls-key", help="Its key, PEM.")]
TlsCa = Annotated[Path | None, typer.Option("--tls-ca", help="Certificates that are believed, PEM.")]
Aet = Annotated[str, typer.Option("--aet", help="Our AE title.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Options of a TLS connection."""

    tls_cert: TlsCert = None
    tls_key: TlsKey = None
    tls_ca: TlsCa = None

    def files(self) -> TlsFiles | None:
        """The files that were given; None for a connection in clear."""
        from inspect_ai.pacs.destinations import TlsFiles

        if not (self.tls_cert or self.tls_key or self.tls_ca):
            return None
        return TlsFiles(ca=self.tls_ca, cert=self.tls_cert, key=self.tls_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciding:
    """Options of the scan that decides received studies."""

    task: Task = None
    tasks: common.Tasks = None
    db: common.Db = None
    out: common.Out = None
    workers: common.Workers = None
    engine: common.Engine = None
    operator: common.Operator = None

    def settings(self) -> Settings:
        """Settings with these flags above environment, file and defaults."""
        return common.settings(
            task=self.task,
            tasks=self.tasks,
            db=self.db,
            out=self.out,
            workers=self.workers,
            engine=self.engine,
            operator=self.operator,
        )


def seconds(text: str) -> float:
    """Seconds of 60, 60s, 2m or 1h. Raises UsageError."""
    from inspect_ai.errors import UsageError

    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    if match is None:
        raise UsageError(f"--quiet is a time such as 60s, 2m or 1h, not {text[:20]!r}.")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def existing(into: Path) -> Path:
    """The folder of received studies. Raises UsageError where there is none: a wrong path is no empty folder."""
    from inspect_ai.errors import UsageError

    if not into.is_dir():
        raise UsageError(f"There is no folder {into}. Give --into the folder that `pacs listen` or `pacs fetch` fills.")
    return into
