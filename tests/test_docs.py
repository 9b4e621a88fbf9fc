"""The documentation is true: commands, options, settings, errors, exit codes, links, figures, cards, the template."""

import importlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

import inspect_ai
from inspect_ai import cli, errors
from inspect_ai.audit.schema import Row
from inspect_ai.cli import common
from inspect_ai.cli.commands import NAMES
from inspect_ai.cli.template import TASK
from inspect_ai.model.manifest import read_manifest
from inspect_ai.settings import Settings, bundled

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text("utf-8")
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *DOCS.rglob("*.md")])
TASKS = ("fundus", "lung_nodule", "metal_surface")
ERRORS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.InspectError)]


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def row(text: str, first: str) -> list[str]:
    """Cells of the one table row whose first cell is `first`."""
    (found,) = [line for line in text.splitlines() if line.startswith(f"| {first} |")]
    return [cell.strip() for cell in found.strip("| ").split(" | ")]


def shipped(name: str) -> dict[str, Any]:
    """A JSON file of the task that has them all."""
    read: dict[str, Any] = json.loads((bundled("tasks") / "lung_nodule" / name).read_text("utf-8"))
    return read


def command(name: str) -> Any:
    return typer.main.get_command(importlib.import_module(f"inspect_ai.cli.{name}").app)


def subcommands(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name} {sub}" for sub in getattr(command(name), "commands", {}))


EVERY_COMMAND = [words for name in NAMES for words in subcommands(name)]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_stands_in_the_readme(name: str) -> None:
    assert f"`{name}`" in README or f"inspect-ai {name}" in README


@pytest.mark.parametrize("words", EVERY_COMMAND)
def test_every_command_and_subcommand_has_its_row(words: str) -> None:
    assert len(row(page("commands.md"), f"`inspect-ai {words}`")) == 2


def test_no_row_tells_of_a_command_that_is_not_there() -> None:
    told = re.findall(r"^\| `inspect-ai ([a-z_ ]+)` \|", page("commands.md"), re.MULTILINE)

    assert [words for words in told if words not in EVERY_COMMAND] == []


def spoken(text: str) -> Iterator[list[str]]:
    """The words after each `inspect-ai` in code: inline between backticks, or to the end of a line of a block."""
    code = re.findall(r"^(?:    |```\n)?(?:\.venv/bin/|\$ )?inspect-ai [^\n]+(?:\\\n[^\n]+)*", text, re.MULTILINE)
    inline = re.findall(r"`(inspect-ai [^`]+)`", text)
    for found in (*code, *inline):
        said = found.replace("\\\n", " ").split("inspect-ai ", 1)[1]
        yield re.split(r"[#|;]", said)[0].split()


def faults(words: list[str]) -> Iterator[str]:
    """What of a command line does not exist: its command, its subcommand, its options."""
    if words[0] not in NAMES:
        yield " ".join(words)
        return
    at = command(words[0])
    along = [at]
    for sub in words[1:2]:
        commands = getattr(at, "commands", {})
        if commands and not sub.startswith("-"):
            if sub not in commands:
                yield f"{words[0]} {sub}"
                return
            along.append(commands[sub])
    known = {flag for c in along for p in c.params for flag in (*p.opts, *p.secondary_opts)} | {"--help"}
    flags = [word.split("=")[0].rstrip(".,)") for word in words if word.startswith("--")]
    yield from (f"{words[0]}: {flag}" for flag in flags if flag not in known)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_command_line_on_a_page_names_commands_and_options_that_exist(path: Path) -> None:
    lines = [words for words in spoken(path.read_text("utf-8")) if words[0] not in ("...", "--version", "--help")]

    assert [fault for words in lines for fault in faults(words)] == []


@pytest.mark.parametrize("setting", fields(Settings), ids=lambda setting: setting.name)
def test_every_setting_stands_in_the_docs_with_its_default(setting: Any) -> None:
    _, default, _ = row(page("settings.md"), f"`{setting.name}`")

    assert default == ("empty" if setting.default == "" else f"`{setting.default}`")


