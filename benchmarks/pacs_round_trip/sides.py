"""Both sides of a round trip: a real Orthanc that holds made studies, and our program with a task written by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.pacs_round_trip.counting import Uploaded
from inspect_ai.errors import SetupError
from tests.support.pacs import ORTHANC, TASK, Listener, Orthanc, free_port, write_series
from tests.support.tasks import make_task

DESTINATION = "archive"


@contextmanager
def sides(folder: Path, *, web: bool) -> Iterator[tuple[Orthanc, Listener]]:
    """Orthanc and our program, which answers it by C-STORE or by STOW-RS; both are gone when the body ends."""
    if not Path(ORTHANC).is_file():
        raise SetupError("Orthanc is not installed. Install the Debian package orthanc.")
    make_task(folder / "tasks", task_py=TASK)
    port = free_port()
    orthanc = Orthanc(folder / "orthanc", port)
    by_web, by_dimse = f"http://127.0.0.1:{orthanc.http}/dicom-web", f"dimse://ORTHANC@127.0.0.1:{orthanc.dicom}"
    listener = Listener(folder, port, {DESTINATION: by_web if web else by_dimse})
    listener.real_results = True
    try:
        yield orthanc, listener
    finally:
        listener.kill()
        orthanc.kill()


def uploaded(orthanc: Orthanc, folder: Path, studies: int, slices: int) -> list[Uploaded]:
    """Put made CT series into Orthanc, one a study; every second one is bright."""
    there = []
    for number in range(studies):
        (identifier,) = {orthanc.upload(path) for path in write_series(folder / str(number), number, slices=slices)}
        there.append(Uploaded(identifier=identifier, bright=bool(number % 2)))
    return there
