"""Named places where a crash test may kill the process. Nothing happens unless INSPECT_AI_FAILPOINT names one."""

from __future__ import annotations

import os
import signal

VARIABLE = "INSPECT_AI_FAILPOINT"
NAMES = frozenset({"after_decode", "after_score", "inside_transaction", "after_commit"})


def reach(name: str) -> None:
    """Kill this process by SIGKILL if the variable names this place. Raises ValueError for an unknown place."""
    if name not in NAMES:
        raise ValueError(f"there is no failpoint {name!r}; known: {', '.join(sorted(NAMES))}")
    if os.environ.get(VARIABLE) == name:
        os.kill(os.getpid(), signal.SIGKILL)
