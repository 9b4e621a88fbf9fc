"""Store of received objects: FOLDER/STUDY/SERIES/INSTANCE-CONTENT.dcm, all digests; no UID and no text of a header.

A file is written below FOLDER/incoming, brought to the disk, and then renamed to its place: it is whole or not there.
An instance that comes again is the same file; another content under its UID is a second file beside it, which leaves
the study to a person where it contradicts the first. FOLDER/STUDY.json keeps what the files do not say.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from inspect_ai.errors import SetupError, UsageError
from inspect_ai.pacs.identity import DIGITS, Identity, digest, identity_of
from inspect_ai.secret import make_private_folder
from inspect_ai.whole_file import whole_file

INCOMING, GATHERED, OUTBOX, LOCK = "incoming", "gathered", "outbox", ".lock"
LENGTH = 2 * DIGITS + 1 + len(".dcm")


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyNote:
    """Facts about a received study that its files do not tell.

    source: calling AE title, or "=NAME" for the destination it was fetched from. version: of the files that were
    decided last, `entries` their decisions in the log. problem: why the last attempt to decide or to answer failed.
    """

    source: str = ""
    version: str = ""
    entries: tuple[int, ...] = ()
    problem: str = ""
    committed: str = ""  # version for which a storage commitment named every instance


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedStudy:
    """Study as it lies on the disk. version: digest of the names of its files, so of their contents."""

    key: str
    version: str
    files: tuple[Path, ...]
    instances: int
    newest: float  # time of the last change, in seconds of the machine's clock


@dataclass(slots=True)
class Received:
    """Store below one folder. Thread-safe; one process at a time writes decisions (`locked`)."""

    root: Path
    _notes: threading.Lock = field(default_factory=threading.Lock)
    _lock_file: int | None = None
    _sources: dict[str, str] = field(default_factory=dict)  # as they were kept by this process

    def prepare(self, *, tidy: bool = True) -> None:
        """Make the folder; tidy: remove what a killed process left half-written. Raises UsageError."""
        try:
            make_private_folder(self.root / INCOMING)
            if tidy:
                for left in (self.root / INCOMING).iterdir():
                    left.unlink()
                shutil.rmtree(self.root / GATHERED, ignore_errors=True)
        except OSError as e:
            raise UsageError(f"{self.root} cannot be used for received studies ({e.strerror}). Name another.") from e

    def lock(self) -> None:
        """Hold the folder for this process until it ends. Raises UsageError where another one holds it."""
        import fcntl

        descriptor = os.open(self.root / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            os.close(descriptor)
            raise UsageError(f"Another process decides the studies of {self.root}. Stop it first.") from e
        self._lock_file = descriptor

    def unlock(self) -> None:
        """Give the folder free."""
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    def add(self, identity: Identity, content: bytes, source: str) -> str | None:
        """Put one object on the disk, whole; returns the key of its study, None where the object was there.

        Raises OSError, and then nothing of it is left.
        """
        study = digest(identity.study)
        name = f"{digest(identity.instance)}-{hashlib.sha256(content).hexdigest()[:DIGITS]}.dcm"
        target = self.root / study / digest(identity.series) / name
        self._keep_source(study, source)
        if target.exists() or self._is_own(identity):
            return None
        draft = self.root / INCOMING / secrets.token_hex(16)
        try:
            with whole_file(draft, private=True) as partial:
                _write(partial, content)
            made = not target.parent.exists()
            make_private_folder(target.parent)
            draft.replace(target)
            for folder in (target.parent, target.parent.parent, self.root) if made else (target.parent,):
                _sync_folder(folder)
        finally:
            draft.unlink(missing_ok=True)
        return study

    def holders(self, instance_uids: Iterable[str]) -> dict[str, set[str]]:
        """Map each instance to the keys of the studies that hold it, in one walk over all names."""
        wanted = {digest(uid): uid for uid in instance_uids}
        found: dict[str, set[str]] = {uid: set() for uid in wanted.values()}
        for path in self.root.glob("*/*/*.dcm"):
            uid = wanted.get(path.name[:DIGITS])
            if uid is not None and len(path.name) == LENGTH:
                found[uid].add(path.parent.parent.name)
        return found

    def instances_of(self, key: str) -> set[str]:
        """Digests of the instances of a study."""
        return {path.name[:DIGITS] for path in self._files(key)}

    def studies(self) -> Iterator[ReceivedStudy]:
        """Yield every study on the disk. Raises SetupError where the folder cannot be read."""
        for key in self.study_keys():
            if (study := self.study(key)) is not None:
                yield study

    def study(self, key: str) -> ReceivedStudy | None:
        """One study as it lies there now, None without files."""
        files = self._files(key)
        if not files:
            return None
        version = hashlib.sha256("\n".join(sorted(path.name for path in files)).encode()).hexdigest()
        newest = 0.0
        for folder in {path.parent for path in files}:
            newest = max(newest, folder.stat().st_mtime)
        return ReceivedStudy(
            key=key,
            version=version,
            files=tuple(files),
            instances=len({path.name[:DIGITS] for path in files}),
            newest=newest or time.time(),
        )

    def signature(self, key: str) -> tuple[int, ...]:
        """Times of change of a study's folders: while they stay, so do its files. Raises OSError."""
        folder = self.root / key
        inside = [entry.stat().st_mtime_ns for entry in os.scandir(folder) if entry.is_dir()]
        return (folder.stat().st_mtime_ns, *sorted(inside))

    def study_keys(self) -> list[str]:
        """Keys of all studies. Raises SetupError where the folder cannot be read."""
        try:
            return sorted(entry.name for entry in os.scandir(self.root) if len(entry.name) == DIGITS)
        except FileNotFoundError:
            return []
        except OSError as e:
            raise SetupError(f"The folder of received studies {self.root} cannot be read ({e.strerror}).") from e

    @contextmanager
    def gathered(self, studies: Iterable[ReceivedStudy]) -> Iterator[Path]:
        """Folder that holds these studies as they were listed, and nothing that came since. Raises OSError.

        Paths below it are paths below `root` too.
        """
        folder = self.root / GATHERED / secrets.token_hex(8)
        try:
            for study in studies:
                for path in study.files:
                    target = folder / path.relative_to(self.root)
                    make_private_folder(target.parent)
                    try:
                        os.link(path, target)
                    except FileNotFoundError:  # removed by a person meanwhile
                        continue
                    except OSError:  # a file system without hard links
                        shutil.copyfile(path, target)
            make_private_folder(folder)
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def note(self, key: str) -> StudyNote:
        """Facts kept about a study; empty where there are none, or where they were damaged: the log knows the rest."""
        try:
            plain = json.loads((self.root / f"{key}.json").read_text("utf-8"))
            return StudyNote(**{**plain, "entries": tuple(plain.get("entries", ()))})
        except (OSError, ValueError, TypeError):
            return StudyNote()

    def keep_note(self, key: str, **changes: object) -> None:
        """Change facts about a study, on the disk. Raises OSError."""
        with self._notes:
            old = self.note(key)
            note = replace(old, **changes)  # type: ignore[arg-type]  # names and types are those of StudyNote
            if note == old:
                return
            plain = {name: getattr(note, name) for name in StudyNote.__dataclass_fields__}
            with whole_file(self.root / f"{key}.json", private=True) as partial:
                _write(partial, json.dumps(plain).encode())

    def outbox(self, entry_id: int) -> Path:
        """Folder of the objects that answer one decision."""
        return self.root / OUTBOX / str(entry_id)

    def _keep_source(self, key: str, source: str) -> None:
        if self._sources.get(key) != source:
            self.keep_note(key, source=source)
            self._sources[key] = source

    def _is_own(self, identity: Identity) -> bool:
        """True for an object that was made here, which a PACS sends back with the study."""
        return (self.root / OUTBOX / "own" / digest(identity.instance)).exists()

    def settle(self, files: Iterable[Path]) -> None:
        """Bring result objects to the disk, and remember them as made here. Raises OSError."""
        for path in files:
            with path.open("rb") as file:
                os.fsync(file.fileno())
            _sync_folder(path.parent)
            make_private_folder(self.root / OUTBOX / "own")
            (self.root / OUTBOX / "own" / digest(identity_of(path).instance)).touch(mode=0o600)

    def _files(self, key: str) -> list[Path]:
        found = (self.root / key).glob("*/*.dcm")
        return [path for path in found if len(path.name) == LENGTH]


def _write(path: Path, content: bytes) -> None:
    with path.open("r+b") as file:  # made private by whole_file
        file.truncate()
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
