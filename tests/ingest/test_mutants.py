"""Headers with bytes changed at random: every file ends as a study or with a reason, and the run goes on."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.filewriter import dcmwrite
from pydicom.uid import RLELossless

from tests.ingest.conftest import Given
from tests.support.dicom_factory import ct_slice, fundus_photograph

MUTANTS = 300
HEADER_BYTES = 1200


def originals(folder: Path) -> list[bytes]:
    photograph = fundus_photograph(np.random.default_rng(0).integers(0, 255, (24, 32, 3), dtype=np.uint8))
    squeezed = ct_slice(0.0, side=24)
    squeezed.compress(RLELossless, generate_instance_uid=False)
    contents = []
    for number, ds in enumerate([ct_slice(0.0, side=24), photograph, squeezed]):
        dcmwrite(folder / str(number), ds, enforce_file_format=True)
        contents.append((folder / str(number)).read_bytes())
        (folder / str(number)).unlink()
    return contents


def mutated(content: bytes, chance: random.Random) -> bytes:
    """One to four changes: a bit, a byte, a length made huge, a piece cut out or doubled."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(128, min(len(data), HEADER_BYTES))
        match chance.randrange(5):
            case 0:
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                data[at] = chance.randrange(256)
            case 2:
                data[at : at + 4] = b"\xff\xff\xff\x7f"
            case 3:
                del data[at : at + chance.randint(1, 16)]
            case _:
                data[at:at] = data[at : at + chance.randint(1, 64)]
    return bytes(data)


@pytest.mark.parametrize("seed", [0])
def test_no_mutant_of_a_header_is_lost_or_stops_the_run(
    tmp_path: Path, ingest: Callable[[Path], Given], seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same mutants each time, no secret
    contents = originals(tmp_path)
    for number in range(MUTANTS):
        (tmp_path / f"{number:04d}").write_bytes(mutated(chance.choice(contents), chance))

    given = ingest(tmp_path)

    rejected = {r.file for r in given.rejections}
    consumed = {f.path for s in given.studies for f in s.ref.files} - rejected
    assert len(rejected) == len(given.rejections)  # none twice
    assert len(rejected) + len(consumed) == MUTANTS
    assert all(r.reason for r in given.rejections)
    assert "Secret" not in repr(given)
    assert "SECRET" not in repr(given)
