"""Names in a table matched with the files that are there: other capitals, backslashes, accents in another form.

Windows and macOS find `IMG/A.JPG` under `img/a.jpg`, and macOS stores accents decomposed (Unicode NFD); a table made
there names files so. A name is only matched where exactly one file can be meant.
"""

from __future__ import annotations

import os
import unicodedata
import zipfile
from pathlib import Path, PurePosixPath, PureWindowsPath

from inspect_ai.errors import InputError, UsageError
from inspect_ai.text import printable


class FileNames:
    """Files of one labelled folder, or of its images.zip, by their names relative to it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        archive = root / "images.zip"
        self.archived = frozenset(names_in(archive)) if archive.is_file() else None
        self._folded: dict[str, list[str]] | None = None

    def has(self, name: str) -> bool:
        """True if there is a file of exactly this name."""
        return name in self.archived if self.archived is not None else (self.root / name).is_file()

    def find(self, written: str, where: str) -> str:
        """Find the file that a table means; its name as written, with slashes, where there is none.

        where: table and line, for messages. Raises UsageError for a name out of the folder, and for an unclear one.
        """
        if self.has(written) and _inside(written):
            return PurePosixPath(written).as_posix()
        name = self._relative(written)
        if not _inside(name):
            raise UsageError(f"{where}: {printable(written, 120)!r} points out of the folder.")
        if self.has(name):
            return name
        found = self._alike(name)
        if PureWindowsPath(written).drive and not found:
            parts = PurePosixPath(name).parts
            found = next((f for i in range(1, len(parts)) if (f := self._alike("/".join(parts[i:])))), [])
        if len(found) > 1:
            both = " and ".join(printable(f, 80) for f in found[:3])
            raise UsageError(f"{where}: {printable(written, 120)!r} may be {both}. Write the name as the file has it.")
        return found[0] if found else name

    def _relative(self, written: str) -> str:
        """Slashes for backslashes, without a drive, without the folder's own place."""
        windows = PureWindowsPath(written)
        if windows.drive or ("\\" in written and "/" not in written) or "\\" in written:
            return PurePosixPath(*windows.relative_to(windows.anchor).parts).as_posix()
        place = self.root.resolve().as_posix() + "/"
        return PurePosixPath(written.removeprefix(place)).as_posix()

    def _alike(self, name: str) -> list[str]:
        if self._folded is None:
            self._folded = {}
            for there in self.archived if self.archived is not None else _below(self.root):
                self._folded.setdefault(folded(there), []).append(there)
        return sorted(self._folded.get(folded(name), []))


def folded(name: str) -> str:
    """Form of a name in which capitals, backslashes and decomposed accents make no difference."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name.replace("\\", "/")).casefold())


def names_in(archive: Path) -> list[str]:
    """Names of the files in a zip archive. Raises InputError for a damaged one."""
    try:
        with zipfile.ZipFile(archive) as packed:
            return [info.filename for info in packed.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, OSError) as e:
        raise InputError(f"{archive} is no readable zip file ({e}). Copy it again.") from e


def _inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def _below(root: Path) -> list[str]:
    return [(Path(folder) / file).relative_to(root).as_posix() for folder, _, files in os.walk(root) for file in files]
