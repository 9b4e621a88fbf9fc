"""Mutated DICOM and picture files through the reading of scan and watch; and that the fuzzing would find faults."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.fuzz import study
from benchmarks.fuzz.mutations import BYTE_WISE, CHUNK_WISE, ELEMENT_WISE, elements, mutated
from benchmarks.fuzz.originals import SECRET, originals
from benchmarks.fuzz.study import Ingest, fuzz
from benchmarks.fuzz.watching import loaded
from inspect_ai.domain import Rejection, SourceFile, StudyRef
from inspect_ai.ingest import DecoderPool
from inspect_ai.settings import Settings

MUTANTS = 300
SETTINGS = Settings()
SOUND = originals()


@pytest.fixture(scope="module")
def pool() -> Iterator[DecoderPool]:
    with DecoderPool(1, SETTINGS.decode_memory_gib) as opened:
        yield opened


@pytest.fixture(scope="module")
def ingest(tmp_path_factory: pytest.TempPathFactory, pool: DecoderPool) -> Ingest:
    return Ingest(tmp_path_factory.mktemp("fuzz"), SETTINGS, pool)


@pytest.mark.slow
def test_every_mutant_ends_as_a_study_or_a_rejection_with_a_sentence() -> None:
    found = fuzz(MUTANTS, 1, SETTINGS)

    assert found.faults == ()
    assert sum(sum(row.ends) for row in found.rows) == MUTANTS
    assert found.together == MUTANTS // study.TOGETHER * study.TOGETHER


def test_where_even_sound_files_are_not_read_the_fuzzing_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "originals", lambda: {"PNG": b"no picture at all, but a text"})

    assert fuzz(1, 0, SETTINGS).faults == ("PNG is not read even unchanged",)


@pytest.mark.parametrize("name", SOUND)
def test_what_is_mutated_is_a_sound_file_before(name: str, ingest: Ingest) -> None:
    ended = ingest.alone(SOUND[name])

    assert ended.end in ("read", "problems")  # one CT slice alone is too few for a decision
    assert ended.faults == ()


def chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - the same mutants each time, no secret


def test_every_mutation_changes_files_and_the_same_seed_makes_the_same_mutants() -> None:
    for change in (*BYTE_WISE, *ELEMENT_WISE, *CHUNK_WISE):
        sound = SOUND["PNG" if change in CHUNK_WISE else "DICOM"]
        changed = set()
        for seed in range(20):
            data = bytearray(sound)
            change(data, chance(seed))
            changed.add(bytes(data))
        assert len(changed - {sound}) > 5, change.__name__
    assert mutated(SOUND["DICOM"], chance(3)) == mutated(SOUND["DICOM"], chance(3))


def test_the_elements_of_a_file_are_found_to_its_end() -> None:
    data = bytearray(SOUND["DICOM"])

    found = elements(data)

    assert len(found) > 30
    assert found[-1].end == len(data)
    assert bytes(data[found[-1].at : found[-1].at + 4]) == b"\xe0\x7f\x10\x00"  # the pixel data come last


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (f"the header of {SECRET} is damaged", "quotes a header"),
        ("broken\nin two", "not printable"),
        ("", "an empty message"),
        ("<Dataset object at 0x7f>", "no sentence"),
    ],
)
def test_a_message_that_breaks_a_promise_is_a_fault(
    reason: str, said: str, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "discover", lambda *_, **__: iter([Rejection(file="mutant", reason=reason)]))

    assert said in "; ".join(ingest.alone(b"any").faults)


def test_a_lost_file_an_escaped_error_and_a_slow_one_are_faults(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def escapes(*_: object, **__: object) -> Iterator[Rejection]:
        raise KeyError("PatientName")
        yield

    monkeypatch.setattr(study, "discover", lambda *_, **__: iter(()))
    assert "mutant was not accounted for" in ingest.alone(b"any").faults
    monkeypatch.setattr(study, "discover", escapes)
    assert "KeyError escaped: 'PatientName'" in ingest.alone(b"any").faults
    monkeypatch.undo()
    monkeypatch.setattr(study, "LATE_S", -60.0)
    assert "took" in "; ".join(ingest.alone(b"any").faults)


def test_a_decoder_that_touches_another_file_is_a_fault(tmp_path: Path) -> None:
    secret, allowed = tmp_path / "elsewhere", tmp_path / "studies"
    secret.write_text("not to be read")
    allowed.mkdir()

    with DecoderPool(1, SETTINGS.decode_memory_gib) as pool:
        said = pool.submit(touches, str(secret), str(allowed), timeout_s=60).result()

    assert said == (f"read {secret}", f"wrote {allowed / 'new'}")


def touches(secret: str, allowed: str) -> tuple[str, ...]:
    file = SourceFile(path="none", sha256="0", size_bytes=0)
    ref = StudyRef(key="none", source="none", kind="image", digest="0", files=(file,))
    loaded(Path(allowed), ref, SETTINGS, allowed)
    Path(secret).read_text()
    (Path(allowed) / "new").write_text("x")
    return loaded(Path(allowed), ref, SETTINGS, allowed).touched


def test_a_tiff_without_its_width_is_looked_at_by_a_watch_as_any_other(ingest: Ingest) -> None:
    content = bytearray(SOUND["TIFF"])
    at = content.index(b"\x00\x01\x04\x00\x01\x00\x00\x00") if b"\x00\x01\x04\x00\x01\x00\x00\x00" in content else -1
    at = at if at >= 0 else content.index(b"\x00\x01\x03\x00\x01\x00\x00\x00")  # ImageWidth, LONG or SHORT
    content[at : at + 2] = b"\xfe\xff"

    assert ingest.alone(bytes(content)).faults == ()
