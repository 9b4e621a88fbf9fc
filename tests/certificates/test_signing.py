"""Keys: made once, private to their owner, and trusted only where somebody put the public part."""

import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from inspect_ai.audit import Action, open_log
from inspect_ai.certificates.maker_key import MAKER_KEY
from inspect_ai.certificates.signing import (
    make_key,
    public_hex,
    read_key,
    read_public,
    sign,
    signed_by,
    site_key,
    site_key_path,
)
from inspect_ai.certificates.trust import trust_note, trust_own, trusted_keys
from inspect_ai.errors import SetupError
from inspect_ai.settings import Settings


def test_a_sites_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    db = tmp_path / "new" / "log.db"

    first, second = site_key(db), site_key(db)

    assert public_hex(first) == public_hex(second)
    assert stat.S_IMODE(site_key_path(db).stat().st_mode) == 0o600
    site_key_path(db).chmod(0o644)
    site_key(db)
    assert stat.S_IMODE(site_key_path(db).stat().st_mode) == 0o600


def test_a_second_start_does_not_overwrite_the_first_ones_key(tmp_path: Path) -> None:
    make_key(tmp_path / "key.pem")
    before = public_hex(read_key(tmp_path / "key.pem"))

    make_key(tmp_path / "key.pem")

    assert public_hex(read_key(tmp_path / "key.pem")) == before
    assert [p.name for p in tmp_path.iterdir()] == ["key.pem"]


def test_a_signature_fits_its_message_and_key_alone(tmp_path: Path) -> None:
    key, other = site_key(tmp_path / "a.db"), site_key(tmp_path / "b.db")
    signature = sign(key, b"proved")

    assert signed_by(public_hex(key), signature, b"proved")
    assert not signed_by(public_hex(key), signature, b"Proved")
    assert not signed_by(public_hex(other), signature, b"proved")
    for public, made in (("", signature), ("zz", signature), (public_hex(key), ""), (public_hex(key), "12")):
        assert not signed_by(public, made, b"proved")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl as the second opinion")
def test_openssl_reads_the_key_and_agrees_with_the_signature(tmp_path: Path) -> None:
    key = site_key(tmp_path / "log.db")
    (tmp_path / "message").write_bytes(b"proved")
    (tmp_path / "signature").write_bytes(bytes.fromhex(sign(key, b"proved")))
    subprocess.run(
        ["openssl", "pkey", "-in", "log.db.signing.pem", "-pubout", "-out", "pub.pem"], cwd=tmp_path, check=True
    )
    words = "pkeyutl -verify -pubin -inkey pub.pem -rawin -in message -sigfile signature"

    done = subprocess.run(["openssl", *words.split()], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert "Verified Successfully" in done.stdout + done.stderr


def test_trusted_are_the_makers_key_and_those_that_a_person_named(tmp_path: Path) -> None:
    own, friend, stranger = (public_hex(site_key(tmp_path / f"{name}.db")) for name in ("own", "friend", "stranger"))
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "north.pub").write_text(f"{friend.upper()} hospital north\n", "ascii")
    (tmp_path / "keys" / "stranger.txt").write_text(stranger, "ascii")

    settings = Settings(db=tmp_path / "own.db", trusted_keys=str(tmp_path / "keys"))
    before = trusted_keys(settings)
    with open_log(settings.db) as log:
        trust_own(log, own, "the calibration of caps")
        trust_own(log, own, "the calibration of lids")  # said once
        log.append([trust_note(Action.UNTRUSTED, friend, "their key was copied")])
    trusted = trusted_keys(settings)

    assert before[friend] == "north.pub in the folder of --trusted-keys"
    assert before[MAKER_KEY] == trusted[MAKER_KEY] == "the maker's key, pinned in the program"
    assert own not in before  # a key beside a log is no word of anybody
    assert trusted[own] == "trusted by entry 1"
    assert friend not in trusted
    assert stranger not in trusted
    assert own not in trusted_keys(Settings(db=tmp_path / "elsewhere.db"))


def test_keys_that_cannot_be_read_are_said_not_skipped(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "bad.pub").write_text("not a key", "ascii")
    (tmp_path / "x.db.signing.pem").write_text("-----BEGIN NOTHING-----\n", "ascii")

    with pytest.raises(SetupError, match=r"bad.pub is no public key"):
        trusted_keys(Settings(db=tmp_path / "log.db", trusted_keys=str(tmp_path / "keys")))
    with pytest.raises(SetupError, match="no folder"):
        trusted_keys(Settings(db=tmp_path / "log.db", trusted_keys=str(tmp_path / "nowhere")))
    with pytest.raises(SetupError, match="no Ed25519 private key"):
        site_key(tmp_path / "x.db")
    with pytest.raises(SetupError, match="no public key"):
        read_public(tmp_path / "x.db.signing.pem")
