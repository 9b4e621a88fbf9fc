"""A PACS for tests: Orthanc in a process of its own, studies to send, a quick task, result objects, our listener."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, BasicTextSRStorage, ExplicitVRLittleEndian

from inspect_ai.audit import Entry, Log
from inspect_ai.phantom.dicom_files import write_ct
from tests.support.dicom_factory import fundus_photograph, save

CHECKOUT = Path(__file__).resolve().parents[2]
ORTHANC = shutil.which("Orthanc") or "/usr/sbin/Orthanc"
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
TITLE = "ORTHANC"
SERIES_SIDE = 96  # pixels
COMMAND = "tests.support.pacs_command"
PATIENT = "Marker^Secret"  # stands in every header here, and must stand nowhere else

# The task of tests/support/tasks.py, for photographs and CT: bright ones are flagged. Quality is not asked. The finding
# of a series has a slice and a size, so that segments are made of it.
TASK = '''"""Bright: DICOM photographs and CT series, by their mean brightness."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from inspect_ai.domain import Measure, Study, Unit
from inspect_ai.plugins import Task, whole_picture


class Bright(Task):
    """Any photograph or CT series."""

    title = "Bright"
    covers = "made pictures"
    modalities = ("OP", "CT", "")

    def quality(self, study: Study) -> list[Measure]:
        """Nothing."""
        return []

    def units(self, study: Study) -> Iterator[Unit]:
        """One unit a picture; of a series its middle slice."""
        for index, image in enumerate(study.images):
            yield whole_picture(image.unit_range(), self.config, index, image.sop_instance_uid)
        for volume in study.volumes:
            middle = len(volume.hu) // 2
            grey = np.clip((volume.hu[middle].astype(np.float32) + 1024) / 2048, 0, 1)
            unit = whole_picture(
                np.repeat(grey[..., None], 3, -1), self.config, middle, volume.sop_instance_uids[middle]
            )
            yield replace(unit, series_uid=volume.series_uid, diameter_mm=12.0)
