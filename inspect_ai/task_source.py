"""Code of task plugins: where tasks lie, which files are refused, and loading from the bytes that are bound.

A task's modules are loaded from the *.py files of its folder, which are read once: the bytes that run are those whose
digests a certificate names. Whatever Python would prefer over these files is refused, not ignored: a folder beside a
module of one name, a compiled module, a link.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import EXTENSION_SUFFIXES, PathFinder
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from inspect_ai.errors import UsageError
from inspect_ai.settings import bundled
from inspect_ai.source_loader import FINDER, LOADED, SourceLoader
from inspect_ai.text import printable

ENTRY_POINTS = "inspect_ai.tasks"
BUNDLED = "bundled"
MODULE_PREFIX = "inspect_ai_task_"
CODE = "task.py"
HERE = "tasks"  # folder of the working directory that is named where somebody misses a task, and is never taken unasked
COMPILED = (*EXTENSION_SUFFIXES, ".so", ".pyd", ".dll", ".dylib", ".pyc", ".pyo")
_CACHE = "__pycache__"  # never read here, so harmless


@dataclass(frozen=True, slots=True)
class TaskPlace:
    """Place where a task was found, before any of its code ran. package: of an entry point."""

    name: str
    folder: Path
    origin: str  # "bundled", "entry point DISTRIBUTION", or the words that named the folder
    package: str | None = None


def task_places(folders: str, named_by: str) -> Iterator[TaskPlace]:
    """Find the bundled tasks, those in `folders` (separated as in PATH; `named_by` says by whom), and entry points."""
    roots = [(bundled("tasks"), BUNDLED)]
    roots += [(Path(folder), named_by) for folder in folders.split(os.pathsep) if folder]
    seen: set[Path] = set()
    for root, origin in roots:
        if not root.is_dir() or root.resolve() in seen:
            continue
        seen.add(root.resolve())
        for file in sorted(root.glob(f"*/{CODE}")):
            yield TaskPlace(file.parent.name, file.parent, origin)
    for entry in importlib.metadata.entry_points(group=ENTRY_POINTS):
        origin = f"entry point {entry.dist.name if entry.dist else entry.value}"
        yield TaskPlace(entry.name, _folder_of_package(entry.module), origin, entry.module)


def is_in_working_directory(name: str) -> bool:
    """Tell whether ./tasks holds a folder of that name, which nobody asked for."""
    return (Path.cwd() / HERE / name / CODE).is_file()


def load_code(place: TaskPlace) -> ModuleType:
    """Run the code of a task. Raises UsageError for a folder whose files could hide others, and whatever it raises."""
    return _load_folder(place) if place.package is None else _load_package(place.package)


def code_digests(module: str) -> dict[str, str]:
    """SHA-256 of each source file of the task that `module` is (or is part of), by its path below the task's folder.

    Of an entry point: of every source file of its package.
    """
    package = module.partition(".")[0]
    if package in _SOURCES:
        return {name: hashlib.sha256(source).hexdigest() for name, source in _SOURCES[package].items()}
    return dict(_package_digests(package))


@lru_cache(maxsize=32)
def _package_digests(package: str) -> tuple[tuple[str, str], ...]:
    """Digests of an installed package's source files, taken once in a process: of what runs, where it runs already."""
    file = Path(str(sys.modules[package].__file__))
    files = sorted(file.parent.rglob("*.py")) if file.name == "__init__.py" else [file]
    ran = {loaded.path: loaded.sha256 for loaded in LOADED.values()}
    return tuple(
        (path.relative_to(file.parent).as_posix(), ran.get(str(path)) or hashlib.sha256(path.read_bytes()).hexdigest())
        for path in files
    )


def code_modules(module: str) -> Iterator[str]:
    """Names of the modules of the task that `module` is part of, as far as they are loaded."""
    package = module.partition(".")[0]
    loaded = list(sys.modules)  # at once: another thread may be importing
    yield from sorted(name for name in loaded if name == package or name.startswith(f"{package}."))


def read_code(folder: Path) -> dict[str, bytes]:
    """Read every source file of a task's folder, by its path below it; without hidden folders.

    Raises UsageError that names the first file which Python could take for another, and OSError.
    """
    files: dict[str, bytes] = {}
    for path in _below(folder):
        name = path.relative_to(folder).as_posix()
        shown = printable(str(path))
        if path.is_symlink():
            raise UsageError(f"{shown} is a link. A task's folder holds its files themselves: put the file there.")
        if name.endswith(COMPILED):
            raise UsageError(f"{shown} is compiled code, which nobody can read. Remove it; a task is its *.py files.")
        if path.is_dir() and path.with_name(f"{path.name}.py").exists():
            raise UsageError(
                f"{shown} is a folder beside {path.name}.py: Python would take it for the module. Rename it."
            )
        if path.suffix == ".py" and path.is_file():
            files[name] = path.read_bytes()
    return files


def _below(folder: Path) -> Iterator[Path]:
    """Walk a folder in order of names; hidden files and folders, and Python's caches, are passed over."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name == _CACHE:
            continue
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _below(path)


_SOURCES: dict[str, dict[str, bytes]] = {}  # of each task that was loaded, by the name of its module


def _load_folder(place: TaskPlace) -> ModuleType:
    """Load FOLDER/task.py as a package, so that `from .part import x` finds FOLDER/part.py.

    Digests of place and content in its name keep two tasks of one name apart, and an edited task from what it was.
    """
    sources = read_code(place.folder)
    if CODE not in sources:
        raise UsageError(f"{place.folder / CODE} is no file.")
    digest = hashlib.sha256(str(place.folder.resolve()).encode("utf-8", "surrogateescape"))
    for name, source in sources.items():
        digest.update(f"\n{name} {hashlib.sha256(source).hexdigest()}".encode("utf-8", "surrogateescape"))
    unique = MODULE_PREFIX + place.name + "_" + digest.hexdigest()[:16]
    if unique not in sys.modules:
        _SOURCES[unique] = sources
        folder = place.folder.resolve()
        FINDER.add(unique, str(folder), sources)
        _run(unique, folder / CODE, [str(folder)], sources[CODE])
    return sys.modules[unique]


def _load_package(module: str) -> ModuleType:
    """Import a module of an installed package, the package and everything below it from source.

    A package that something else imported before is taken as it is; it cannot be bound, and `code_modules` tells.
    """
    package = module.partition(".")[0]
    if package not in sys.modules:
        spec = PathFinder.find_spec(package)
        file = Path(spec.origin) if spec is not None and spec.origin is not None else None
        if file is None or file.suffix != ".py":
            raise UsageError(f"Package {package} has no source file: a task is loaded from its source alone.")
        if file.name == "__init__.py":
            FINDER.add(package, str(file.parent))
        else:
            _run(package, file, None, file.read_bytes())
    return importlib.import_module(module)


def _run(name: str, file: Path, within: list[str] | None, source: bytes) -> None:
    loader = SourceLoader(name, str(file), source)
    spec = spec_from_file_location(name, file, loader=loader, submodule_search_locations=within)
    if spec is None:
        raise UsageError(f"{file} is no Python module.")
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


def _folder_of_package(module: str) -> Path:
    """Folder of an entry point's module, found without running anything."""
    parts = module.split(".")
    spec = PathFinder.find_spec(parts[0])
    if spec is None or spec.origin is None:
        return Path(module)
    folder = Path(spec.origin).parent
    below = folder.joinpath(*parts[1:])
    return below if below.is_dir() else below.parent
