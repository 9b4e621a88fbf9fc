"""Heads of a log as they are kept elsewhere: one line of JSON each, signed where there is a key.

A head names how long the log is and its last hash. Kept where the owner of the log's file cannot write, it shows a tail
that was cut off, a forged last entry and a log whose hashes were all computed again, which the chain alone cannot show.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from inspect_ai.audit.chain import Head
from inspect_ai.audit.connection import DamagedLog
from inspect_ai.canonical import canonical
from inspect_ai.errors import UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SUFFIX = ".jsonl"
DIGITS = 16  # of a log's name: hex digits of the hash of its first entry
_CONTEXT = b"inspect-ai head of an audit log\n"  # so that a signature of a head is none of anything else


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedHead:
    """Head of the log `log` (digits of its first hash) that lay at `place` (digest of its path) at `time` (UTC).

    `key`: public key of the signer and `signature`, both in hex; empty for a head that is not signed.
    """

    rows: int
    head: str
    log: str = ""
    place: str = ""
    time: str = ""
    key: str = ""
    signature: str = ""

    def signed(self, key: Ed25519PrivateKey) -> SignedHead:
        """The same head with the signature of this key."""
        from inspect_ai.signature import public_hex, sign

        named = replace(self, key=public_hex(key))
        return replace(named, signature=sign(key, named._message()))

    @property
    def is_genuine(self) -> bool:
        """True if the key that it names signed it; False without a signature."""
        from inspect_ai.signature import signed_by

        return bool(self.signature) and signed_by(self.key, self.signature, self._message())

    def line(self) -> str:
        """One line of JSON in ASCII, which `read_heads` reads."""
        return json.dumps({"type": "head", **{name: value for name, value in asdict(self).items() if value != ""}})

    def _message(self) -> bytes:
        said = asdict(self)
        del said["signature"]
        return _CONTEXT + canonical(said).encode("utf-8")


def log_name(first_hash: str) -> str:
    """Name of a log among heads: the first digits of its first entry's hash."""
    return first_hash[:DIGITS]


def place_of(path: Path) -> str:
    """Digest of machine and path of a log, so that a log that was exchanged as a whole is noticed at its place."""
    where = f"{platform.node()}\0{path.resolve()}"
    return hashlib.sha256(where.encode("utf-8", "surrogateescape")).hexdigest()[:DIGITS]


def read_heads(lines: Iterable[str]) -> Iterator[SignedHead]:
    """Heads in lines such as `audit export`, `audit verify --json` and kept heads; other lines are passed over."""
    for line in lines:
        try:
            fields = json.loads(line)
            rows, head = fields["rows"], fields["head"]
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        if not isinstance(rows, int) or not isinstance(head, str) or rows < 1:
            continue
        texts = {name: str(fields.get(name) or "") for name in ("log", "place", "time", "key", "signature")}
        yield SignedHead(rows=rows, head=head, **texts)


def heads_in_file(file: Path) -> list[SignedHead]:
    """Heads of one file. Raises UsageError if it cannot be read, holds none, or two that contradict each other."""
    try:
        with file.open(encoding="utf-8") as lines:
            heads = list(read_heads(lines))
    except (OSError, UnicodeDecodeError) as e:
        raise UsageError(f"The anchor {file} cannot be read ({e}).") from e
    if not heads:
        raise UsageError(f"{file} holds no head of a log. Write one with `inspect-ai audit export`.")
    try:
        _by_rows(heads)
    except ValueError as e:
        raise UsageError(f"{file} holds {e}: they come from two logs.") from e
    return heads


def _by_rows(heads: Iterable[SignedHead]) -> dict[tuple[str, int], str]:
    """Hash for each log and length."""
    known: dict[tuple[str, int], str] = {}
    for head in heads:
        if known.setdefault((head.log, head.rows), head.head) != head.head:
            raise ValueError(f"two different heads for {head.rows} rows")
    return known


def heads_in_folder(folder: Path) -> list[SignedHead]:
    """Heads of all logs whose heads are kept in a folder. Raises UsageError if it cannot be read."""
    heads: list[SignedHead] = []
    try:
        for file in sorted(folder.iterdir()):
            if file.name.endswith(SUFFIX):
                with file.open(encoding="utf-8", errors="replace") as lines:
                    heads += read_heads(lines)
    except OSError as e:
        raise UsageError(f"The folder of heads {folder} cannot be read ({e.strerror}). Is it mounted?") from e
    return heads


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnesses:
    """Heads that a log is checked against. `foreign`: of another log, at the same place or in the file that was named.
    `left_out`: how many are not genuine, or by another key than the one that was asked for.
    """

    heads: Sequence[SignedHead] = ()
    foreign: Sequence[SignedHead] = ()
    left_out: int = 0
    origin: str = ""

    def by_rows(self) -> dict[int, str]:
        """Hash for each length. Raises DamagedLog where two heads contradict each other."""
        try:
            return {rows: known for (_, rows), known in _by_rows(replace(h, log="") for h in self.heads).items()}
        except ValueError as e:
            raise DamagedLog(f"{self.origin} holds {e}: the log was rewritten after the first of them was kept.") from e

    def statement(self, head: Head) -> str:
        """Sentence that says what a log of this head was checked against, and what such a check cannot find."""
        told = f" {self.left_out} more were left out: not signed by the key asked for." if self.left_out else ""
        if not self.heads:
            where = f"{self.origin} holds no head of this log" if self.origin else "No head kept elsewhere was given"
            return f"{where}: a cut tail or a rewritten log would not be found.{told}"
        newest = max(self.heads, key=lambda known: known.rows)
        many = f"{len(self.heads)} head{'s' if len(self.heads) > 1 else ''}"
        when = f" of {newest.time}" if newest.time else ""
        signer = f", signed by key {newest.key[:16]}" if newest.is_genuine else ", not signed"
        younger = ""
        if head.rows > newest.rows:
            younger = f" Of the entries after {newest.rows}, cut or rewritten ones would not be found."
        return (
            f"Checked against {many} from {self.origin}; the newest{when} covers entries 1 to {newest.rows}{signer}."
            f"{younger}{told}"
        )


def witnesses(
    path: Path, name: str, *, anchor: Path | None = None, folder: Path | None = None, public_key: str = ""
) -> Witnesses:
    """Heads of the log called `name` at `path`, from a file of a person's choice and from the folder of heads.

    public_key: count those of the folder alone that it signed. Raises UsageError if a place cannot be read.
    """
    named = [] if anchor is None else heads_in_file(anchor)
    kept = [] if folder is None else heads_in_folder(folder)
    genuine = [head for head in (*named, *kept) if not head.signature or head.is_genuine]
    if public_key:
        genuine = [head for head in genuine if head.key == public_key or (head in named and not head.signature)]
    here = [head for head in genuine if head.log == name or (head in named and not head.log)]
    place = place_of(path)
    foreign = [head for head in genuine if head not in here and head.place == place]
    if named and not any(head in here for head in named):
        foreign += [head for head in named if head.log]
    return Witnesses(
        heads=here,
        foreign=foreign,
        left_out=sum(head not in genuine and head.log in ("", name) for head in (*named, *kept)),
        origin=" and ".join(str(where) for where in (anchor, folder) if where is not None),
    )
