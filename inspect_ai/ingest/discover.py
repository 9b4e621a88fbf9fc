"""Discovery of studies below a folder: pictures as they are found, DICOM series once all headers are read.

Every other file ends in a rejection with its reason.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path, PurePath
from typing import TypeAlias

from inspect_ai.domain import Rejection, SourceFile, StudyRef
from inspect_ai.errors import InputError, InspectError
from inspect_ai.ingest.attributes import attributes_set
from inspect_ai.ingest.decoder_pool import DecoderDied, DecoderPool, DecoderTimeout
from inspect_ai.ingest.foreign_objects import ForeignObject, NotToInspect
from inspect_ai.ingest.formats import DICOM_ENDINGS, format_of
from inspect_ai.ingest.header import Header, read_header
from inspect_ai.ingest.series import series_refs, study_digest
from inspect_ai.ingest.volumes.encoded import path_of
from inspect_ai.ingest.volumes.header_index import HeaderIndex
from inspect_ai.ingest.walk import FoundFile, walk
from inspect_ai.settings import Settings

CHUNK = 32  # headers a job
AHEAD = 8  # jobs that wait
TIMED_BYTES = 128 << 20  # read within decode_timeout_s; more may take as much longer


def discover(
    root: Path,
    *,
    settings: Settings,
    pool: DecoderPool,
    patient_key: bytes | None = None,
    looked_at: Callable[[int], object] | None = None,
) -> Iterator[StudyRef | Rejection]:
    """Yield each study below `root` as a reference, and reject all other files.

    looked_at: called with the number of files so far, while headers are read. Raises InputError without a root.
    """
    place = attributes_set(settings)
    for item in _discovered(root, settings, pool, patient_key, looked_at or (lambda _: None)):
        yield replace(item, attributes=(*item.attributes, *place)) if isinstance(item, StudyRef) else item


def _discovered(
    root: Path, settings: Settings, pool: DecoderPool, patient_key: bytes | None, looked_at: Callable[[int], object]
) -> Iterator[StudyRef | Rejection]:
    with HeaderIndex() as index:
        headers = _Headers(root, settings, pool, patient_key, index)
        for number, found in enumerate(walk(root, int(settings.max_file_gib * (1 << 30))), 1):
            classified = _classified(found)
            if isinstance(classified, SourceFile):
                yield from headers.submit(classified)
            else:
                yield classified
            looked_at(number)
        yield from headers.drain()
        index.close_input()
        yield from series_refs(index, keyed=patient_key is not None)


Answer: TypeAlias = Header | ForeignObject | str  # a text is the reason of a rejection


class _Headers:
    """Reads headers in children, some files a job and some jobs ahead, and puts them into the index."""

    def __init__(
        self, root: Path, settings: Settings, pool: DecoderPool, patient_key: bytes | None, index: HeaderIndex
    ) -> None:
        self._root, self._settings, self._pool, self._key = root, settings, pool, patient_key
        self._index = index
        self._chunk: list[SourceFile] = []
        self._jobs: deque[tuple[list[SourceFile], Future[list[Answer]]]] = deque()

    def submit(self, file: SourceFile) -> Iterator[Rejection]:
        """Submit a file; yields rejections of earlier ones."""
        self._chunk.append(file)
        if len(self._chunk) == CHUNK:
            self._send()
        while len(self._jobs) > AHEAD:
            yield from self._receive()

    def drain(self) -> Iterator[Rejection]:
        """Wait for the files submitted; yields their rejections."""
        if self._chunk:
            self._send()
        while self._jobs:
            yield from self._receive()

    def _send(self) -> None:
        self._jobs.append((self._chunk, self._job(self._chunk)))
        self._chunk = []

    def _job(self, files: list[SourceFile]) -> Future[list[Answer]]:
        paths = [path_of(self._root, file) for file in files]
        size = sum(file.size_bytes for file in files)
        limit_s = self._settings.decode_timeout_s * max(1.0, size / TIMED_BYTES)
        most, assumed = self._settings.max_pixels, self._settings.assume_hounsfield
        return self._pool.submit(read_headers, paths, most, self._key, assumed, timeout_s=limit_s)

    def _receive(self) -> Iterator[Rejection]:
        files, future = self._jobs.popleft()
        for file, answer in zip(files, self._answers(files, future), strict=True):
            if isinstance(answer, str):
                yield Rejection(file=file.path, reason=answer, sha256=file.sha256)
            else:
                self._index.add(file, answer)

    def _answers(self, files: list[SourceFile], future: Future[list[Answer]]) -> list[Answer]:
        """Wait for the job's answers; file by file where its child died, so that one file alone is rejected."""
        try:
            return future.result()
        except (DecoderDied, DecoderTimeout) as e:
            if len(files) == 1:
                return [str(e)]
        except InputError as e:
            return [str(e)] * len(files)
        return [answer for file in files for answer in self._answers([file], self._job([file]))]


def _classified(found: FoundFile | Rejection) -> StudyRef | Rejection | SourceFile:
    """Convert to a picture's reference, a rejection, or a file whose DICOM header must be read."""
    if isinstance(found, Rejection):
        return found
    its = format_of(found.head)
    if its.refusal is not None:
        return Rejection(file=found.file.path, reason=its.refusal, sha256=found.file.sha256)
    return image_ref(found.file) if its.reader == "image" else found.file


def image_ref(file: SourceFile) -> StudyRef:
    """Make the reference of one camera file."""
    under_dicom_name = PurePath(file.path).suffix.lower() in DICOM_ENDINGS
    notes = ("a picture under a DICOM name; read as what it is",) if under_dicom_name else ()
    return StudyRef(
        key=file.path, source=file.path, kind="image", digest=study_digest([file]), files=(file,), notes=notes
    )


def read_headers(
    paths: list[Path], max_pixels: int, patient_key: bytes | None, assume_hounsfield: bool
) -> list[Answer]:
    """Read the headers, or reasons, of some files. Runs in a child; an error of any kind is one file's reason."""
    answers: list[Answer] = []
    for path in paths:
        try:
            with path.open("rb") as f:
                answers.append(read_header(f, max_pixels, patient_key, assume_hounsfield=assume_hounsfield))
        except NotToInspect as e:
            answers.append(e.found)
        except InspectError as e:
            answers.append(str(e))
        except MemoryError:
            answers.append("the header needs more memory than a decoder may have")
        except Exception as e:  # noqa: BLE001 - broken headers raise anything; the class alone is passed on, since messages quote values
            answers.append(f"the DICOM header is damaged ({type(e).__name__})")
    return answers