'''


def needs(program: str) -> str:
    """Path of a program of dcmtk or Orthanc; the test is skipped without it."""
    found = shutil.which(program) or (ORTHANC if program == "Orthanc" and Path(ORTHANC).is_file() else None)
    if found is None:
        pytest.skip(f"needs {program} (Debian packages orthanc, orthanc-dicomweb, dcmtk)")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], Any], what: str, most_s: float = 120.0) -> Any:
    """Wait for something that must come; the bound only ends a test that hangs."""
    end = time.monotonic() + most_s
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.1)
    raise AssertionError(f"{what} did not come within {most_s:.0f} s")


def uid(*words: object) -> UID:
    digest = hashlib.sha256("/".join(map(str, words)).encode()).digest()
    return UID(f"2.25.{int.from_bytes(digest[:14], 'big')}")


def photograph(number: int, *, instance: int = 0, bright: bool | None = None) -> Dataset:
    """A photograph of study NUMBER; odd ones are bright."""
    random = np.random.default_rng(1000 * number + instance)
    low, high = (140, 250) if (number % 2 if bright is None else bright) else (10, 110)
    ds = fundus_photograph(random.integers(low, high, (48, 64, 3), dtype=np.uint8))
    ds.StudyInstanceUID, ds.SeriesInstanceUID = uid("study", number), uid("series", number)
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = uid("instance", number, instance)
    ds.PatientName, ds.PatientID = PATIENT, f"SECRET-{number}"
    return ds


def write_photographs(folder: Path, count: int, *, first: int = 0) -> list[Path]:
    return [save(photograph(number), folder / f"{number:03d}.dcm") for number in range(first, first + count)]


def write_series(folder: Path, number: int, *, slices: int = 6) -> list[Path]:
    """A CT series of study NUMBER; odd ones are bright, with one brighter place."""
    random = np.random.default_rng(number)
    low, high = (150, 450) if number % 2 else (-900, -500)
    hu = random.integers(low, high, (slices, SERIES_SIDE, SERIES_SIDE), np.int16)
    if number % 2:
        row, col = random.integers(16, SERIES_SIDE - 16, 2)
        hu[:, row - 8 : row + 8, col - 8 : col + 8] = 1000
    return write_ct(folder, hu, name=f"series {number}", patient=f"SECRET-{number}")


def text_report(entry: Entry, log: Log, root: Path, folder: Path) -> Sequence[Path]:
    """A Basic Text SR with the outcome of one decision, or of one answer; every UID follows from the entry."""
    decided = log.entry(entry.review().entry_id) if entry.kind == "review" else entry
    _, _, first, *_ = log.names.opened(decided.sealed)
    like = dcmread(root / first, stop_before_pixels=True)
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = BasicTextSRStorage
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = uid("report", entry.hash)
    ds.StudyInstanceUID, ds.SeriesInstanceUID = like.StudyInstanceUID, uid("report series", entry.hash)
    ds.PatientName, ds.PatientID, ds.Modality = like.PatientName, like.PatientID, "SR"
    ds.CompletionFlag, ds.VerificationFlag, ds.ValueType = "COMPLETE", "UNVERIFIED", "CONTAINER"
    ds.ContinuityOfContent, ds.InstanceNumber, ds.SeriesNumber = "SEPARATE", "1", "99"
    text = Dataset()
    text.RelationshipType, text.ValueType = "CONTAINS", "TEXT"
    text.TextValue = f"{entry.outcome} (entry {entry.id})"
    ds.ContentSequence = [text]
    return (save(ds, folder / "report.dcm"),)


class Orthanc:
    """Orthanc on loopback below a folder; killed and started again it has what it had."""

    def __init__(self, folder: Path, listener_port: int) -> None:
        needs("Orthanc")
        self.folder, self.http, self.dicom = folder, free_port(), free_port()
        folder.mkdir(parents=True, exist_ok=True)
        settings = {
            "Name": "test", "StorageDirectory": str(folder / "db"), "IndexDirectory": str(folder / "db"),
            "HttpPort": self.http, "DicomPort": self.dicom, "DicomAet": TITLE, "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False, "DicomAlwaysAllowStore": True, "DicomAlwaysAllowFind": True,
            "DicomModalities": {"ai": ["INSPECT_AI", "127.0.0.1", listener_port]}, "SynchronousCMove": True,
            "Plugins": [str(PLUGIN)] if PLUGIN.exists() else [],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "Ssl": False},
        }  # fmt: skip
        (folder / "orthanc.json").write_text(json.dumps(settings))
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            command = [ORTHANC, str(self.folder / "orthanc.json")]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        until(self.answers, "Orthanc")

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
        try:
            return bool(self.get("/system"))
        except OSError:
            return False

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=30) as answer:
            return json.loads(answer.read())

    def file(self, instance: str) -> bytes:
        """DICOM file of an instance."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/instances/{instance}/file", timeout=30) as answer:
            return bytes(answer.read())

    def post(self, path: str, body: bytes) -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", body, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - loopback
                return json.loads(answer.read())
        except urllib.error.HTTPError as e:
            raise AssertionError(f"{path}: {e.read()[:500]!r}") from e

    def upload(self, path: Path) -> str:
        """Put a file in; the identifier of its study there."""
        return str(self.post("/instances", path.read_bytes())["ParentStudy"])

    def send(self, study: str, to: str = "ai") -> Any:
        """C-STORE a study to our listener."""
        return self.post(f"/modalities/{to}/store", json.dumps({"Resources": [study], "Synchronous": True}).encode())

    def modalities(self, study: str) -> list[str]:
        """Modality of each instance of a study, sorted."""
        found = []
        for series in self.get(f"/studies/{study}/series"):
            found += [series["MainDicomTags"].get("Modality", "")] * len(series["Instances"])
        return sorted(found)


class Listener:
    """`inspect-ai pacs` in a folder with log, task and destinations; its lines are kept.

    Results are text reports; with `real_results` what the program itself makes.
    """

    real_results = False

    def __init__(self, folder: Path, port: int | None = None, destinations: dict[str, str] | None = None) -> None:
        self.folder, self.port = folder, port or free_port()
        self.into, self.db = folder / "received", folder / "log.db"
        self.process: subprocess.Popen[str] | None = None
        self.lines: list[str] = []
        lines = [f"{name} = {json.dumps(address)}" for name, address in (destinations or {}).items()]
        (folder / "inspect_ai.toml").write_text("\n".join(["[destinations]", *lines]) + "\n")

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """One command of `inspect-ai pacs` to its end."""
        return subprocess.run(
            self._command(words), cwd=self.folder, env=self._environment(environment), capture_output=True, text=True,
            timeout=240, check=False,
        )  # fmt: skip

    def run_other(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Another command of the program to its end."""
        return subprocess.run(
            [sys.executable, "-c", "from inspect_ai.cli import main; main()", *words],
            cwd=self.folder, env=self._environment({}), capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip

    def start(self, *words: str, allow: Sequence[str] = (TITLE,), **environment: str) -> None:
        """Listen, until `stop` or `kill`; returns when the port is open."""
        options = ["--into", str(self.into), "--port", str(self.port), "--task", "bright", "--tasks", "tasks"]
        options += ["--db", str(self.db), "--out", str(self.folder / "out"), "--json", "--quiet", "1s"]
        options += [word for title in allow for word in ("--allow", title)]
        self.lines = []
        self.process = subprocess.Popen(
            self._command(["listen", *options, *words]), cwd=self.folder, env=self._environment(environment), text=True,
            stdout=subprocess.PIPE, stderr=(self.folder / "stderr").open("a"),
        )  # fmt: skip
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()
        until(lambda: self.events("start") or self.process is None or self.process.poll() is not None, "the listener")
        assert self.process.poll() is None, (self.folder / "stderr").read_text()[-3000:]

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.lines.append(line)

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in map(json.loads, list(self.lines)) if event["type"] == kind]

    def decide(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run("decide", *self._deciding(), *words)

    def start_deciding(self) -> subprocess.Popen[str]:
        """The command `decide`, to be killed or waited for; nothing of what it prints is kept."""
        return subprocess.Popen(
            self._command(["decide", *self._deciding()]), cwd=self.folder, env=self._environment({}), text=True,
            stdout=subprocess.DEVNULL, stderr=(self.folder / "stderr").open("a"),
        )  # fmt: skip

    def _deciding(self) -> list[str]:
        options = ["--into", str(self.into), "--task", "bright", "--tasks", "tasks", "--db", str(self.db)]
        return [*options, "--out", str(self.folder / "out"), "--json"]

    def listed(self) -> list[dict[str, Any]]:
        ended = self.run("list", "--into", str(self.into), "--db", str(self.db), "--quiet", "1s", "--json")
        assert ended.returncode == 0, ended.stderr
        return [json.loads(line) for line in ended.stdout.splitlines()]

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        code = self.process.wait(timeout=60)
        self.process = None
        return code

    def _command(self, words: Sequence[str]) -> list[str]:
        program = ["-c", "from inspect_ai.cli import main; main()"] if self.real_results else ["-m", COMMAND]
        return [sys.executable, *program, "pacs", *words]

    def _environment(self, more: dict[str, str]) -> dict[str, str]:
        return os.environ | {"PYTHONPATH": str(CHECKOUT), "OMP_NUM_THREADS": "1"} | more
