"""Settings in one typed object: flag > INSPECT_AI_* variable > ./inspect_ai.toml > default; and bundled folders."""

from __future__ import annotations

import dataclasses
import difflib
import os
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from inspect_ai.errors import SetupError, UsageError

PREFIX = "INSPECT_AI_"
FILE = "inspect_ai.toml"
NOT_BY_FILE = ("trusted_keys",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a person may set once instead of typing it each time. Names are those of the flags."""

    db: Path = Path("inspect_ai.db")  # the audit log
    out: Path = Path("inspect_ai_out")  # reports and pictures
    task: str = "auto"
    engine: str = "onnx"  # onnx | torch
    workers: int = 2  # decoding processes, and engine sessions of one thread each
    decode_timeout_s: float = 20.0  # wall time for one file
    study_timeout_s: float = 300.0  # wall time for one study: decoding all its slices and preparing its units
    decode_memory_gib: float = 4.0  # address space of one decoding process
    max_pixels: int = 120_000_000  # rows * columns * frames of one file; a CT, MR or PET object may have 8 times that
    max_file_gib: float = 4.0
    assume_hounsfield: bool = False  # take the values of a CT without rescale as Hounsfield units
    takt_ms: float = 200.0
    settle_ms: float = 50.0  # a watched file counts when nothing was written to it for so long, by this machine's clock
    completeness: str = "all"  # formats whose end a watched file must have; all, none, or names
    zero_tail: str = "all"  # uncompressed formats whose zero last rows are taken for reserved space; likewise
    zero_tail_s: float = 10.0  # longest wait for such a file to change; then it counts as it is, with a remark
    log_wait_s: float = 600.0  # longest wait of a scan for a log that is locked or full; a watch waits without end
    tasks: str = ""  # folders with task plugins, separated as in PATH
    cache: str = ""  # folder where training keeps decoded pictures for the next one; none if empty
    site: str = ""  # where the pictures are made; a group whose threshold can be its own (calibrate --group-by site)
    camera: str = ""  # the device that makes them, where no header says it; likewise
    trusted_keys: str = ""  # folder with public keys (*.pub) that count besides the maker's and those of the log
    heads: str = ""  # where heads of the log are kept: a folder elsewhere, or a URL that takes them
    head_key: str = ""  # file of the private key that signs heads, or of its public half, which checks them
    names: str = "auto"  # of files and folders in what is shown: auto (clear on a terminal alone) | clear | pseudonyms
    keep_names: bool = True  # keep them in the log, sealed: `audit show --reveal` opens them
    audit_rate: float = 0.0  # share of clear cases drawn at random for a person
    operator: str = ""  # written into decisions and reviews; the login name if empty
    modalities: tuple[tuple[str, str], ...] = ()  # (DICOM modality, the task that reads its pictures too)
    products: tuple[tuple[str, str], ...] = ()  # (folder below the one at work or camera, the task of its pictures)
    destinations: tuple[tuple[str, str], ...] = ()  # (name, address without secrets) of where result objects are sent


def load(*, folder: Path | None = None, **flags: object) -> Settings:
    """Load settings from all four sources. A flag that is None was not given.

    A settings file says nothing about whom to trust: whoever may put a file into a folder could certify there.
    Raises UsageError for an unknown key or a value of the wrong type, naming the source and the nearest known key.
    """
    values = {key: value for key, value in _of_file(folder or Path.cwd()).items() if key not in NOT_BY_FILE}
    values |= _checked(
        {
            key[len(PREFIX) :].lower(): text
            for key, text in os.environ.items()
            if key.startswith(PREFIX) and _is_setting(key)
        },
        "the environment",
    )
    values |= _checked({key: value for key, value in flags.items() if value is not None}, "the command line")
    return Settings(**values)


def origin_of(name: str, value: object) -> str:
    """Source that gave a setting this value: the variable, the settings file, or else the option of that name."""
    if os.environ.get(PREFIX + name.upper()) == value:
        return PREFIX + name.upper()
    return f"./{FILE}" if _of_file(Path.cwd()).get(name) == value else f"--{name.replace('_', '-')}"


def not_believed() -> list[str]:
    """Remarks on what ./inspect_ai.toml sets and cannot set."""
    return [
        f"./{FILE} sets {name}, which is not believed from a file: a person trusts a key with "
        "`inspect-ai certificate trust`"
        for name in NOT_BY_FILE
        if _of_file(Path.cwd()).get(name)
    ]


def _of_file(folder: Path) -> dict[str, Any]:
    file = folder / FILE
    if not file.is_file():
        return {}
    try:
        return _checked(tomllib.loads(file.read_text("utf-8")), str(file))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise UsageError(f"{file} is not valid TOML ({e}). Correct it or move it away.") from e


# Variables with the prefix that are no settings: a failpoint for crash tests, and tracebacks for developers.
_NOT_SETTINGS = frozenset({"INSPECT_AI_FAILPOINT", "INSPECT_AI_DEBUG"})


def _is_setting(variable: str) -> bool:
    return variable not in _NOT_SETTINGS


def _checked(values: dict[str, Any], source: str) -> dict[str, Any]:
    fields = {f.name: f for f in dataclasses.fields(Settings)}
    checked = {}
    for key, value in values.items():
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else f" Known settings: {', '.join(fields)}."
            raise UsageError(f"{source} sets {key!r}, which is no setting.{hint}")
        checked[key] = _typed(key, value, type(getattr(Settings(), key)), source)
    return checked


def _typed(key: str, value: Any, kind: type[Any], source: str) -> Any:
    if kind is bool:
        return _switch(key, value, source)
    if kind is tuple:
        return _pairs(key, value, source)
    kind = Path if issubclass(kind, Path) else kind
    try:
        typed = kind(value)
    except (TypeError, ValueError) as e:
        raise UsageError(f"{source} sets {key} to {value!r}; it must be {kind.__name__}.") from e
    if isinstance(typed, int | float) and typed <= 0 and typed != getattr(Settings(), key):
        raise UsageError(f"{source} sets {key} to {value!r}; it must be above 0.")
    return typed


def _switch(key: str, value: Any, source: str) -> bool:
    """Convert a word of a variable, or a value of TOML, to on or off."""
    word = str(value).strip().lower()
    if word not in ("true", "false", "1", "0", "yes", "no", "on", "off"):
        raise UsageError(f"{source} sets {key} to {value!r}; it must be true or false.")
    return word in ("true", "1", "yes", "on")


def _pairs(key: str, value: Any, source: str) -> tuple[tuple[str, str], ...]:
    """Read a table of a TOML file, the text "NAME=VALUE, NAME=VALUE" of a variable, or pairs; sorted."""
    if isinstance(value, str):
        parts = [part.partition("=") for part in value.split(",") if part.strip()]
        value = {name.strip(): text.strip() for name, sign, text in parts if sign}
        wrong = len(value) < len(parts)
    else:
        wrong = not isinstance(value, dict | tuple)
        value = {} if wrong else dict(value)
    if wrong or not all(isinstance(part, str) and part for part in value.values()):
        example = f'a table ([{key}] XC = "fundus") or a text (XC=fundus, OT=fundus)'
        raise UsageError(f"{source} sets {key} to something else than {example}.")
    return tuple(sorted(value.items()))


@lru_cache
def bundled(name: str) -> Path:
    """Path of the folder `tasks`, `configs`, `data_cards` or `migrations`: below the package in a wheel, beside it in a
    checkout.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / name, package.parent / name):
        if folder.is_dir():
            return folder
    raise SetupError(
        f"The installation lacks its folder {name!r} (looked in {package} and beside it). "
        f"Install inspect-ai-vision again."
    )
