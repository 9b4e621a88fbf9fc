"""`python -m benchmarks.moves`: files and moves between files that a scan of one picture takes in the main thread.

Counted are entries into functions of this project's own .py files (generators at each resumption), not code that runs
once at import. A move is an entry into another file than the last one.
"""

from __future__ import annotations

import inspect
import sys
import tempfile
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Annotated

import cv2
import numpy as np
import typer

from inspect_ai.cli import common, main, run

CHECKOUT = Path(__file__).resolve().parents[2]
IN_PROJECT = tuple(str(CHECKOUT / name) for name in ("inspect_ai", "tasks", "migrations"))

app = common.app()


class Walk:
    """A profiler (sys.setprofile) that notes each entry into a function of the project."""

    def __init__(self) -> None:
        self.entries: Counter[str] = Counter()
        self.moves = 0
        self._last = ""

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        """Hear of one event of the interpreter."""
        del argument
        code = frame.f_code
        file = code.co_filename
        in_function = code.co_flags & inspect.CO_OPTIMIZED
        if event != "call" or not in_function or not file.startswith(IN_PROJECT) or not file.endswith(".py"):
            return
        self.entries[file] += 1
        self.moves += file != self._last
        self._last = file


@app.command()
def moves(
    task: Annotated[str, typer.Option("--task", help="The task that is asked for.")] = "metal_surface",
) -> None:
    """Follow one scan of one picture into an empty log.

    Example: python -m benchmarks.moves
    """
    walk = Walk()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "in").mkdir()
        noise = np.random.default_rng(0).integers(0, 255, (224, 224), dtype=np.uint8)
        cv2.imwrite(str(folder / "in" / "part.png"), noise)
        arguments = [
            "scan",
            folder / "in",
            "--task",
            task,
            "--db",
            folder / "log.db",
            "--out",
            folder / "out",
            "--json",
        ]
        sys.setprofile(walk)
        try:
            run([str(argument) for argument in arguments])
        finally:
            sys.setprofile(None)
    for file, entries in sorted(walk.entries.items()):
        print(f"{entries:>6}  {Path(file).relative_to(CHECKOUT)}")
    print(f"{len(walk.entries)} files, {walk.moves} moves between files")


if __name__ == "__main__":
    main(app=app, name="python -m benchmarks.moves")
