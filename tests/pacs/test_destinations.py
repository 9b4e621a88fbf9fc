"""Destinations of the settings: what is understood, what is refused, and where secrets come from."""

from pathlib import Path

import pytest

from inspect_ai.errors import SetupError, UsageError
from inspect_ai.pacs.destinations import (
    Dimse,
    TlsFiles,
    Web,
    destination_named,
    destination_of_title,
    parsed,
    secret_of,
    written,
)
from inspect_ai.settings import Settings, load


def test_destinations_are_a_table_of_the_settings_file(tmp_path: Path) -> None:
    (tmp_path / "inspect_ai.toml").write_text('[destinations]\narchive = "dimse://ORTHANC@10.0.0.5:4242"\n')

    settings = load(folder=tmp_path)

    there = Dimse(name="archive", aet="ORTHANC", host="10.0.0.5", port=4242)
    assert destination_named("archive", settings) == there
    assert destination_of_title("ORTHANC", settings) == there
    assert destination_of_title("OTHER", settings) is None


def test_an_unknown_name_is_said_with_the_known_ones() -> None:
    settings = Settings(destinations=(("archive", "dimse://A@h:1"),))

    with pytest.raises(UsageError, match=r"no destination 'archiv' in the settings \(known: archive\)"):
        destination_named("archiv", settings)


def test_addresses_are_read() -> None:
    assert parsed("v", "dimse+tls://VAULT@v.example:2762?ca=a.pem&cert=c.pem&key=k.pem") == Dimse(
        name="v", aet="VAULT", host="v.example", port=2762,
        tls=TlsFiles(ca=Path("a.pem"), cert=Path("c.pem"), key=Path("k.pem")),
    )  # fmt: skip
    assert parsed("d", "dimse://A%20B@h:104") == Dimse(name="d", aet="A B", host="h", port=104)
    assert parsed("w", "https://pacs.example/dicom-web/?token_file=t") == Web(
        name="w", url="https://pacs.example/dicom-web", secret=("token_file", "t")
    )
    assert written("ORTHANC@127.0.0.1:4242").port == 4242
    assert written("ORTHANC@[::1]:4242").host == "::1"


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("dimse://ORTHANC@host", "lacks its host or its port"),
        ("dimse://host:104", "no AE title"),
        ("dimse://ABCDEFGHIJKLMNOPQ@host:104", "no AE title"),
        ("dimse://A@host:104?ca=x", "not dimse\\+tls"),
        ("dimse://A@host:99999", "cannot be read"),
        ("ftp://host/", "none of dimse"),
        ("https://user:hidden@host/", "holds a password"),
        ("http://host/?token_file=t", "travel in clear"),
        ("https://host/?token=hidden", "unknown option 'token'"),
        ("https://host/?user=u", "may name one of"),
        ("https://host/?password_file=p", "no user"),
        ("https://host/?token_file=t&token_variable=v", "may name one of"),
    ],
)
def test_what_is_wrong_with_an_address_is_said_without_its_secrets(address: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as error:
        parsed("name", address)

    assert "hidden" not in str(error.value)


@pytest.mark.parametrize("to", ["ORTHANC", "ORTHANC@host", "@host:104", "A@host:0", "A@host:x", "A\\B@host:104"])
def test_what_is_no_address_on_the_command_line_is_refused(to: str) -> None:
    with pytest.raises(UsageError):
        written(to)


def test_a_token_comes_from_a_private_file_or_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("secret word\n")
    (tmp_path / "token").chmod(0o644)

    assert secret_of(Web(name="w", url="", secret=("token_file", str(tmp_path / "token")))) == "secret word"
    assert (tmp_path / "token").stat().st_mode & 0o077 == 0

    monkeypatch.setenv("OUR_TOKEN", "another")
    assert secret_of(Web(name="w", url="", secret=("token_variable", "OUR_TOKEN"))) == "another"
    with pytest.raises(SetupError, match="the variable NOT_SET is not set"):
        secret_of(Web(name="w", url="", secret=("token_variable", "NOT_SET")))
    with pytest.raises(SetupError, match="cannot be read"):
        secret_of(Web(name="w", url="", secret=("token_file", str(tmp_path / "missing"))))
