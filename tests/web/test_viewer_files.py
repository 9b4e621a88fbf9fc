"""Files of the viewer that travel: digests, licences and what the security policy forbids."""

import hashlib
import json
import re
from pathlib import Path

import pytest

import inspect_ai.web

STATIC = Path(inspect_ai.web.__file__).parent / "static"
VENDORED = json.loads((STATIC / "vendored.json").read_text(encoding="utf-8"))["files"]
PACKAGES = [package for file in VENDORED for package in file.get("contains", [])]
PACKAGES += [file for file in VENDORED if file["file"] == "htmx.min.js"]


@pytest.mark.parametrize("file", VENDORED, ids=[file["file"] for file in VENDORED])
def test_a_vendored_file_is_the_one_whose_digest_is_written_down(file: dict[str, str]) -> None:
    assert hashlib.sha256((STATIC / file["file"]).read_bytes()).hexdigest() == file["sha256"]
    assert all(file[what] for what in ("name", "version", "licence", "source"))


@pytest.mark.parametrize("package", PACKAGES, ids=[package["name"] for package in PACKAGES])
def test_each_bundled_package_stands_in_the_licences_with_its_text(package: dict[str, str]) -> None:
    licences = (STATIC / "licences.txt").read_text(encoding="utf-8")

    _, _, after = licences.partition(f"{package['name']} {package['version']} ({package['licence']})\n")
    text = after.partition("=" * 100 + "\n")[2].partition("=" * 100)[0]
    assert re.search(r"(?i)permi|redistribution", text), f"no licence text for {package['name']}"


def test_the_viewer_makes_no_code_from_text_and_asks_nobody_else() -> None:
    script = (STATIC / "viewer.js").read_text(encoding="utf-8")

    assert not re.search(r"\beval\(|new Function\b|WebAssembly|[^.\w]importScripts\(", script)
    assert not re.search(r"@import|url\(", (STATIC / "viewer.css").read_text(encoding="utf-8"))


def test_the_bundle_holds_exactly_the_packages_that_its_lock_file_names() -> None:
    lock = STATIC.parent / "viewer" / "package-lock.json"
    locked = json.loads(lock.read_text(encoding="utf-8"))["packages"]

    assert {package["name"]: package["version"] for package in PACKAGES} == {
        package["name"]: locked[f"node_modules/{package['name']}"]["version"] for package in PACKAGES
    }
