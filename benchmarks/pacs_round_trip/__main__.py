"""`python -m benchmarks.pacs_round_trip`: is a study or a result lost or doubled when PACS and listener are killed?"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from inspect_ai.cli import common, exit_codes, main

app = common.app()


@app.command()
def pacs_round_trip(
    studies: Annotated[int, typer.Option("--studies", min=2, help="Studies that the PACS sends.")] = 50,
    images: Annotated[int, typer.Option("--images", min=1, help="Images of a study.")] = 2,
) -> None:
    """Send studies from Orthanc to the listener and their results back; kill Orthanc and the listener in between.

    Needs the extra `pacs` and the Debian package orthanc. The task is written by hand and quick. Ends with 1 unless
    every study was decided once, and every result is at Orthanc once. Nothing is stored.

    Example: python -m benchmarks.pacs_round_trip --studies 6
    """
    from benchmarks.pacs_round_trip.round_trip import round_trip
    from benchmarks.writing import markdown_table

    with tempfile.TemporaryDirectory(prefix="pacs_round_trip") as folder:
        found = round_trip(Path(folder), studies, images)
    rows = (
        ("studies sent, images of each", f"{studies}, {images}"),
        ("kills by SIGKILL: Orthanc, listener", f"{found.orthanc_kills}, {found.listener_kills}"),
        ("images answered with success, on the disk", f"{found.answered}, {found.on_disk}"),
        ("studies decided; decisions, of them doubled", f"{found.decided}; {found.decisions}, {found.doubled}"),
        ("deliveries queued, sent", f"{found.queued}, {found.sent}"),
        ("failed attempts in the log (one row a reason)", f"{found.failed}"),
        ("results at Orthanc under their study", f"{found.results}"),
        ("studies with no result, with more than one", f"{found.without}, {found.twice}"),
        ("chain of the log", found.chain),
        ("seconds, from the first study sent to the last result", f"{found.seconds:.0f}"),
    )
    print(markdown_table(("measured", "value"), rows, left=1))
    if not found.holds:
        print("A study or a result was lost or doubled, or the log is broken.")
        raise typer.Exit(exit_codes.FINDINGS)


if __name__ == "__main__":
    main(app=app, name="python -m benchmarks.pacs_round_trip")
