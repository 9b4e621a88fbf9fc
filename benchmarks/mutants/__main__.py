"""`python -m benchmarks.mutants`: break each safety rule in a copy of the checkout and see a named test fail."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inspect_ai.cli import common, main

CHECKOUT = Path(__file__).resolve().parents[2]
app = common.app()


@app.command()
def mutants(
    names: Annotated[
        list[str] | None, typer.Argument(help="Only these mutants; then the page is not written.", show_default="all")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for mutants.md.", show_default="docs")] = CHECKOUT / "docs",
) -> None:
    """Break each safety rule in a copy of the checkout and see that the tests named for it fail. Exit 1: one did not.

    Example: python -m benchmarks.mutants
    """
    from benchmarks.mutants.catalogue import MUTANTS
    from benchmarks.mutants.study import COLUMNS, SURVIVED, cells, examine, markdown
    from benchmarks.writing import write_files
    from inspect_ai.errors import UsageError

    known = {mutant.name: mutant for mutant in MUTANTS}
    if unknown := [name for name in names or () if name not in known]:
        raise UsageError(f"There is no mutant {unknown[0]!r}. There are: {'; '.join(known)}.")
    with common.counting("mutants examined") as progress:
        examined = examine(CHECKOUT, [known[name] for name in names or known], progress)
    rows = [cells(found) for found in examined]
    common.table("", *COLUMNS[:2], COLUMNS[-1], rows=[(rule, name, result) for rule, name, _, _, result in rows])
    for _, name, file, tests, result in rows:
        if result == SURVIVED:
            print(f"{name} ({file}): {tests} noticed nothing. Write the test that does.")
    if not names:
        write_files(out, {"mutants.md": markdown(examined)})
    raise typer.Exit(0 if all(found.killed for found in examined) else 1)


if __name__ == "__main__":
    main(app=app, name="python -m benchmarks.mutants")
