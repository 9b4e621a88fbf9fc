"""Camera of the long run: it drops parts at a steady rate, slowly under the final name or renamed."""

from __future__ import annotations

import hashlib
import threading
import time
from pathlib import Path


class Camera(threading.Thread):
    """Drops each file of SOURCE into LINE, `rate` a second; every 200th is a link. A folder that is away is waited for.

    dropped: SHA-256 of each whole part; links: how many were made.
    """

    def __init__(self, source: Path, line: Path, rate: float) -> None:
        super().__init__(daemon=True)
        self.dropped: list[str] = []
        self.links = 0
        self._source, self._line, self._rate = source, line, rate

    def run(self) -> None:
        """Drop all parts."""
        began = time.monotonic()
        for number, picture in enumerate(sorted(self._source.iterdir())):
            time.sleep(max(0.0, began + number / self._rate - time.monotonic()))
            content = picture.read_bytes()
            self._patiently(self._slow if number % 3 == 0 else self._renamed, picture.name, content)
            self.dropped.append(hashlib.sha256(content).hexdigest())
            if number % 200 == 100:
                self._patiently(self._link, f"link{number:05d}.png", content)
                self.links += 1

    def _patiently(self, write: object, name: str, content: bytes) -> None:
        assert callable(write)  # noqa: S101 - for the type checker
        while True:
            try:
                return write(name, content)  # type: ignore[no-any-return]
            except FileNotFoundError:  # the folder is away
                time.sleep(0.1)

    def _slow(self, name: str, content: bytes) -> None:
        with (self._line / name).open("wb", buffering=0) as file:
            for at in range(0, len(content), len(content) // 3 + 1):
                file.write(content[at : at + len(content) // 3 + 1])
                time.sleep(0.02)

    def _renamed(self, name: str, content: bytes) -> None:
        partial = self._line / f".{name}.part"
        partial.write_bytes(content)
        try:
            partial.rename(self._line / name)
        except FileNotFoundError:  # it went away with the folder, and comes back with it
            if not self._line.exists():
                raise

    def _link(self, name: str, content: bytes) -> None:
        del content
        (self._line / name).symlink_to(self._source / "part0000.png")
