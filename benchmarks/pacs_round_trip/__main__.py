"""`python -m benchmarks.pacs_round_trip`: is a study or a result lost or doubled when PACS and program are killed?"""

from __future__ import annotations

import tempfile
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inspect_ai.cli import common, exit_codes, main

if TYPE_CHECKING:
    from benchmarks.pacs_round_trip.counting import Found

app = common.app()


class Way(StrEnum):
    """Protocol between both sides."""

    DIMSE = "dimse"
    DICOMWEB = "dicomweb"


@app.command()
def pacs_round_trip(
    studies: Annotated[int, typer.Option("--studies", min=2, help="Studies, each one CT series.")] = 50,
    slices: Annotated[int, typer.Option("--slices", min=2, help="Slices of a study.")] = 6,
    over: Annotated[Way, typer.Option("--over", help="How studies and results travel.")] = Way.DIMSE,
) -> None:
    """Let studies come from Orthanc and their results go back; kill Orthanc and our program in between.

    Needs the extras `pacs` and `dicom` and the Debian packages orthanc and, for dicomweb, orthanc-dicomweb. The task is
    written by hand and quick; every second study is flagged. Ends with 1 unless every study was decided once, and
    report, segments and picture of each are at Orthanc once. Nothing is stored.

    Example: python -m benchmarks.pacs_round_trip --studies 6 --over dicomweb
    """
    from benchmarks.pacs_round_trip.by_dicomweb import by_dicomweb
    from benchmarks.pacs_round_trip.by_dimse import by_dimse
    from benchmarks.writing import markdown_table

    round_trip = by_dicomweb if over is Way.DICOMWEB else by_dimse
    with tempfile.TemporaryDirectory(prefix="pacs_round_trip") as folder:
        found = round_trip(Path(folder), studies, slices)
    print(markdown_table(("measured", over.value), _rows(found, slices), left=1))
    if not found.holds:
        print("A study or a result was lost or doubled, or the log is broken.")
        raise typer.Exit(exit_codes.FINDINGS)


def _rows(found: Found, slices: int) -> tuple[tuple[str, str], ...]:
    happened = found.happened
    return (
        ("studies, slices of each", f"{found.studies}, {slices}"),
        ("kills by SIGKILL: Orthanc, our program", f"{happened.orthanc_kills}, {happened.our_kills}"),
        ("slices taken, on the disk", f"{happened.taken}, {found.on_disk}"),
        ("studies decided; decisions, of them doubled", f"{found.decided}; {found.decisions}, {found.doubled}"),
        ("flagged, to be flagged", f"{found.flagged}, {found.to_flag}"),
        ("deliveries queued, sent", f"{found.queued}, {found.sent}"),
        ("failed attempts in the log (one row a reason)", f"{found.failed}"),
        ("at Orthanc: reports, segmentations, pictures", f"{found.reports}, {found.segments}, {found.pictures}"),
        ("studies that lack one of theirs, that have one too many", f"{found.lacking}, {found.surplus}"),
        ("objects that came once more in the end, our results among them", f"{happened.again}"),
        ("chain of the log", found.chain),
        ("seconds, from the first study to the last result", f"{happened.seconds:.0f}"),
    )


if __name__ == "__main__":
    main(app=app, name="python -m benchmarks.pacs_round_trip")
