"""Which code a certificate binds: all that a scan runs from file to verdict, or a reason why not."""

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from inspect_ai.certificates.verdict_path import (
    NOT_PART_OF_A_SCORE,
    PACKAGE,
    VERDICT_PATH,
    code_changes,
    library_versions,
    program_digests,
    stands_in,
)
from inspect_ai.model.manifest import file_sha256
from inspect_ai.source_loader import LOADED
from tests.test_imports import modules

CHECKOUT = Path(__file__).resolve().parents[2]
KNOWN = modules(CHECKOUT, PACKAGE)
ROOTS = ("journeys.scan", "inspection.preprocess", "inspection.workers", "ingest.discover")  # children and threads


def imported_at_work(path: Path) -> Iterator[str]:
    """Modules that a file imports when it runs, at any depth; not those for types alone."""
    todo: list[ast.AST] = [ast.parse(path.read_text("utf-8"))]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            todo += node.orelse
            continue
        todo += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in KNOWN)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield from [name for name in (f"{node.module}.{alias.name}", node.module) if name in KNOWN][:1]


def below(module: str) -> str:
    return module.removeprefix(PACKAGE).lstrip(".")


def closure() -> set[str]:
    """Every module that a scan runs, by its name below the package; not sought beyond one that makes no score."""
    found: set[str] = set()
    todo = [f"{PACKAGE}.{root}" for root in ROOTS]
    while todo:
        module = todo.pop()
        if module in found:
            continue
        found.add(module)
        if below(module) in ROOTS or not stands_in(below(module), tuple(NOT_PART_OF_A_SCORE)):
            todo += imported_at_work(KNOWN[module])
        parts = module.split(".")
        todo += [".".join(parts[:i]) for i in range(1, len(parts))]
    return {below(module) for module in found}


def test_whatever_a_scan_runs_is_bound_or_says_why_not() -> None:
    excused = tuple(NOT_PART_OF_A_SCORE)

    assert {name for name in closure() if not stands_in(name, VERDICT_PATH) and not stands_in(name, excused)} == set()


def test_nothing_is_both_bound_and_excused_and_every_name_on_the_lists_is_there() -> None:
    names = {below(module) for module in KNOWN}
    excused = tuple(NOT_PART_OF_A_SCORE)

    assert {name for name in names if stands_in(name, VERDICT_PATH) and stands_in(name, excused)} == set()
    for place in (*VERDICT_PATH, *excused):
        assert any(stands_in(name, (place,)) for name in names), place


def test_the_digests_are_those_of_the_files_and_of_what_was_loaded() -> None:
    digests = program_digests()

    assert {"decide.py", "plugins.py", "ingest/pixels.py", "inspection/verdict.py", "__init__.py"} <= set(digests)
    for name, digest in digests.items():
        assert digest == file_sha256(CHECKOUT / PACKAGE / name)
    importlib.import_module("inspect_ai.decide")
    assert LOADED["inspect_ai.decide"].sha256 == digests["decide.py"]


def test_the_versions_are_those_of_what_computes() -> None:
    import cv2
    import numpy

    versions = library_versions()

    assert versions["numpy"] == numpy.__version__
    assert versions["opencv-python-headless"].startswith(cv2.__version__)
    assert "not installed" not in versions.values()


PATCHES = {
    "decide of inspect_ai.decide": "import inspect_ai.decide as m; m.decide = lambda *a, **k: None",
    "probability of inspect_ai.plugins": "import inspect_ai.plugins as m; m.probability.__code__ = m.luma.__code__",
    "decide of inspect_ai.inspection.verdict": "import inspect_ai.inspection.verdict as m; m.decide = print",
    "class Task of inspect_ai.plugins": "import inspect_ai.plugins as m; m.Task.aggregate = lambda *a: 0.0",
    "HEAT_STRIDE of inspect_ai.plugins": "import inspect_ai.plugins as m; m.HEAT_STRIDE = 1",
    "sneaked was added to inspect_ai.quality": "import inspect_ai.quality as m; m.sneaked = 1",
    "module inspect_ai.decide was replaced": "import sys; sys.modules['inspect_ai.decide'] = type(sys)('x')",
    "module inspect_ai.ingest.x was not loaded": "import sys; sys.modules['inspect_ai.ingest.x'] = type(sys)('x')",
    "checks of inspect_ai.certificates.deployment": "import inspect_ai.certificates.deployment as m; m.checks = list",
    "changes of inspect_ai.source_loader": "import inspect_ai.source_loader as m; m.changes = lambda names: iter(())",
}
IN_A_CHILD_EACH = """
import os, sys
import inspect_ai.journeys.scan
from inspect_ai.certificates.verdict_path import code_changes
print(code_changes(), flush=True)
for patch in sys.argv[1:]:
    if os.fork() == 0:
        exec(patch)
        print(code_changes(), flush=True)
        os._exit(0)
    os.wait()
"""


def test_what_is_changed_in_memory_is_found() -> None:
    words = [sys.executable, "-c", IN_A_CHILD_EACH, *PATCHES.values()]

    before, *after = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()

    assert before == "[]"
    assert [what for what, found in zip(PATCHES, after, strict=True) if what not in found] == []


def test_nothing_is_found_where_nothing_was_changed() -> None:
    assert code_changes() == []


def test_importing_the_package_stays_light() -> None:
    heavy = "{'numpy', 'torch', 'cv2', 'pathlib', 'cryptography'}"
    code = f"import sys; before = set(sys.modules); import inspect_ai; print({heavy} & (set(sys.modules) - before))"

    out = subprocess.run(
        [sys.executable, "-S", "-E", "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )

    assert out.stdout.strip() == "set()"
