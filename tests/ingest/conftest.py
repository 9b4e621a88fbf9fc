"""One pool for all tests of ingest, and what a folder gives through it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from inspect_ai.domain import Rejection, Study, StudyRef
from inspect_ai.errors import InspectError
from inspect_ai.ingest import DecoderPool, discover, load
from inspect_ai.settings import Settings

SETTINGS = Settings()


@dataclass(frozen=True)
class Given:
    """Everything that a folder gives."""

    studies: list[Study]
    rejections: list[Rejection]

    @property
    def problems(self) -> list[str]:
        return [p for s in self.studies for p in (*s.ref.problems, *s.problems)]

    @property
    def readable(self) -> list[Study]:
        return [s for s in self.studies if s.images or s.volumes]


@pytest.fixture(scope="session")
def pool() -> Iterator[DecoderPool]:
    with DecoderPool(1, 4.0) as pool:
        yield pool


@pytest.fixture(scope="session")
def ingest(pool: DecoderPool) -> Callable[[Path], Given]:
    def given(root: Path) -> Given:
        found = list(discover(root, settings=SETTINGS, pool=pool))
        rejections = [f for f in found if isinstance(f, Rejection)]
        studies = []
        for ref in (f for f in found if isinstance(f, StudyRef)):
            try:
                studies.append(pool.submit(load, root, ref, SETTINGS, timeout_s=60).result())
            except InspectError as e:
                rejections += [Rejection(file=f.path, reason=str(e)) for f in ref.files]
        rejections += [r for s in studies for r in s.rejections]
        return Given(studies, rejections)

    return given
