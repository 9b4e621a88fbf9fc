"""Accounts of the desk from the terminal, and starts that end with a sentence."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.logs import make_log

MAIN = (sys.executable, "-c", "from inspect_ai.cli import main; main()")


def desk(*words: str, typed: str = "", cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*MAIN, "desk", *words], input=typed, capture_output=True, text=True, cwd=cwd, check=False)


@pytest.fixture
def db(tmp_path: Path) -> Path:
    path = tmp_path / "log.db"
    make_log(path)
    return path


def test_accounts_are_made_listed_and_stopped(db: Path) -> None:
    at = {"cwd": db.parent}
    typed = "a long enough password\n" * 2
    made = desk("add-account", "anna", "--role", "lead", "--db", str(db), typed=typed, **at)
    stopped = desk("change-account", "anna", "--stop", "--db", str(db), **at)
    listed = desk("accounts", "--db", str(db), "--json", **at)

    assert made.returncode == stopped.returncode == 0, made.stderr + stopped.stderr
    assert json.loads(listed.stdout) == [{"name": "anna", "roles": ["lead"], "active": False}]
    assert "a long enough password" not in made.stdout + made.stderr


PROVIDER = ("--oidc-issuer", "https://login.example", "--oidc-client", "desk")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add-account", "anna", "--role", "king", "--by-proxy"), "no role"),
        (("add-account", "../anna", "--by-proxy"), "no account name"),
        (("change-account", "nobody", "--stop"), "no account nobody"),
        (("change-account", "anna"), "Say what changes"),
        (("--host", "0.0.0.0"), "--tls-cert"),  # noqa: S104 - what is refused
        (("--root", "nowhere"), "no folder nowhere"),
        (("--oidc-issuer", "https://login.example"), "--oidc-client"),
        ((*PROVIDER, "--oidc-secret-file", "none"), "none cannot be read"),
        ((*PROVIDER, "--oidc-secret-file", "empty"), "empty is empty"),
        (("--trusted-header", "X-User", "--trusted-proxy", "127.0.0.1"), "Make an account"),
    ],
)
def test_what_cannot_be_done_ends_with_a_sentence(db: Path, words: tuple[str, ...], said: str) -> None:
    port = ("--port", "0") if words[0].startswith("--") else ()
    (db.parent / "empty").touch()
    ended = desk(*words, "--db", str(db), *port, cwd=db.parent)

    assert ended.returncode == 2
    assert said in " ".join(ended.stderr.split())


def test_without_a_log_there_is_no_desk(tmp_path: Path) -> None:
    ended = desk("--db", "none.db", cwd=tmp_path)

    assert ended.returncode == 2
    assert "no audit log" in ended.stderr
    assert not list(tmp_path.iterdir())
