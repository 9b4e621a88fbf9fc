"""A signed statement: any change of it is found, and nothing is signed or read that its counts do not prove."""

import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from inspect_ai.calibration import point_sha256, read_point
from inspect_ai.certificates.certificate import (
    SCHEMA,
    Certificate,
    DeploymentRecord,
    FileDigest,
    Signed,
    read_certificate,
    signed,
    unit_digests,
    write_certificate,
)
from inspect_ai.errors import InputError, UsageError
from inspect_ai.operating_point import GroupPoint, ScoreScale
from tests.support.points import changed, make_point

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
POINT = make_point(
    task="caps", clear_below=0.0125, flag_from=0.1, sensitivity=0.9, confidence=0.95, n_positive=30, n_missed=0,
    proved_sensitivity=0.904, covers="one cap — “round”", model_sha256="a" * 64, config_sha256="b" * 64,
    engine="onnxruntime float32", calibration_sha256="c" * 64,
)  # fmt: skip
CERTIFICATE = Certificate(
    schema=SCHEMA,
    at_work=DeploymentRecord(
        task="caps",
        task_version="1",
        engine="onnxruntime float32",
        config_sha256="b" * 64,
        files=(FileDigest(name="model.onnx", sha256="e" * 64), FileDigest(name="task.py", sha256="f" * 64)),
    ),
    point=POINT,
    operating_point_sha256="d" * 64,
    method="counted",
    unit_sha256=unit_digests(f"patient {i}" for i in range(30)),
    date="2026-01-31T23:59:59Z",
    operator="A. Weber",
    software="inspect-ai-vision 0",
    supersedes="",
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_certificate(signed(CERTIFICATE, KEY), tmp_path / "certificate.json")
    return tmp_path / "certificate.json"


def test_the_certificate_that_ships_reads_verifies_and_is_written_back_byte_for_byte(tmp_path: Path) -> None:
    folder = Path(__file__).parents[2] / "tasks" / "lung_nodule"

    made = read_certificate(folder / "certificate.json")

    write_certificate(made, tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (folder / "certificate.json").read_bytes()
    assert made.certificate.point == read_point(folder / "operating_point.json")
    assert made.certificate.operating_point_sha256 == point_sha256(made.certificate.point)


def sign_plain(body: dict[str, Any], path: Path) -> None:
    """What somebody with the key and another program writes."""
    text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    plain = {
        "certificate": body,
        "public_key": KEY.public_key().public_bytes_raw().hex(),
        "signature": KEY.sign(text).hex(),
    }
    path.write_text(json.dumps(plain, indent=1, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")


def test_what_was_signed_comes_back_with_its_digest_and_thresholds_bit_for_bit(file: Path) -> None:
    made: Signed = read_certificate(file)

    assert made.certificate == CERTIFICATE
    body = json.loads(file.read_text("utf-8"))["certificate"]
    text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    assert made.sha256 == hashlib.sha256(text).hexdigest()
    assert float.fromhex(body["point"]["clear_below"]) == 0.0125
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(made.public_key)).verify(bytes.fromhex(made.signature), text)


def test_every_single_changed_byte_is_found(file: Path) -> None:
    sound = file.read_bytes()
    missed = []
    for at in range(len(sound)):
        for flip in (1, 32):  # 32 changes the case of a letter, also of a hex digit
            file.write_bytes(sound[:at] + bytes([sound[at] ^ flip]) + sound[at + 1 :])
            try:
                read_certificate(file)
                missed.append((at, flip))
            except InputError:
                pass

    assert missed == []


def test_a_signature_by_another_key_does_not_fit(file: Path) -> None:
    plain = json.loads(file.read_text("utf-8"))
    plain["public_key"] = Ed25519PrivateKey.generate().public_key().public_bytes_raw().hex()
    file.write_text(json.dumps(plain, indent=1, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")

    with pytest.raises(InputError, match="altered after it was signed"):
        read_certificate(file)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda body: body.pop("unit_sha256"), "it lacks unit_sha256"),
        (lambda body: body.update(note="trust me"), "fields that are not known: note"),
        (lambda body: body.update(schema=3), "no certificate of schema 2"),
        (lambda body: body["point"].update(n_missed=1), "cannot be true"),
        (lambda body: body["point"].update(sensitivity=(0.99).hex()), "claims to prove 0.99"),
        (lambda body: body["point"].update(proved_sensitivity=(0.99).hex()), "cannot be true"),
        (lambda body: body["point"].update(refusal="too few"), "proves nothing"),
        (lambda body: body["unit_sha256"].pop(), "counts 30 positive units, but names 29"),
        (lambda body: body["unit_sha256"].reverse(), "units are not sorted"),
        (lambda body: body["at_work"]["files"].reverse(), "files are not sorted"),
        (lambda body: body["at_work"].update(task="other"), "its point is of task caps"),
        (lambda body: body.update(date="2026-02-30T00:00:00Z"), "no UTC time"),
        (lambda body: body.update(supersedes="the old one"), "no SHA-256"),
        (lambda body: body.update(operator=7), "cannot be read as a certificate"),
        (lambda body: body.update(point=None), "cannot be read as a certificate"),
    ],
)  # fmt: skip
def test_a_signature_does_not_make_true_what_cannot_be(
    change: Callable[[dict[str, Any]], object], said: str, file: Path
) -> None:
    body = copy.deepcopy(json.loads(file.read_text("utf-8"))["certificate"])
    sign_plain(body, file)
    read_certificate(file)  # so that the change alone is what is found
    change(body)
    sign_plain(body, file)

    with pytest.raises(InputError, match=said):
        read_certificate(file)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"certificate": 1, "public_key": 2, "signature": 3}', "\xff", "["])
def test_what_is_no_certificate_is_said_to_be_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(text, "latin-1")

    with pytest.raises(InputError, match=r"c\.json"):
        read_certificate(tmp_path / "c.json")
    with pytest.raises(InputError, match="cannot be read"):
        read_certificate(tmp_path / "nothing.json")


def test_what_is_not_proved_is_not_signed() -> None:
    few = changed(POINT, n_positive=28, proved_sensitivity=0.89)  # 0.9**28 > 0.05
    certificate = replace(CERTIFICATE, point=few, unit_sha256=CERTIFICATE.unit_sha256[:28])

    with pytest.raises(UsageError, match="0 missed of 28"):
        signed(certificate, KEY)


def test_groups_share_the_doubt() -> None:
    """30 of 30 prove 90 % at 95 %, not at the 97.5 % that each of two groups must reach; 36 do."""

    def both(n: int) -> Certificate:
        groups = [
            GroupPoint(value=v, clear_below=0.0125, n_positive=n, n_missed=0, proved_sensitivity=0.8) for v in "AB"
        ]
        point = changed(POINT, group_by="site", groups=tuple(groups), n_positive=2 * n, proved_sensitivity=0.8)
        return replace(CERTIFICATE, point=point, unit_sha256=unit_digests(str(i) for i in range(2 * n)))

    assert 0.025 < 0.9**30 < 0.05
    assert 0.9**36 < 0.025
    signed(both(36), KEY)
    with pytest.raises(UsageError, match="group 'A'"):
        signed(both(30), KEY)


def test_nobody_reads_an_id_and_whoever_has_one_finds_it() -> None:
    assert not any("patient" in digest for digest in CERTIFICATE.unit_sha256)
    assert hashlib.sha256(b"patient 17").hexdigest() in CERTIFICATE.unit_sha256
    assert unit_digests(["b", "a", "b"]) == unit_digests(["a", "b"])


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"\n ", b"\n\t"), (b": ", b":  "), (b"}\n", b"}\n\n"), (b'"date"', b'"date": "2000-01-01T00:00:00Z",\n  "date"')],
)
def test_not_even_the_space_between_words_changes_unseen(old: bytes, new: bytes, file: Path) -> None:
    text = file.read_bytes()
    assert json.loads(text) == json.loads(text.replace(old, new, 1))  # the same to whoever only parses it
    file.write_bytes(text.replace(old, new, 1))

    with pytest.raises(InputError, match="not laid out as it was written"):
        read_certificate(file)


def test_a_certificate_about_scores_of_any_range_is_signed_and_read(tmp_path: Path) -> None:
    point = changed(POINT, clear_below=-12.5, flag_from=71.0, score_scale=ScoreScale.EXACT)
    write_certificate(signed(replace(CERTIFICATE, point=point), KEY), tmp_path / "c.json")

    assert read_certificate(tmp_path / "c.json").certificate.point == point
    with pytest.raises(UsageError, match="a threshold lies between 0 and 1"):
        signed(replace(CERTIFICATE, point=changed(POINT, flag_from=71.0)), KEY)
