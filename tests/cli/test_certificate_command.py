"""`inspect-ai certificate`: show, verify, a person's word, keys; with exit codes that a script can act on."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from inspect_ai.audit import open_log
from inspect_ai.certificates.certificate import read_certificate
from inspect_ai.cli.certificate import app
from inspect_ai.errors import InspectError
from tests.support.tasks import certify, make_task


@dataclass
class Site:
    root: Path
    folder: Path

    def run(self, *words: str) -> tuple[int, str]:
        """Exit code as `main` gives it, and what was said."""
        done = CliRunner().invoke(app, list(words), catch_exceptions=True)
        if isinstance(done.exception, InspectError):
            return done.exception.exit_code, str(done.exception)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.stdout


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    folder = make_task(tmp_path / "tasks")
    trusted = certify(folder, tmp_path / "workshop")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INSPECT_AI_TASKS", str(tmp_path / "tasks"))
    monkeypatch.setenv("INSPECT_AI_TRUSTED_KEYS", str(trusted))
    monkeypatch.setenv("INSPECT_AI_DB", str(tmp_path / "site.db"))
    return Site(tmp_path, folder)


def test_a_sound_certificate_verifies_by_task_file_and_folder(site: Site) -> None:
    for which in ("bright", str(site.folder / "certificate.json"), str(site.folder)):
        code, said = site.run("verify", which)

        assert code == 0, said
        assert "decisions made now are certified" in said

    told = json.loads(site.run("verify", "bright", "--json")[1])
    assert told["holds"] is True
    assert {check["what"] for check in told["checks"]} >= {"signed by a trusted key", "model.onnx", "audit log"}


def test_each_way_of_not_holding_has_its_exit_code_and_its_words(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    (site.folder / "task.py").write_text((site.folder / "task.py").read_text() + "# a remark\n")
    assert site.run("verify", "bright")[0] == 1
    assert "task.py is not the one that was certified" in site.run("verify", "bright")[1].replace("\n", " ")

    assert site.run("verify", "nothing")[0] == 2

    path = site.folder / "certificate.json"
    path.write_text(path.read_text().replace('"calibrator"', '"somebody"'))
    code, said = site.run("verify", "bright")
    assert (code, "altered after it was signed" in said) == (3, True)

    path.unlink()
    assert site.run("verify", "bright")[0] == 2

    certify(site.folder, site.root / "workshop")
    assert site.run("verify", "bright")[0] == 0
    monkeypatch.setenv("INSPECT_AI_TRUSTED_KEYS", "")
    assert "key that is not trusted here" in site.run("verify", "bright")[1].replace("\n", " ")
    (site.root / "site.db").write_bytes(b"no log" * 1000)
    assert site.run("verify", "bright")[0] == 4


def test_a_certificate_without_its_model_beside_it_does_not_hold(site: Site) -> None:
    (site.root / "mail").mkdir()
    shutil.copy(site.folder / "certificate.json", site.root / "mail")

    code, said = site.run("verify", str(site.root / "mail"))

    assert code == 1
    assert "holds no trained model" in said.replace("\n", " ")


def test_show_says_promise_counts_and_standing(site: Site) -> None:
    code, said = site.run("show", "bright")

    assert code == 0
    for words in ("at least 90 % of positives", "100 positives, 0 missed", "made pictures", "calibrator", "unknown"):
        assert words in said
    told = json.loads(site.run("show", "bright", "--json")[1])
    assert told["certificate"]["point"]["n_positive"] == 100
    assert told["certificate_sha256"] == read_certificate(site.folder / "certificate.json").sha256


def test_suspend_enable_and_revoke_are_rows_with_reason_and_operator(site: Site) -> None:
    assert site.run("suspend", "bright", "--reason", "too early")[0] == 2  # there is no log yet
    with open_log(site.root / "site.db"):
        pass

    for word in ("suspend", "enable", "suspend", "revoke"):
        code, said = site.run(word, "bright", "--reason", f"to {word}", "--operator", "A. Weber")
        assert code == 0, said

    with open_log(site.root / "site.db") as log:
        rows = [(e.outcome, e.reason, e.operator) for e in log.entries(kind="certificate")]
    words = [
        ("suspended", "to suspend"),
        ("enabled", "to enable"),
        ("suspended", "to suspend"),
        ("revoked", "to revoke"),
    ]
    assert rows == [(*pair, "A. Weber") for pair in words]
    code, said = site.run("verify", "bright")
    assert code == 1
    assert "it was revoked in entry 4: to revoke" in said.replace("\n", " ")


def test_words_that_change_nothing_or_give_no_reason_are_refused(site: Site) -> None:
    with open_log(site.root / "site.db"):
        pass
    assert "nothing to enable" in site.run("enable", "bright", "--reason", "why not")[1]
    assert "Say why" in site.run("suspend", "bright", "--reason", "  ")[1]
    site.run("suspend", "bright", "--reason", "drift")
    assert "suspended already, since entry 1: drift" in site.run("suspend", "bright", "--reason", "again")[1]
    site.run("revoke", "bright", "--reason", "labels")
    assert "for ever" in site.run("enable", "bright", "--reason", "please")[1]
    (site.folder / "certificate.json").unlink()
    assert "no sound certificate to revoke" in site.run("revoke", "bright", "--reason", "labels")[1]


def test_a_key_is_trusted_by_a_row_that_says_who_and_why_and_untrusted_by_another(site: Site) -> None:
    public = site.run("key", "--db", str(site.root / "north.db"))[1].split()[0]
    site.run("sign", str(site.folder), "--key", str(site.root / "north.db.signing.pem"))
    assert "not trusted here" in site.run("verify", "bright")[1].replace("\n", " ")
    (site.root / "north.pub").write_text(f"{public} hospital north\n")

    assert "Say why" in site.run("trust", "north.pub", "--reason", " ")[1]
    assert "64 hex digits" in site.run("trust", "nowhere.pub", "--reason", "on the telephone")[1]
    with open_log(site.root / "new.db"):
        pass
    assert "nothing to take back" in site.run("untrust", public, "--reason", "copied", "--db", "new.db")[1]
    code, said = site.run("trust", "north.pub", "--reason", "read to me", "--operator", "A. Weber")
    assert code == 0, said
    assert site.run("verify", "bright")[0] == 0
    assert f"{public}  trusted by entry 1" in site.run("keys")[1]
    assert "trusted already: trusted by entry 1" in site.run("trust", public, "--reason", "again")[1]

    code, said = site.run("untrust", public, "--reason", "their key was copied", "--operator", "B. Maier")
    assert code == 0, said
    assert site.run("verify", "bright")[0] == 1
    with open_log(site.root / "site.db") as log:
        rows = [(e.subject, e.outcome, e.reason, e.operator) for e in log.entries(kind="certificate")]
    assert rows == [
        (public, "trusted", "read to me", "A. Weber"),
        (public, "untrusted", "their key was copied", "B. Maier"),
    ]


def test_the_key_line_is_what_makes_a_foreign_certificate_count(site: Site) -> None:
    code, public = site.run("key", "--db", str(site.root / "north.db"))
    assert code == 0
    assert len(bytes.fromhex(public.split()[0])) == 32
    assert site.run("key", "--db", str(site.root / "north.db"))[1] == public

    code, said = site.run("sign", str(site.folder), "--key", str(site.root / "north.db.signing.pem"))
    assert code == 0, said
    assert site.run("verify", "bright")[0] == 1
    (site.root / "workshop" / "trusted" / "north.pub").write_text(public)
    assert site.run("verify", "bright")[0] == 0


def test_signing_again_keeps_the_digest_and_refuses_what_does_not_hold(site: Site) -> None:
    before = read_certificate(site.folder / "certificate.json").sha256
    site.run("key", "--new", str(site.root / "maker.pem"))
    assert site.run("key", "--new", str(site.root / "maker.pem"))[0] == 2

    code, _ = site.run("sign", str(site.folder), "--key", str(site.root / "maker.pem"))
    assert code == 0
    assert read_certificate(site.folder / "certificate.json").sha256 == before

    code, said = site.run("sign", str(site.folder), "--key", str(site.root / "maker.pem"))
    assert code == 2
    assert "not trusted here" in said  # nobody signs on the word of a stranger
