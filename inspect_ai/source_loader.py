"""Loading of modules from their source alone, with the bytes that ran, and the check that they still run unchanged.

Python prefers a compiled file (`__pycache__/NAME.pyc`, `NAME.so`) or a folder over the source beside it, and nothing
binds these to the source. A module that is loaded here comes from NAME.py or NAME/__init__.py; the bytes that were read
are those that are compiled, run and, where somebody asks, hashed. `changes` compares what is in memory with what the
source made: a function that another module replaced is found. It cannot find what changed this module, or Python.

Light, and so without pathlib: `import inspect_ai` loads it first.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from hashlib import sha256
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from os import path as os_path
from types import CodeType, FunctionType, ModuleType
from typing import Any

_ABSENT = object()


class Loaded:
    """A module with the source that it was made of, and its namespace as the source left it."""

    def __init__(self, module: ModuleType, path: str, source: bytes, code: CodeType) -> None:
        self.module, self.path, self.source = module, path, source
        self.own_state = _set_in_functions(code) if b"global " in source else frozenset()  # set anew while it runs
        self.sha256 = sha256(source).hexdigest()
        self.names: dict[str, object] = {}
        self.functions: list[tuple[str, FunctionType, CodeType, object, object]] = []
        self.members: list[tuple[type, dict[str, object]]] = []  # the functions of each of its classes
        self._code = code

    def keep(self) -> None:
        """Remember the namespace; called when the source has run."""
        self.names = dict(vars(self.module))
        own = {id(code) for code in codes(self._code)}
        for name, value in self.names.items():
            self._remember(name, value, own)

    def changes(self) -> Iterator[str]:
        """Yield a phrase for whatever is no longer as the source made it."""
        name = self.module.__name__
        if sys.modules.get(name) is not self.module:
            yield f"module {name} was replaced"
        yield from self._replaced(vars(self.module))
        for key, function, code, defaults, keywords in self.functions:
            unchanged = function.__code__ is code and function.__defaults__ is defaults
            if not unchanged or function.__kwdefaults__ is not keywords:
                yield f"{key} of {name} was changed"
        for kind, members in self.members:
            if any(vars(kind).get(key) is not value for key, value in members.items()):
                yield f"class {kind.__name__} of {name} was changed"

    def _replaced(self, now: dict[str, object]) -> Iterator[str]:
        """Names that stand for something else now, and new ones; a submodule that was imported is none of these."""
        name = self.module.__name__
        for key, value in self.names.items():
            if now.get(key, _ABSENT) is not value and key not in self.own_state:
                yield f"{key} of {name} was replaced"
        if len(now) != len(self.names):
            for key in now.keys() - self.names.keys() - self.own_state:
                if not isinstance(now[key], ModuleType) or sys.modules.get(f"{name}.{key}") is not now[key]:
                    yield f"{key} was added to {name}"

    def _remember(self, name: str, value: object, own: set[int]) -> None:
        if isinstance(value, type):
            if value.__module__ == self.module.__name__ and all(kind is not value for kind, _ in self.members):
                self._remember_class(value, own)
            return
        for function in _unwrapped(value):
            if function.__module__ != self.module.__name__:
                continue
            if function.__code__.co_filename == self.path and id(function.__code__) not in own:
                raise ImportError(f"{name} of {self.module.__name__} is not what its source says")
            self.functions.append((name, function, function.__code__, function.__defaults__, function.__kwdefaults__))

    def _remember_class(self, kind: type, own: set[int]) -> None:
        members = {key: value for key, value in vars(kind).items() if any(True for _ in _unwrapped(value))}
        self.members.append((kind, members))
        for key, value in vars(kind).items():
            self._remember(f"{kind.__name__}.{key}", value, own)


class SourceLoader(SourceFileLoader):
    """Loader that compiles the source each time; `source` is given where it was read before."""

    def __init__(self, fullname: str, path: str, source: bytes | None = None) -> None:
        super().__init__(fullname, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        """Compile the source; no compiled file is looked for."""
        return self._compiled()[1]

    def exec_module(self, module: ModuleType) -> None:
        """Run the source in the module, and remember both."""
        source, code = self._compiled()
        loaded = Loaded(module, self.path, source, code)
        exec(code, vars(module))  # noqa: S102 - this is what a loader does
        loaded.keep()
        LOADED[module.__name__] = loaded

    def _compiled(self) -> tuple[bytes, CodeType]:
        source = self.get_data(self.path) if self._source is None else self._source
        code: CodeType = compile(source, self.path, "exec", dont_inherit=True)
        return source, code


class SourceFinder:
    """Finder of the modules below some packages, by their source alone. A module that has none is not there."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}  # of each package
        self._sources: dict[str, dict[str, bytes]] = {}  # of packages whose files were read before, by path below

    def add(self, package: str, folder: str, sources: dict[str, bytes] | None = None) -> None:
        """Take over a package, and everything below it. sources: its files, where they were read already."""
        self._folders[package] = folder
        if sources is not None:
            self._sources[package] = sources
        if sys.meta_path[0] is not self:
            sys.meta_path.insert(0, self)

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Find a module of the packages taken over; None for all others. Raises ImportError where there is no source.

        NAME.py comes before a folder NAME, and compiled modules do not count, unlike with Python's own finder.
        """
        package, _, below = fullname.partition(".")
        if package not in self._folders:
            return None
        stem = below.replace(".", "/")
        choices = [name for name in (f"{stem}.py", f"{stem}/__init__.py".lstrip("/")) if self._is_there(package, name)]
        if not below:
            choices = choices[-1:]
        if not choices:
            raise ModuleNotFoundError(f"No module named {fullname!r}: it has no source", name=fullname)
        file = os_path.join(self._folders[package], *choices[0].split("/"))
        source = self._sources[package][choices[0]] if package in self._sources else None
        within = [os_path.dirname(file)] if choices[0].endswith("__init__.py") else None
        loader = SourceLoader(fullname, file, source)
        return spec_from_file_location(fullname, file, loader=loader, submodule_search_locations=within)

    def _is_there(self, package: str, name: str) -> bool:
        if package in self._sources:
            return name in self._sources[package]
        return os_path.isfile(os_path.join(self._folders[package], *name.split("/")))


LOADED: dict[str, Loaded] = {}  # by the name of the module
FINDER = SourceFinder()


def changes(modules: Iterator[str]) -> Iterator[str]:
    """Yield a phrase for each change in memory of these modules, as far as they are loaded."""
    for name in modules:
        loaded = LOADED.get(name)
        if loaded is not None:
            yield from loaded.changes()
        elif name in sys.modules:
            yield f"module {name} was not loaded from its source"


def _unwrapped(value: Any) -> Iterator[FunctionType]:
    """Functions within a function, a method, a property or a cached function; nothing of any other object is asked."""
    inner: tuple[Any, ...] = ()
    if isinstance(value, FunctionType):
        yield value
        inner = (value.__dict__.get("__wrapped__"),)
    elif isinstance(value, staticmethod | classmethod):
        inner = (value.__func__,)
    elif isinstance(value, property):
        inner = (value.fget, value.fset, value.fdel)
    elif type(value).__module__ == "functools":  # cached and partial functions, cached properties
        inner = (getattr(value, "func", None), getattr(value, "__wrapped__", None))
    for part in inner:
        if part is not None:
            yield from _unwrapped(part)


def codes(code: CodeType) -> Iterator[CodeType]:
    """Yield a code object and those within it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


def _set_in_functions(code: CodeType) -> frozenset[str]:
    """Global names that functions of a module set."""
    import dis

    inner = (one for part in codes(code) if part is not code for one in dis.get_instructions(part))
    return frozenset(str(one.argval) for one in inner if one.opname == "STORE_GLOBAL")
