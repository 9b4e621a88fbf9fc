"""Code that stands between a file and its verdict: the list of it, its digests, and the check of what is in memory.

A certificate binds these modules, the code of its task, and the versions of the libraries that both compute with.
Light: decoding children import it.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import marshal
import sys
from collections.abc import Iterator
from functools import lru_cache
from importlib.util import MAGIC_NUMBER, cache_from_source, source_hash
from pathlib import Path
from types import CodeType, ModuleType

from inspect_ai import source_loader, task_source
from inspect_ai.source_loader import LOADED

PACKAGE = "inspect_ai"
FIRST = (PACKAGE, f"{PACKAGE}.source_loader")  # run before anything can see to it that they come from their source

# Modules of the package, NAME.* with all below it; "" is the package's own.
VERDICT_PATH = (
    "", "source_loader", "task_source", "plugins", "quality", "stacks", "decide", "operating_point", "domain",
    "canonical", "config", "settings", "errors", "text", "version",
    "ingest.*",
    "inspection", "inspection.assignment", "inspection.decision", "inspection.file_counts", "inspection.inspector",
    "inspection.inspectors", "inspection.loading", "inspection.out_of_distribution", "inspection.own_files",
    "inspection.picture_choice", "inspection.predict", "inspection.preprocess", "inspection.product_routing",
    "inspection.runner", "inspection.scan_results", "inspection.sources", "inspection.study_source",
    "inspection.verdict", "inspection.watching.*", "inspection.workers",
    "model", "model.attention", "model.backbone", "model.baselines.*", "model.convolution", "model.engine",
    "model.foreign_graph", "model.manifest", "model.network", "model.readout", "model.trunk", "model.weights",
    "calibration", "calibration.groups", "calibration.out_of_distribution", "calibration.point",
    "calibration.point_record", "calibration.point_validation", "calibration.typical_file",
)  # fmt: skip

# Modules that a scan runs too, and why no certificate binds them.
NOT_PART_OF_A_SCORE = {
    "audit.*": "writes down what was decided",
    "certificates.*": "says whether a decision is certified; whoever can change it can make it say so",
    "report.*": "shows what was decided",
    "journeys.*": "tells the order of things",
    "calibration.bounds": "proves thresholds; at work it only checks that the counts of a point can be true",
    "calibration.conformal_risk": "proves thresholds",
    "calibration.overkill": "proves thresholds",
    "calibration.planning": "proves thresholds",
    "calibration.threshold": "proves thresholds",
    "inspection.events": "carries what was decided",
    "inspection.outages": "waits for the log",
    "inspection.pictures.*": "draws pictures of what was decided",
    "model.imagenet": "starts a training",
    "model.starts": "starts a training",
    "secret": "keeps keys",
    "signature": "signs and checks certificates and heads",
    "whole_file": "writes files whole",
}

CHECKING = ("certificates.*",)  # bound by nothing, and compared in memory all the same

# Libraries that decode, prepare and score pictures. The engine's own version is in its name.
LIBRARIES = (
    "numpy", "opencv-python-headless", "pillow", "pydicom", "pylibjpeg", "pylibjpeg-libjpeg", "pylibjpeg-openjpeg",
    "pylibjpeg-rle", "python-gdcm",
)  # fmt: skip


def stands_in(name: str, places: tuple[str, ...]) -> bool:
    """Tell whether a module, by its dotted name below the package, is one of `places`."""
    return any(name == place or (place.endswith(".*") and f"{name}.".startswith(place[:-1])) for place in places)


@lru_cache(maxsize=1)
def program_digests() -> dict[str, str]:
    """SHA-256 of each bound module by its path below the package: of the bytes that run here, else of the file.

    Taken once in a process: later changes of the files do not change what runs.
    """
    root = _root()
    found = {}
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root).as_posix()
        module = ".".join(Path(name).with_suffix("").parts).removesuffix("__init__").rstrip(".")
        if stands_in(module, VERDICT_PATH):
            loaded = LOADED.get(f"{PACKAGE}.{module}")
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest() if loaded is None else loaded.sha256
    return found


@lru_cache(maxsize=1)
def library_versions() -> dict[str, str]:
    """Versions of the libraries that a score depends on; "not installed" for one that is missing."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def code_sha256(task_module: str) -> str:
    """Digest over all code that a score of a task comes from, for comparison between processes of one run.

    task_module: name of the module that defines the task's class.
    """
    whole = hashlib.sha256()
    for part in (program_digests(), task_source.code_digests(task_module), library_versions()):
        whole.update(repr(sorted(part.items())).encode("utf-8", "surrogateescape"))
    return whole.hexdigest()


