"""A scan needs no network: with every internet socket blocked it does the same, and nothing tries to open one."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.support.tasks import make_pictures, make_task

# Python imports sitecustomize at start, in decoding children too.
BLOCK = """
import os
import socket

_connect = socket.socket.connect


def _say(what):
    with open(os.environ["TRIED"], "a") as file:
        file.write(what + "\\n")
    raise OSError("the network is blocked")


def connect(self, address):
    return _connect(self, address) if self.family == socket.AF_UNIX else _say(f"connect {address}")


socket.socket.connect = connect
socket.socket.connect_ex = connect
socket.getaddrinfo = lambda *a, **k: _say(f"look up {a[0]}")
socket.gethostbyname = lambda name: _say(f"look up {name}")
"""


def test_a_scan_works_with_sockets_blocked_and_tries_none(tmp_path: Path) -> None:
    make_task(tmp_path / "mine")
    make_pictures(tmp_path / "studies", 4)
    (tmp_path / "block").mkdir()
    (tmp_path / "block" / "sitecustomize.py").write_text(BLOCK)
    tried = tmp_path / "tried.txt"
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "block"), os.environ.get("PYTHONPATH", "")]),
        "TRIED": str(tried),
        "INSPECT_AI_TASKS": str(tmp_path / "mine"),
    }
    command = [sys.executable, "-c", "from inspect_ai.cli import main; main()", "scan", "studies", "--task", "bright"]

    result = subprocess.run(
        [*command, "--json"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    probe = "import socket; socket.create_connection(('192.0.2.1', 80), 1)"
    probed = subprocess.run(
        [sys.executable, "-c", probe], env=environment, capture_output=True, timeout=60, check=False
    )

    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout.splitlines()[-1])["studies"] == 4
    assert probed.returncode != 0
    assert tried.read_text().splitlines() == ["look up 192.0.2.1"]  # the probe's, and no other


def test_a_scan_leaves_nothing_in_the_home_folder(tmp_path: Path) -> None:
    make_task(tmp_path / "mine")
    make_pictures(tmp_path / "studies", 2)
    home = tmp_path / "home"
    home.mkdir()
    # Libraries that report home are polite where CI is set; people's machines do not set it.
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "XDG_CACHE_HOME")}
    environment |= {"HOME": str(home), "INSPECT_AI_TASKS": str(tmp_path / "mine")}
    command = [sys.executable, "-c", "from inspect_ai.cli import main; main()", "scan", "studies", "--task", "bright"]

    subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, timeout=120, check=True)

    assert [path for path in home.rglob("*") if path.is_file()] == []
