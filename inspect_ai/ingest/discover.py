"""What is below a folder: pictures as they are met, DICOM series once all headers are read, and a reason for everything else."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

from inspect_ai.domain import Rejection, SourceFile, StudyRef
from inspect_ai.errors import InputError, InspectError
from inspect_ai.ingest.camera import is_text, sniff
from inspect_ai.ingest.header import Header, read_header
from inspect_ai.ingest.load import path_of
from inspect_ai.ingest.pool import Pool, WorkerDied, WorkerTimeout
from inspect_ai.ingest.series import Instance, series_refs, study_digest
from inspect_ai.ingest.walk import FoundFile, walk
from inspect_ai.settings import Settings

CHUNK = 32  # headers a job
AHEAD = 8  # jobs that wait


def discover(
    root: Path, *, settings: Settings, pool: Pool, patient_key: bytes | None = None
) -> Iterator[StudyRef | Rejection]:
    """Every file below `root` ends in exactly one reference or rejection. Raises InputError if there is no such root."""
    chunk: list[SourceFile] = []
    jobs: list[tuple[list[SourceFile], Future[list[Header | str]]]] = []
    good: list[Instance] = []
    broken: list[Instance] = []

    def send() -> None:
        paths = [path_of(root, f) for f in chunk]
        jobs.append((list(chunk), pool.submit(read_headers, paths, settings.max_pixels, patient_key, timeout_s=settings.decode_timeout_s)))
        chunk.clear()

    def receive() -> Iterator[Rejection]:
        files, future = jobs.pop(0)
        for file, answer in zip(files, _answers(files, future, root, settings, pool, patient_key), strict=True):
            if isinstance(answer, str):
                yield Rejection(file=file.path, reason=answer, sha256=file.sha256)
            else:
                (broken if answer.broken else good).append(Instance(file=file, header=answer))

    for found in walk(root, int(settings.max_file_gib * (1 << 30))):
        sorted_out = _sorted_out(found)
        if isinstance(sorted_out, SourceFile):
            chunk.append(sorted_out)
            if len(chunk) == CHUNK:
                send()
            if len(jobs) > AHEAD:
                yield from receive()
        else:
            yield sorted_out
    if chunk:
        send()
    while jobs:
        yield from receive()
    yield from series_refs(good, broken, keyed=patient_key is not None)


def _sorted_out(found: FoundFile | Rejection) -> StudyRef | Rejection | SourceFile:
    """A picture's reference, a rejection, or a file whose DICOM header must be read."""
    if isinstance(found, Rejection):
        return found
    kind = sniff(found.head)
    if kind == "image":
        return image_ref(found.file)
    if kind == "dicom" or (kind == "maybe" and not is_text(found.head)):
        return found.file
    reason = "text: no picture" if kind == "maybe" else kind
    return Rejection(file=found.file.path, reason=reason, sha256=found.file.sha256)


def image_ref(file: SourceFile) -> StudyRef:
    """The reference of one camera file."""
    notes = ("a picture under a DICOM name; read as what it is",) if file.path.lower().endswith(".dcm") else ()
    return StudyRef(key=file.path, source=file.path, kind="image", digest=study_digest([file]), files=(file,), notes=notes)


def read_headers(paths: list[Path], max_pixels: int, patient_key: bytes | None) -> list[Header | str]:
    """Headers, or reasons, of some files. Runs in a child; an error of any kind is one file's reason."""
    answers: list[Header | str] = []
    for path in paths:
        try:
            answers.append(read_header(path, max_pixels, patient_key))
        except InspectError as e:
            answers.append(str(e))
        except MemoryError:
            answers.append("the header needs more memory than a decoder may have")
        except Exception as e:  # noqa: BLE001 - broken headers raise anything; the class alone is told, messages quote values
            answers.append(f"the DICOM header is damaged ({type(e).__name__})")
    return answers


def _answers(
    files: list[SourceFile],
    future: Future[list[Header | str]],
    root: Path,
    settings: Settings,
    pool: Pool,
    patient_key: bytes | None,
) -> list[Header | str]:
    """The chunk's answers; file by file where the chunk's child died, so that one file alone pays."""
    try:
        return future.result()
    except (WorkerDied, WorkerTimeout) as e:
        if len(files) == 1:
            return [str(e)]
    except InputError as e:
        return [str(e)] * len(files)
    answers = []
    for file in files:
        path = path_of(root, file)
        alone = pool.submit(read_headers, [path], settings.max_pixels, patient_key, timeout_s=settings.decode_timeout_s)
        answers += _answers([file], alone, root, settings, pool, patient_key)
    return answers
