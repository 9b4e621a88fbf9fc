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
from inspect_ai import errors
from inspect_ai.audit.schema import Row
from inspect_ai.cli import exit_codes
from inspect_ai.cli.commands import NAMES, module_of
from inspect_ai.cli.template import TASK
from inspect_ai.model.manifest import read_manifest
from inspect_ai.settings import Settings, bundled

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text("utf-8")
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *DOCS.rglob("*.md")])
BENCHMARKS = sorted(path.parent.name for path in (ROOT / "benchmarks").glob("*/__main__.py"))
TASKS = ("castings", "fundus", "lung_nodule", "metal_surface")
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


def command(module: str) -> Any:
    return typer.main.get_command(importlib.import_module(module).app)


def subcommands(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name} {sub}" for sub in getattr(command(module_of(name)), "commands", {}))


EVERY_COMMAND = [words for name in NAMES for words in subcommands(name)]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_stands_in_the_readme(name: str) -> None:
    assert f"`{name}`" in README or f"inspect-ai {name}" in README


@pytest.mark.parametrize("words", EVERY_COMMAND)
def test_every_command_and_subcommand_has_its_row(words: str) -> None:
    assert len(row(page("commands.md"), f"`inspect-ai {words}`")) == 2


def test_no_row_tells_of_a_command_that_is_not_there() -> None:
    told = re.findall(r"^\| `inspect-ai ([a-z_ -]+)` \|", page("commands.md"), re.MULTILINE)

    assert [words for words in told if words not in EVERY_COMMAND] == []


STARTS = r"(?:inspect-ai |python -m benchmarks\.)"


def command_lines(text: str) -> Iterator[tuple[bool, list[str]]]:
    """Each command line of a page (in a block, or inline in backticks): whether it is a benchmark's, and its words."""
    lines = re.findall(rf"^ *(?:\.venv/bin/|\$ )?({STARTS}[^\n\\]*(?:\\\n[^\n\\]*)*)", text, re.MULTILINE)
    for found in (*lines, *re.findall(rf"`({STARTS}[^`]+)`", text)):
        words = re.split(r"[#|;]", re.sub(STARTS, "", found.replace("\\\n", " "), count=1))[0].split()
        if words and words[0] not in ("...", "--version", "--help", "NAME"):
            yield found.startswith("python"), words


def faults(is_benchmark: bool, words: list[str]) -> Iterator[str]:
    """Whatever of a command line does not exist: its command, its subcommand, its options."""
    if words[0] not in (BENCHMARKS if is_benchmark else NAMES):
        yield f"no command {words[0]}"
        return
    along = [command(f"benchmarks.{words[0]}.__main__" if is_benchmark else module_of(words[0]))]
    commands = getattr(along[0], "commands", {})
    if commands and len(words) > 1 and not words[1].startswith("-"):
        if words[1] not in commands:
            yield f"no command {words[0]} {words[1]}"
            return
        along.append(commands[words[1]])
    known = {flag for at in along for option in at.params for flag in (*option.opts, *option.secondary_opts)}
    flags = [word.split("=")[0].rstrip(".,)") for word in words if word.startswith("--")]
    yield from (f"{words[0]} has no {flag}" for flag in flags if flag not in known | {"--help"})


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_command_line_on_a_page_names_commands_and_options_that_exist(path: Path) -> None:
    lines = command_lines(path.read_text("utf-8"))

    assert [fault for is_benchmark, words in lines for fault in faults(is_benchmark, words)] == []


def test_command_lines_are_found_in_blocks_and_in_sentences() -> None:
    text = "```\ninspect-ai scan X --no\n```\n    inspect-ai a \\\n  --b  # c\nsay `python -m benchmarks.gate d`."

    assert [words for _, words in command_lines(text)] == [["scan", "X", "--no"], ["a", "--b"], ["gate", "d"]]
    assert list(faults(False, ["scan", "X", "--no"])) == ["scan has no --no"]
    assert list(faults(False, ["audit", "sing"])) == ["no command audit sing"]
    assert list(faults(True, ["scan"])) == ["no command scan"]


def test_every_benchmark_has_its_row() -> None:
    assert [name for name in BENCHMARKS if not row(page("results.md"), f"`{name}`")] == []


@pytest.mark.parametrize("name", sorted(set(inspect_ai.__all__) - {"__version__"}))
def test_every_public_name_is_on_the_api_page(name: str) -> None:
    assert f"\n::: inspect_ai.{name}\n" in page("api.md")


@pytest.mark.parametrize("setting", fields(Settings), ids=lambda setting: setting.name)
def test_every_setting_stands_in_the_docs_with_its_default(setting: Any) -> None:
    _, default, _ = row(page("settings.md"), f"`{setting.name}`")

    said = str(setting.default).lower() if isinstance(setting.default, bool) else setting.default
    assert default == ("empty" if setting.default in ("", ()) else f"`{said}`")


def test_no_setting_in_the_docs_is_unknown() -> None:
    told = re.findall(r"^\| `([a-z_]+)` \|", page("settings.md"), re.MULTILINE)

    assert sorted(told) == sorted(setting.name for setting in fields(Settings))


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_stands_in_the_docs_with_its_exit_code(kind: type[errors.InspectError]) -> None:
    assert row(page("exit_codes.md"), f"`{kind.__name__}`")[1] == str(kind.exit_code)


@pytest.mark.parametrize(
    "code",
    sorted({0, *(v for v in vars(exit_codes).values() if isinstance(v, int)), *(kind.exit_code for kind in ERRORS)}),
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
    inside = {
        path.stem for path in (ROOT / "inspect_ai").iterdir() if path.name != "py.typed" and path.name[0] not in "._"
    }

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
    promised = float.fromhex(point["sensitivity"])
    figure = f"at least {promised:g}" if point["refusal"] is None else f"{proved:.3f}"

    _, _, positives, said = row(text, task)
    assert positives == str(point["n_positive"])
    assert "0.987" in said  # promised, refused, or the usual one that a lower promise falls short of
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
