"""Everything that a scan and its followers write is searched for every value of a header, folder or file that names a
person.
"""

import base64
import json
import os
import re
import shutil
import zlib
from html import escape
from pathlib import Path
from urllib.parse import quote

import pytest
from pydicom.datadict import DicomDictionary

from inspect_ai.audit import open_log
from inspect_ai.cli import run
from tests.support.dicom_factory import ct_slice, fundus_photograph, save
from tests.support.pictures import noise
from tests.support.tasks import make_pictures, make_task

FOLDERS = ["Müller_Änne_1965", "Otto & Söhne #4711", "k\u0142osowska"]
FILES = ["Brief an Frau Weiß.txt", "Schädel-Röntgen.dcm", "Aufnahme vom 04.12.png", "empty Meier.png"]
TEXTS = frozenset({"PN", "LO", "SH", "LT", "ST", "UT", "UC", "AE", "CS"})
KEPT = frozenset({"SpecificCharacterSet", "Modality", "PhotometricInterpretation"})  # without them it is no picture


def marked(ds: object, prefix: str) -> list[str]:
    """Fill every text element of the standard that the data set lacks, and all that a person could be named in."""
    made = []
    for tag, (vr, vm, _, retired, keyword) in DicomDictionary.items():
        if tag < 0x00080000:  # of messages and of the file's own head
            continue
        needed = keyword in KEPT or (vr == "CS" and keyword in ds)  # type: ignore[operator]
        if vr in TEXTS and vm == "1" and not retired and keyword and not needed:
            value = f"{prefix.upper().replace('Ö', 'O') if vr in {'CS', 'AE'} else prefix}Q{tag:X}Z"
            setattr(ds, keyword, value)
            made.append(value)
    return made


def studies(folder: Path) -> list[str]:
    """Two series and pictures below folders named after people; returns what must not be found."""
    secrets = [*FOLDERS, *FILES, *(Path(name).stem for name in FILES), "1965", "Weiß", "Röntgen"]
    ct, eye = folder / FOLDERS[0] / "CT", folder / FOLDERS[1] / FOLDERS[2]
    for number in range(4):
        ds = ct_slice(2.5 * number, number=number + 1, SpecificCharacterSet="ISO_IR 100", PatientBirthDate="19650412")
        secrets += marked(ds, "Kö")
        save(ds, ct / (FILES[1] if number == 0 else f"{FOLDERS[0]} {number}.dcm"))
    photograph = fundus_photograph(noise(), PatientBirthDate="19431231")
    photograph.SOPClassUID = photograph.file_meta.MediaStorageSOPClassUID
    secrets += [*marked(photograph, "Ep"), "19650412", "19431231"]
    save(photograph, eye / "Änne.dcm")
    make_pictures(folder / FOLDERS[0], 2)
    shutil.copy(folder / FOLDERS[0] / "part0000.png", eye / FILES[2])
    (eye / FILES[0]).write_text("no picture")
    (eye / FILES[3]).touch()
    (eye / "cut Schulze.png").write_bytes((folder / FOLDERS[0] / "part0001.png").read_bytes()[:400])
    return [*dict.fromkeys(secrets), "Schulze", "Änne", "part0000", "part0001"]


def forms(secret: str) -> set[bytes]:
    """A text as bytes: in UTF-8, Latin-1 and UTF-16, escaped for JSON, HTML, URLs and terminals."""
    spelled = {secret, escape(secret), quote(secret), json.dumps(secret)[1:-1], secret.replace(" ", "+")}
    return {
        *(text.encode("utf-8") for text in spelled),
        *(secret.encode(code, "ignore") for code in ("latin-1", "utf-16-le") if secret.encode(code, "ignore")),
        secret.encode("ascii", "backslashreplace"),
        base64.b64encode(secret.encode())[:-4] or secret.encode(),
    }


