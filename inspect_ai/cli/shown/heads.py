"""Options of `inspect-ai audit` for heads that are kept elsewhere: places and keys from flags and settings."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inspect_ai.cli import common

if TYPE_CHECKING:
    from inspect_ai.audit import KeptHead, Log, SignedHead
    from inspect_ai.settings import Settings

Heads = Annotated[
    Path | None, typer.Option("--heads", help="Folder where heads are kept.", show_default="setting heads")
]
HeadKey = Annotated[
    Path | None,
    typer.Option("--head-key", help="Count heads that this key signed alone: its public half, FILE.pub."),
]


def folder_of(settings: Settings, flag: Path | None) -> Path | None:
    """Folder of heads, by flag or setting; None for none, and for a URL, which only takes them."""
    if flag is not None:
        return flag
    return Path(settings.heads) if settings.heads and "://" not in settings.heads else None


def absent(folder: Path) -> str:
    """Sentence on a folder of heads in the settings that is not there now; "" for one that is."""
    return "" if folder.is_dir() else f"The folder of heads {folder} is not there (not mounted?). "


def public_key(settings: Settings, flag: Path | None) -> str:
    """Public key that heads must be signed with, in hex; "" for none. Raises SetupError where it cannot be read."""
    from inspect_ai.signature import public_hex, read_key, read_public

    file = flag or (Path(settings.head_key) if settings.head_key else None)
    if file is None:
        return ""
    beside = file.with_name(file.name + ".pub")
    if file.suffix != ".pub" and beside.exists():
        file = beside
    return read_public(file) if file.suffix == ".pub" else public_hex(read_key(file))


def kept_heads(settings: Settings, log: Log) -> list[SignedHead]:
    """Heads of this log that are kept in the folder of the settings; none where it cannot be read, which is told."""
    from inspect_ai.audit import heads_in_folder, log_name
    from inspect_ai.errors import UsageError

    folder, first = folder_of(settings, None), next(iter(log.entries(limit=1)), None)
    if folder is None or first is None:
        return []
    try:
        return [head for head in heads_in_folder(folder) if head.log == log_name(first.hash)]
    except UsageError as e:
        print(f"inspect-ai: {e}", file=sys.stderr)
        return []


def make_key(file: Path, as_json: bool) -> None:
    """Write a private key and its public half beside it, and say what to do with both. Raises UsageError if one is
    there.
    """
    from inspect_ai import signature
    from inspect_ai.errors import UsageError

    if file.exists():
        raise UsageError(f"{file} is there already; a key is never overwritten. Name another file.")
    signature.make_key(file)
    public = signature.public_hex(signature.read_key(file))
    beside = file.with_name(file.name + ".pub")
    beside.write_text(f"{public} heads of an audit log\n", "ascii")
    if as_json:
        common.emit({"type": "key", "private": str(file), "public": str(beside), "public_key": public})
        return
    print(f"Private key: {file}\nPublic key:  {beside} ({public})")
    print("Keep the private key where the owner of the log cannot read it, and name it in setting head_key.")
    print(f"Check heads with `inspect-ai audit verify --head-key {beside}`.")


def tell(kept: KeptHead | None) -> None:
    """Print the head of the log and where it is kept, and what failed as a warning on stderr."""
    if kept is None:
        return
    common.results().print(kept.sentence, soft_wrap=True)
    if kept.failure:
        common.progress().print(f"WARNING: {kept.failure}", soft_wrap=True)


def plain(kept: KeptHead | None) -> dict[str, object] | None:
    """Head as plain values, for the summary in JSON."""
    if kept is None:
        return None
    head = kept.head
    signed = {"key": head.key or None, "signature": head.signature or None}
    said = {"log": head.log, "place": head.place, "time": head.time, "kept_in": kept.where or None}
    return {"rows": head.rows, "head": head.head, **said, **signed, "failure": kept.failure or None}
