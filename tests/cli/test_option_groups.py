"""Groups of options: what typer sees, and what the command is given."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

import typer
from typer.testing import CliRunner

from inspect_ai.cli import common
from inspect_ai.cli.option_groups import spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    rows: Annotated[int, typer.Option("--rows", help="Rows.")]
    columns: Annotated[int, typer.Option("--columns", help="Columns.")] = 3


def _measure(
    *,
    first: Annotated[str, typer.Option("--first", help="Before.")] = "a",
    size: Size,
    last: Annotated[str, typer.Option("--last", help="After.")] = "z",
) -> None:
    """Print a size."""
    typer.echo(f"{first} {size} {last}")


app = common.app()
app.command()(spread(_measure))


def test_the_options_of_a_group_stand_in_help_where_the_group_stands() -> None:
    shown = CliRunner().invoke(app, ["--help"]).output

    assert re.findall(r"--[a-z]+(?= <)", shown) == ["--first", "--rows", "--columns", "--last"]
    assert "Print a size." in shown


def test_a_command_is_given_its_group_whole() -> None:
    assert CliRunner().invoke(app, ["--rows", "2", "--last", "y"]).output == f"a {Size(rows=2)} y\n"


def test_a_field_without_default_is_a_required_option() -> None:
    ended = CliRunner().invoke(app, ["--columns", "2"])

    assert ended.exit_code == 2
    assert "--rows" in ended.output