def written(folder: Path, streams: bytes) -> bytes:
    """All that was written, and what is packed inside it: text chunks of PNG, pictures in the page."""
    contents = [streams]
    for file in sorted(folder.rglob("*")):
        contents.append(os.fsencode(file.relative_to(folder)))
        if file.is_file():
            contents.append(file.read_bytes())
    everything = b"\n".join(contents)
    packed = re.findall(rb"data:image/\w+;base64,([A-Za-z0-9+/=]+)", everything)
    texts = re.findall(rb"zTXt[^\0]*\0\0(.{1,4000})", everything, re.DOTALL)
    inflated = []
    for text in texts:
        try:
            inflated.append(zlib.decompressobj().decompress(text))
        except zlib.error:
            continue  # no text, but pixels that look like one
    return b"\n".join([everything, *(base64.b64decode(text) for text in packed), *inflated])


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make_task(tmp_path / "tasks2")
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "heads").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    for name, value in {"TASKS": "../tasks2", "TASK": "bright", "HEADS": "heads", "WORKERS": "1"}.items():
        monkeypatch.setenv(f"INSPECT_AI_{name}", value)
    return tmp_path


def test_nothing_that_is_written_names_a_person(place: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    secrets = studies(place / "studies")
    commands = [
        ["scan", "../studies", "--json"],
        ["scan", "../studies"],
        ["scan", "../studies", "--dry-run"],
        ["audit", "list", "--limit", "0"],
        ["audit", "list", "--json"],
        ["audit", "export", "--to", "log.jsonl"],
        ["audit", "export", "--csv", "--to", "log.csv"],
        ["audit", "export"],
        ["audit", "verify"],
        ["review", "list"],
        ["review", "list", "--json"],
    ]
    codes = [run(command) for command in commands]
    with open_log(Path("inspect_ai.db")) as log:
        entries = list(log.entries())
    codes += [run(["audit", "show", str(entry.id), "--json"]) for entry in entries]
    codes += [run(["review", "show", str(entry.id)]) for entry in entries if entry.kind == "decision"]
    streams = b"\n".join(capfdbinary.readouterr())

    assert codes[:3] == [3, 3, 3]
    assert codes[3:] == [0] * len(codes[3:])
    assert b'"type": "study"' in streams
    assert [entry.decision().study.modality for entry in entries if entry.outcome == "abstain"] == ["CT", "OP"]
    assert (place / "work" / "inspect_ai_out" / "pictures").is_dir()
    everything = written(place / "work", streams)
    found = [secret for secret in secrets if any(form in everything for form in forms(secret))]
    assert found == []


def test_files_are_for_their_owner_alone_whatever_the_umask(place: Path) -> None:
    studies(place / "studies")
    mine = place / "work" / "mine"
    mine.mkdir(mode=0o755)
    old = os.umask(0)
    try:
        run(["scan", "../studies", "--out", "new/out"])
        run(["scan", "../studies", "--out", "mine", "--db", "mine/log.db"])
        run(["audit", "export", "--to", "mine/log.jsonl"])
    finally:
        os.umask(old)

    made = [path for path in (place / "work").rglob("*") if path.name not in {"heads", "mine"}]
    assert {path.stat().st_mode & 0o777 for path in made if path.is_file()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in made if path.is_dir()} == {0o700}
    assert mine.stat().st_mode & 0o777 == 0o755


def test_who_asks_for_names_sees_them_and_only_the_key_reveals_them_later(
    place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    make_pictures(place / "studies" / FOLDERS[0], 1)
    path = f"{FOLDERS[0]}/part0000.png"

    run(["scan", "../studies", "--json", "--names"])
    assert json.loads(capfd.readouterr().out.splitlines()[0])["source"] == path
    run(["scan", "../studies"])
    assert path not in capfd.readouterr().out
    run(["scan", "../studies", "--names"])
    assert path in capfd.readouterr().out

    assert run(["audit", "show", "1", "--reveal", "--json"]) == 0
    study = json.loads(capfd.readouterr().out)["document"]["decision"]["study"]
    assert study["source"] == study["files"][0]["path"] == path
    Path("inspect_ai.db.key").unlink()
    assert run(["audit", "show", "1", "--reveal"]) == 2
    assert "the names stay sealed" in capfd.readouterr().err
