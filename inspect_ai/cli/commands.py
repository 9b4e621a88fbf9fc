"""The tree of commands. A command's module is imported when the command is named, so that the others cost nothing."""

from __future__ import annotations

import importlib
from typing import Annotated

import typer
from typer._click import Command, Context  # typer 0.29 carries its own click; a test pins what is used of it
from typer.core import TyperGroup

NAMES = (
    "demo",
    "scan",
    "watch",
    "review",
    "audit",
    "monitor",
    "tasks",
    "train",
    "joint",
    "pretrain",
    "export",
    "calibrate",
    "certificate",
    "evaluate",
    "plan",
    "doctor",
)


class Commands(TyperGroup):
    """Finds `inspect_ai.cli.NAME` when NAME is asked for; each such module defines `app`."""

    def list_commands(self, ctx: Context) -> list[str]:
        """In the order in which a person meets them."""
        return list(NAMES)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        """The command or group of that name, None if there is none."""
        if cmd_name not in NAMES:
            return None
        command = typer.main.get_command(importlib.import_module(f"inspect_ai.cli.{cmd_name}").app)
        command.name = cmd_name
        return command


def root() -> Command:
    """The whole tree below `inspect-ai`."""
    return typer.main.get_command(_app)


_app = typer.Typer(cls=Commands, add_completion=False, no_args_is_help=True, rich_markup_mode=None)


@_app.callback()
def _inspect_ai(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.", is_eager=True)] = False,
) -> None:
    """Visual inspection that people can trust. Research software, not a medical device.

    Start with `inspect-ai demo`, then `inspect-ai scan FOLDER`.

    Example: inspect-ai scan ./studies --task auto
    """
    if version:
        from inspect_ai import __version__

        print(f"inspect-ai-vision {__version__}")
        raise typer.Exit
