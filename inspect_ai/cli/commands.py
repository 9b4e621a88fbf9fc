"""Tree of commands. A command's module is imported when the command is called, so that the others cost no time."""

from __future__ import annotations

import importlib
from typing import Annotated, Any, TypeAlias

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from inspect_ai.cli.exit_codes import INTERRUPTED

Command: TypeAlias = TyperCommand | TyperGroup

NAMES = (
    "demo",
    "scan",
    "watch",
    "pacs",
    "review",
    "desk",
    "dicom-out",
    "audit",
    "monitor",
    "tasks",
    "datasets",
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


def module_of(name: str) -> str:
    """Module of a command: inspect_ai.cli.dicom_out for dicom-out."""
    return f"inspect_ai.cli.{name.replace('-', '_')}"


class Commands(TyperGroup):
    """Group that imports the module of a command when it is called; each such module defines `app`."""

    def list_commands(self, ctx: object) -> list[str]:
        """Names in the order in which a person needs them."""
        return list(NAMES)

    def get_command(self, ctx: object, cmd_name: str) -> Command | None:
        """Load the command or group of that name, None if there is none."""
        if cmd_name not in NAMES:
            return None
        command = built(importlib.import_module(module_of(cmd_name)).app)
        command.name = cmd_name
        return command

    def invoke(self, ctx: Any) -> Any:
        """Run the command. Exits to which typer gives code 1, which means findings here, get codes of their own."""
        try:
            return super().invoke(ctx)
        except typer.Abort:
            raise typer.Exit(INTERRUPTED) from None
        except EOFError as e:
            raise RuntimeError("an input ended early") from e


def root() -> Command:
    """Build the whole tree below `inspect-ai`."""
    return built(_app)


def built(app: typer.Typer) -> Command:
    """Build the command or group that a Typer application describes."""
    command = get_command(app)
    if not isinstance(command, TyperCommand | TyperGroup):
        raise TypeError(f"typer made a {type(command).__name__} of {app}")
    return command


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
        from inspect_ai.version import __version__

        print(f"inspect-ai-vision {__version__}")
        raise typer.Exit
