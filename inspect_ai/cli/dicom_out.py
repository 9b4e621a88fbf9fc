"""`inspect-ai dicom-out`: DICOM objects of decisions and answers in the log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inspect_ai.cli import common

if TYPE_CHECKING:
    from inspect_ai.journeys.dicom_out import ObjectsRefused, ObjectsWritten

app = common.app()


@app.command("dicom-out")
def dicom_out(
    entries: Annotated[
        list[int], typer.Argument(metavar="ENTRY...", help="Numbers of decisions or answers (see `audit list`).")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for the objects: OUT/ENTRY/KIND.dcm.")],
    root: Annotated[
        Path, typer.Option("--root", help="The folder or file that was scanned: the sources lie there.")
    ] = Path(),
    pictures: Annotated[
        Path | None,
        typer.Option("--pictures", help="Folder of the scan's report and pictures.", show_default="inspect_ai_out"),
    ] = None,
    db: common.Db = None,
    as_json: common.Json = False,
) -> None:
    """Write decisions on DICOM studies, and readers' answers to them, as DICOM objects of the same studies.

    A decision has a report, segments or graphics of its marks, and a picture; the answer that stands comes with it. An
    answer has a report, and segments of the areas that were drawn.

    The sources are compared with the digests in the log first. Patient and study are copied from their headers into
    the objects, and shown nowhere. Made twice, an object has the same UID. Needs the extra `dicom`.

    Example: inspect-ai dicom-out 12 13 --out ./dicom --root ./studies
    """
    from inspect_ai.journeys.dicom_out import ObjectsRefused
    from inspect_ai.journeys.dicom_out import dicom_out as journey

    settings = common.settings(db=db, out=pictures)
    code = 0
    for result in journey(entries, out, root, settings):
        if isinstance(result, ObjectsRefused):
            code = code or result.error.exit_code
        (_tell_json if as_json else _tell)(result)
    if code:
        raise typer.Exit(code)


def _tell(result: ObjectsWritten | ObjectsRefused) -> None:
    from inspect_ai.journeys.dicom_out import ObjectsRefused
    from inspect_ai.text import printable

    if isinstance(result, ObjectsRefused):
        common.remark(printable(str(result.error), 1000))
        return
    for path in result.files:
        common.line(printable(str(path), 400))
    for remark in result.remarks:
        common.remark(printable(remark, 400))


def _tell_json(result: ObjectsWritten | ObjectsRefused) -> None:
    from inspect_ai.journeys.dicom_out import ObjectsRefused

    if isinstance(result, ObjectsRefused):
        common.emit({"type": "refused", "entry": result.entry, "reason": str(result.error)})
        return
    files = [str(path) for path in result.files]
    common.emit({"type": "objects", "entry": result.entry, "files": files, "remarks": list(result.remarks)})