def test_no_setting_in_the_docs_is_unknown() -> None:
    told = re.findall(r"^\| `([a-z_]+)` \|", page("settings.md"), re.MULTILINE)

    assert sorted(told) == sorted(setting.name for setting in fields(Settings))


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_stands_in_the_docs_with_its_exit_code(kind: type[errors.InspectError]) -> None:
    assert row(page("exit_codes.md"), f"`{kind.__name__}`")[1] == str(kind.exit_code)


@pytest.mark.parametrize(
    "code",
    sorted({0, cli.FAULT, cli.INTERRUPTED, common.FINDINGS, common.READER_GONE, *(kind.exit_code for kind in ERRORS)}),
)
def test_every_exit_code_stands_in_the_docs(code: int) -> None:
    assert len(row(page("exit_codes.md"), str(code))) >= 2


@pytest.mark.parametrize(
    ("section", "names"),
    [
        ("operating_point.json", shipped("operating_point.json")),
        ("certificate.json", shipped("certificate.json")["certificate"]),
        ("manifest.json", shipped("manifest.json")),
        ("Audit log and its export", [column.name for column in Row.__table__.columns]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_field_of_a_file_stands_in_its_section(section: str, names: Iterable[str]) -> None:
    told = page("formats.md").split(f"\n## {section}\n")[1].split("\n## ")[0]

    assert [name for name in names if f"`{name}`" not in told] == []


def test_every_exit_code_of_an_error_stands_in_the_readme() -> None:
    assert [kind for kind in ERRORS if f"| {kind.exit_code} |" not in README] == []


def test_the_plugin_on_the_page_is_the_one_that_is_written() -> None:
    assert TASK.format(title="Bottle caps", class_name="BottleCaps").rstrip() in page("own_task.md")
    assert len(TASK.splitlines()) <= 40


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_to_a_file_leads_to_one(path: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text("utf-8"))

    assert [t for t in targets if "://" not in t and not (path.parent / t).exists()] == []


def test_every_page_is_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text("utf-8")
    named = set(re.findall(r"[\w/]+\.md", json.dumps(yaml.safe_load(text)["nav"])))

    there = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    assert named == {name for name in there if not re.match(r"decisions/\d", name)}  # docs/hooks.py adds the records


def test_every_package_is_on_the_map() -> None:
    inside = {path.stem for path in (ROOT / "inspect_ai").iterdir() if not path.name.startswith(("_", "."))}

    assert {name for name in inside if f"`{name}`" not in page("how_it_works.md").split("## Packages")[1]} == set()


def test_no_two_decisions_have_one_number() -> None:
    numbers = [path.name[:3] for path in DOCS.glob("decisions/[0-9]*.md")]

    assert len(numbers) == len(set(numbers))


def test_the_citation_names_this_version() -> None:
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))["version"] == inspect_ai.__version__


@pytest.mark.parametrize("text", [README, page("proved.md")], ids=["README.md", "proved.md"])
@pytest.mark.parametrize("task", TASKS)
def test_readme_page_and_card_say_what_the_operating_point_proves(task: str, text: str) -> None:
    point = json.loads((bundled("tasks") / task / "operating_point.json").read_text())
    proved = int(float.fromhex(point["proved_sensitivity"]) * 1000) / 1000
    figure = "0.987" if point["refusal"] is None else f"{proved:.3f}"

    _, _, positives, said = row(text, task)
    assert positives == str(point["n_positive"])
    assert figure in said
    assert figure in (bundled("tasks") / task / "MODEL_CARD.md").read_text()


@pytest.mark.parametrize("task", TASKS)
def test_every_data_set_that_a_model_met_has_a_card(task: str) -> None:
    for use in read_manifest(bundled("tasks") / task).data:
        assert (bundled("data_cards") / f"{use.name}.md").is_file()


@pytest.mark.parametrize("task", TASKS)
def test_the_card_names_the_weights_that_ship(task: str) -> None:
    manifest = read_manifest(bundled("tasks") / task)
    card = (bundled("tasks") / task / "MODEL_CARD.md").read_text()

    assert manifest.weights_sha256[:16] in card
    assert manifest.graph_sha256[:16] in card
    assert f"{manifest.parameters:,}" in card