def code_changes(task_modules: Iterator[str] | tuple[str, ...] = ()) -> list[str]:
    """Phrases for what runs in this process and is not what its source says: bound modules, those of tasks, the checks.

    Costs about a millisecond. It finds what replaced a function of these modules; code that runs in this process can
    change this check as well, or a library, and is not found then.
    """
    prefix = f"{PACKAGE}."
    digests = set(program_digests().values())
    loaded = list(sys.modules)  # at once: another thread may be importing
    ours = {name: name[len(prefix) :] for name in loaded if name.startswith(prefix)}
    bound = [name for name, below in ours.items() if stands_in(below, VERDICT_PATH)]
    checking = [name for name, below in ours.items() if stands_in(below, CHECKING)]
    of_tasks = [name for module in task_modules for name in task_source.code_modules(module)]
    wanted = [name for name in dict.fromkeys([*bound, *checking, *of_tasks]) if name not in FIRST]
    late = [
        f"module {name} was changed before it was loaded"
        for name in bound
        if name in LOADED and LOADED[name].sha256 not in digests
    ]
    return [*_first(), *source_loader.changes(iter(wanted)), *late]


def _root() -> Path:
    return Path(str(sys.modules[PACKAGE].__file__)).parent


@lru_cache(maxsize=1)
def _sources() -> dict[str, CodeType]:
    """Code that the source of the first modules compiles to."""
    found = {}
    for name in FIRST:
        file = Path(str(sys.modules[name].__file__))
        found[name] = compile(file.read_bytes(), str(file), "exec", dont_inherit=True)
    return found


def _first() -> Iterator[str]:
    """Compare the modules that Python itself loaded, and their compiled files, with their source."""
    yield from _compiled_files()
    for name, code in _sources().items():
        for part in source_loader.codes(code):
            place = str(part.co_qualname)
            if "<" in place:
                continue  # the module itself, and functions within functions
            found = _at(sys.modules[name], place)
            if not isinstance(found, type) and getattr(found, "__code__", None) != part:
                yield f"{place} of {name} is not what its source says"


@lru_cache(maxsize=1)
def _compiled_files() -> tuple[str, ...]:
    faults = []
    for name, code in _sources().items():
        source = Path(str(sys.modules[name].__file__))
        cached = Path(cache_from_source(str(source)))
        try:
            data = cached.read_bytes()
            if not _is_run(data, source):
                continue  # out of date: Python passes it over
            there = marshal.loads(data[16:])  # noqa: S302 - Python has run it already
        except OSError:
            continue  # nothing is cached
        except (ValueError, EOFError, TypeError):
            there = None
        if there != code:
            faults.append(f"{cached.name} in {cached.parent.name} is not what the source of {name} compiles to")
    return tuple(faults)


def _is_run(cached: bytes, source: Path) -> bool:
    """Tell whether Python takes a compiled file for that of this source, by its first 16 bytes (PEP 552)."""
    flags, stat = int.from_bytes(cached[4:8], "little"), source.stat()
    if cached[:4] != MAGIC_NUMBER:
        return False
    if flags & 1:
        return not flags & 2 or cached[8:16] == source_hash(source.read_bytes())
    when = (int(stat.st_mtime) & 0xFFFFFFFF).to_bytes(4, "little")
    return cached[8:16] == when + (stat.st_size & 0xFFFFFFFF).to_bytes(4, "little")


def _at(module: ModuleType, place: str) -> object:
    """Object of a module by its qualified name, None where there is none."""
    found: object = module
    for part in place.split("."):
        found = vars(found).get(part) if isinstance(found, type | ModuleType) else None
    return found
