"""A real terminal of a chosen width: a pseudo-terminal, and what a person would read on it."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

PROGRAM = [sys.executable, "-c", "from inspect_ai.cli import main; main()"]
CONTROL = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")  # colours and cursor moves that the program itself writes


def on_terminal(columns: int, *words: object, cwd: Path, **environment: str) -> list[str]:
    """Lines on a terminal of so many columns; stderr is not part of them."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    variables = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    with subprocess.Popen(
        [*PROGRAM, *map(str, words)], cwd=cwd, env=variables | {"TERM": "xterm-256color"} | environment,
        stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        os.close(theirs)
        written = b""
        while True:
            try:
                part = os.read(ours, 1 << 16)
            except OSError:  # Linux says so when the other side is closed
                break
            if not part:
                break
            written += part
        process.wait(timeout=120)
    os.close(ours)
    return CONTROL.sub(b"", written).decode("utf-8", "backslashreplace").replace("\r", "").split("\n")


def in_pipe(*words: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the program with its output in a pipe."""
    return subprocess.run(
        [*PROGRAM, *map(str, words)], cwd=cwd, env=os.environ | environment, capture_output=True, text=True,
        encoding="utf-8", timeout=120, check=False,
    )  # fmt: skip
