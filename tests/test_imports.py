"""Imports that lead back to where they started, found in the source: at the top of a file, in functions, for types."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]


def modules(root: Path, package: str) -> dict[str, Path]:
    """Every module below a package by its dotted name."""
    found = {}
    for path in (root / package).rglob("*.py"):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(path: Path, known: dict[str, Path]) -> Iterator[str]:
    """Known modules that a file imports, at any depth; `from package import name` is `name` where that is a module."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield from [name for name in (whole, node.module) if name in known][:1]


def circles(root: Path, package: str) -> list[tuple[str, ...]]:
    """Modules that reach themselves through their imports, grouped by the modules that they share this with."""
    known = modules(root, package)
    direct = {name: set(imported(path, known)) - {name} for name, path in known.items()}
    reached = {name: set(targets) for name, targets in direct.items()}
    for through in known:
        for name, targets in reached.items():
            if through in targets:
                reached[name] = targets | reached[through]
    return sorted(
        {
            tuple(sorted({name, *(other for other in reached[name] if name in reached[other])}))
            for name in known
            if name in reached[name]
        }
    )


@pytest.mark.parametrize("package", ["inspect_ai", "benchmarks"])
def test_no_import_leads_back_to_its_own_module(package: str) -> None:
    assert circles(CHECKOUT, package) == []


def test_imports_in_functions_and_for_types_count(tmp_path: Path) -> None:
    sources = {
        "__init__": "",
        "a": "def late():\n    from made.b import B\n",
        "b": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from made import c\n",
        "c": "import made.a\n",
        "d": "from made import a\n",
    }
    (tmp_path / "made").mkdir()
    for name, text in sources.items():
        (tmp_path / "made" / f"{name}.py").write_text(text)

    assert circles(tmp_path, "made") == [("made.a", "made.b", "made.c")]


def test_the_product_never_imports_the_benchmarks() -> None:
    known = modules(CHECKOUT, "benchmarks")
    product = [path for top in ("inspect_ai", "tasks") for path in (CHECKOUT / top).rglob("*.py")]

    assert [path.name for path in product if list(imported(path, known))] == []


def test_benchmarks_use_no_private_name_of_the_product() -> None:
    found = [
        f"{path.name}: {alias.name}"
        for path in (CHECKOUT / "benchmarks").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("inspect_ai")
        for alias in node.names
        if alias.name.startswith("_") or "._" in (node.module or "")
    ]

    assert found == []
