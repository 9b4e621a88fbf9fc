"""The made studies, written once for all tests of this room."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from inspect_ai.phantom import CorruptFiles, MadeStudy, write_corrupt_files, write_studies


@dataclass(frozen=True)
class Made:
    folder: Path
    studies: list[MadeStudy]
    rubbish: list[CorruptFiles]

    def one(self, name: str) -> MadeStudy:
        return next(study for study in self.studies if study.name == name)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("made")
    return Made(folder, write_studies(folder, seed=7), write_corrupt_files(folder, seed=7))
