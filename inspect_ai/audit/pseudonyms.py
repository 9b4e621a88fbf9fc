"""Pseudonyms of paths: folders and files are named after people, so no name below the scanned root is written in clear.

A component of a path becomes 12 hex digits of an HMAC-SHA-256 under the key beside the log (FILE.key), and keeps an
ending that is known. Equal names have equal pseudonyms in one log and others in another log. Without the key a guessed
name cannot be tested. The names themselves are kept sealed, encrypted under the same key, where settings allow it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import overload

from inspect_ai.domain import Decision, Finding, Rejection, StudyRef
from inspect_ai.errors import AuditError
from inspect_ai.text import printable

DIGITS = 12  # 48 bits: among 200,000 names of a folder, two alike are a matter of one in ten thousand
ENDINGS = (
    ".nii.gz", ".dcm", ".dicom", ".ima", ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".tif",
    ".tiff", ".gif", ".webp", ".avif", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".jpx", ".jls", ".jxl",
    ".heic", ".nii", ".mha", ".mhd", ".nrrd", ".raw", ".zip", ".gz", ".tar", ".txt", ".csv", ".json", ".xml",
    ".html", ".pdf", ".log", ".md", ".mp4", ".avi", ".db"
)  # fmt: skip
OWN_NAMES = frozenset({"", ".", "array", "volume"})  # the root, and pixels that were given from Python
SHORTEST = 3  # characters of a name that is replaced in sentences too: "a" and "CT" are words there
FEWEST_DIGITS = 6  # of a name of digits alone that is replaced in sentences: shorter ones are counts and sizes
NONCE_BYTES = 12  # of AES-GCM
_SERIES = re.compile(r"#[0-9a-f]{8}([#.:/-][0-9a-z]{1,8})*")  # what follows the folder in the key of a series
_UID = re.compile(r"[0-9.]{0,64}")


class Pseudonyms:
    """Pseudonyms under one log's key. `key`: the 32 bytes of `patient_key`."""

    def __init__(self, key: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # here, so that a log is read without it

        self._names = _derived(key, "pseudonyms of paths")
        self._digests = _derived(key, "digests that cover a path")
        self._cipher = AESGCM(_derived(key, "sealed names"))
        self._known: dict[str, str] = {}

    def path(self, path: str) -> str:
        """Pseudonym of a path below the root; slashes stay, and so do known endings."""
        return "/".join(self._component(name) for name in path.split("/"))

    def digest(self, digest: str) -> str:
        """Digest that stands for one which covers a path, and which a guessed path could be tested against."""
        return hmac.new(self._digests, digest.encode(), hashlib.sha256).hexdigest()

    @overload
    def hidden(self, item: Decision) -> Decision: ...
    @overload
    def hidden(self, item: Rejection) -> Rejection: ...
    def hidden(self, item: Decision | Rejection) -> Decision | Rejection:
        """Item without names: paths, and their mention in sentences, are pseudonyms; what is no UID is left out."""
        if isinstance(item, Rejection):
            table = self._table([item.file])
            return replace(item, file=self.path(item.file), reason=replaced(item.reason, table))
        table = self._table(_paths(item.study))
        verdict = replace(item.verdict, reason=replaced(item.verdict.reason, table))
        findings = tuple(_with_uids(finding) for finding in item.findings)
        return replace(item, study=self._hidden_study(item.study, table), verdict=verdict, findings=findings)

    def hidden_study(self, study: StudyRef) -> StudyRef:
        """Reference without names; loading needs the one with them."""
        return self._hidden_study(study, self._table(_paths(study)))

    def _hidden_study(self, study: StudyRef, table: Mapping[str, str]) -> StudyRef:
        return replace(
            study,
            key=self._study_key(study),
            source=self.path(study.source),
            digest=self.digest(study.digest) if _covers_path(study) else study.digest,
            files=tuple(replace(file, path=self.path(file.path)) for file in study.files),
            sop_class_uid=_uid(study.sop_class_uid) or "",
            study_uid=_uid(study.study_uid),
            series_uid=_uid(study.series_uid),
            problems=tuple(replaced(text, table) for text in study.problems),
            notes=tuple(replaced(text, table) for text in study.notes),
        )

    def hidden_text(self, text: str, paths: Iterable[str]) -> str:
        """Sentence in which the paths, their folders and their names are pseudonyms."""
        return replaced(text, self._table(paths))

    def in_clear(self, decision: Decision, study: StudyRef) -> Decision:
        """Decision of the log as one on `study`, whose names are known here, with the remarks of both."""
        names = self.clear_names(_paths(study))
        verdict = replace(decision.verdict, reason=replaced(decision.verdict.reason, names))
        notes = dict.fromkeys((*study.notes, *(replaced(note, names) for note in decision.study.notes)))
        return replace(decision, study=replace(study, notes=tuple(notes)), verdict=verdict)

    def clear_names(self, paths: Iterable[str]) -> dict[str, str]:
        """Map the pseudonym of each path, of its folder and of its components to the name."""
        return {hidden: clear for clear, hidden in self._table(paths).items()}

    def sealed(self, item: Decision | Rejection) -> str:
        """Names of an item, encrypted (AES-256-GCM) under the log's key, in base64."""
        names = [item.file] if isinstance(item, Rejection) else [item.study.key, *_paths(item.study)]
        nonce = secrets.token_bytes(NONCE_BYTES)
        packed = zlib.compress(json.dumps(names).encode("ascii"))
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, packed, None)).decode("ascii")

    def opened(self, sealed: str) -> tuple[str, ...]:
        """Names that were sealed: key, source and files of a decision, or the file of a rejection.

        Raises AuditError where another key sealed them, or where they were altered.
        """
        from cryptography.exceptions import InvalidTag

        try:
            raw = base64.b64decode(sealed, validate=True)
            packed = self._cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], None)
            return tuple(json.loads(zlib.decompress(packed)))
        except (ValueError, InvalidTag, zlib.error) as e:
            raise AuditError(
                "The sealed names of this entry cannot be opened: the key beside the log (FILE.key) is not the one "
                "that sealed them. Restore the key that belongs to this log."
            ) from e

    def _component(self, name: str) -> str:
        if name in OWN_NAMES:
            return name
        known = self._known.get(name)
        if known is None:
            lower = name.lower()
            ending = next((ending for ending in ENDINGS if lower.endswith(ending)), "")
            digest = hmac.new(self._names, name.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
            if len(self._known) >= 100_000:  # bounded: a watched folder has new names for years
                self._known.clear()
            known = self._known[name] = digest[:DIGITS] + ending
        return known

    def _study_key(self, study: StudyRef) -> str:
        """Key of a study: the path of a file or folder, and for a series what tells it from others there."""
        longest = sorted(set(_paths(study)), key=len, reverse=True)
        for path in longest:
            if study.key == path:
                return self.path(path)
            if study.key.startswith(path) and _SERIES.fullmatch(study.key[len(path) :]):
                return self.path(path) + study.key[len(path) :]
        tail = re.search(_SERIES.pattern + "$", study.key)
        end = tail.start() if tail else len(study.key)
        return self.path(study.key[:end]) + study.key[end:]

    def _table(self, paths: Iterable[str]) -> dict[str, str]:
        """Texts that may name a path in a sentence, each with its pseudonym: the whole, its folder, each component;
        and all of these as `printable` shows them.
        """
        parts: set[str] = set()
        for path in paths:
            folder, _, name = path.rpartition("/")
            parts.update((path, folder, name))
            parts.update(folder.split("/"))
        table = {part: self.path(part) for part in parts if _is_name(part)}
        return table | {printable(part, 10**6): hidden for part, hidden in table.items()}


def _paths(study: StudyRef) -> list[str]:
    return [study.source, *(file.path for file in study.files)]


def replaced(text: str, table: Mapping[str, str]) -> str:
    """Text with each key of `table` that stands there as a word replaced, the longest first."""
    here = sorted((name for name in table if name in text), key=len, reverse=True)
    if not here:
        return text
    pattern = "|".join(re.escape(name) for name in here)
    return re.sub(rf"(?<!\w)(?:{pattern})(?!\w)", lambda match: table[match[0]], text)


def _derived(key: bytes, purpose: str) -> bytes:
    return hmac.new(key, purpose.encode("ascii"), hashlib.sha256).digest()


def _is_name(part: str) -> bool:
    if "/" in part:
        return True
    digits = sum(character.isdigit() for character in part)
    return len(part) >= SHORTEST and (any(c.isalpha() for c in part) or digits >= FEWEST_DIGITS)


def _covers_path(study: StudyRef) -> bool:
    """True for a part of a watched folder, whose digest covers path and content (ingest.watching.watched_files)."""
    if len(study.files) != 1:
        return False
    file = study.files[0]
    covering = f"{file.path}\0{file.sha256}".encode("utf-8", "surrogateescape")
    return study.digest == hashlib.sha256(covering).hexdigest()


def _uid(value: str | None) -> str | None:
    """UID, or None for a text that is none and might be anything."""
    return value if value is not None and _UID.fullmatch(value) else None


def _with_uids(finding: Finding) -> Finding:
    return replace(finding, series_uid=_uid(finding.series_uid), sop_instance_uid=_uid(finding.sop_instance_uid))
