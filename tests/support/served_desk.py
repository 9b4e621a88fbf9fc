"""Desk as people start it: the command in a process of its own, on a free port of loopback."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MAIN = (sys.executable, "-c", "from inspect_ai.cli import main; main()")


@contextmanager
def served(db: Path, *options: str) -> Iterator[str]:
    """Address of the desk, which ends with the block."""
    command = [*MAIN, "desk", "--db", str(db), "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=db.parent) as process:
        assert process.stdout is not None
        try:
            address = re.search(r"http://[^/]+", process.stdout.readline())
            assert address is not None
            yield address[0]
        finally:
            process.terminate()
