"""Command `inspect-ai`. Here alone an error becomes one sentence on stderr and its exit code.

0 done   1 findings (scan with --fail-on-flag), an alarm that stands (monitor), a certificate that does not hold
(certificate verify)   2 usage   3 some inputs unreadable   4 audit integrity   5 environment
70 a fault of the program itself   130 interrupted   141 the reader of the output went away
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING

from inspect_ai.cli.exit_codes import FAULT, INTERRUPTED

if TYPE_CHECKING:
    import typer


def main(args: Sequence[str] | None = None, *, app: typer.Typer | None = None, name: str = "inspect-ai") -> None:
    """Run one command and exit with its code. A traceback is shown only where INSPECT_AI_DEBUG is set."""
    raise SystemExit(run(args, app=app, name=name))


def run(args: Sequence[str] | None = None, *, app: typer.Typer | None = None, name: str = "inspect-ai") -> int:
    """Run one command, report an error on stderr and return the exit code.

    `app`: another program with the same conventions, called `name` in its help; None for `inspect-ai`.
    """
    from inspect_ai.cli.commands import built, root
    from inspect_ai.errors import InspectError

    code = 0
    try:
        (root() if app is None else built(app)).main(args=args, prog_name=name)
    except SystemExit as e:  # typer exits so from every command, and after a usage error that it has shown
        code = e.code if isinstance(e.code, int) else FAULT
    except InspectError as e:
        if _debug():
            traceback.print_exc()
        _say(str(e))
        return e.exit_code
    except Exception as e:  # noqa: BLE001 - the last resort: a user never sees a bare traceback
        return _fault(e)
    if code == INTERRUPTED:
        _say("Interrupted. What was committed stands; the same command goes on from there.")
    return code


def _debug() -> bool:
    return bool(os.environ.get("INSPECT_AI_DEBUG"))


def _say(sentence: str) -> None:
    print(f"inspect-ai: {sentence}", file=sys.stderr)


def _fault(error: Exception) -> int:
    if _debug():
        traceback.print_exc()
    from inspect_ai.cli.shown.fault_log import write_fault

    where = write_fault(error)
    if where is None:
        details = (
            "The details are lost: neither the current nor the temporary folder can be written; "
            "set INSPECT_AI_DEBUG=1 to see them"
        )
    else:
        details = f"The details stand in {where}, which you alone can read; it quotes nothing of your data"
    _say(f"A fault in the program ({type(error).__name__}). {details}. Nothing committed was lost.")
    return FAULT
