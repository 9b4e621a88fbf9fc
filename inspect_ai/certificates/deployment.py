"""Record of the files at work, byte for byte, and the checks that they are those a certificate was signed for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from inspect_ai.calibration import point_sha256
from inspect_ai.calibration.typical_file import TYPICAL_FILE
from inspect_ai.certificates.certificate import (
    BINDS_NO_CODE,
    SCORES_FROM,
    Certificate,
    DeploymentRecord,
    FileDigest,
    LibraryVersion,
    Signed,
    read_certificate,
)
from inspect_ai.certificates.trust import trusted_keys, why_not_trusted
from inspect_ai.certificates.verdict_path import code_changes, library_versions, program_digests
from inspect_ai.config import LabelSet, config_sha256
from inspect_ai.errors import InputError
from inspect_ai.model.engine import Engine
from inspect_ai.model.manifest import GRAPH, MANIFEST, WEIGHTS, file_sha256
from inspect_ai.operating_point import OperatingPoint
from inspect_ai.plugins import Task, config_file
from inspect_ai.settings import Settings
from inspect_ai.task_source import code_digests
from inspect_ai.text import printable
from inspect_ai.version import __version__

POINT_FILE = "operating_point.json"
CERTIFICATE_FILE = "certificate.json"
SOFTWARE = f"inspect-ai-vision {__version__}"  # another version may read or prepare a picture differently


@dataclass(frozen=True, slots=True)
class Check:
    """One check of a certificate, with a sentence on its failure (None where it passes)."""

    what: str
    fault: str | None = None


def deployment_record(task: Task, engine: Engine, model: Path, point: Path) -> DeploymentRecord:
    """Record the files of the model in folder `model`, the operating point at `point`, and the task's config and code.

    Of what is loaded (graph, code) these are the digests of the bytes that run. Raises SetupError for a file that
    cannot be read.
    """
    files = {name: model / name for name in (WEIGHTS, GRAPH, MANIFEST)}
    files |= {POINT_FILE: point, TYPICAL_FILE: point.parent / TYPICAL_FILE}
    for name in (task.folder.name, task.name):
        if (config := config_file(name, task.folder)) is not None:
            files[config.name] = config
            break
    digests = {name: file_sha256(path) for name, path in files.items() if path.is_file()}
    digests |= {**engine.read, **code_digests(type(task).__module__)}
    return DeploymentRecord(
        task=task.name,
        task_version=task.version,
        engine=engine.name,
        config_sha256=config_sha256(task.config),
        files=_named(digests),
        program=_named(program_digests()),
        libraries=tuple(LibraryVersion(name=name, version=v) for name, v in sorted(library_versions().items())),
    )


def _named(digests: Mapping[str, str]) -> tuple[FileDigest, ...]:
    return tuple(FileDigest(name=name, sha256=sha256) for name, sha256 in sorted(digests.items()))


def scores_record(name: str, scores: Path, point: Path, model: Path | None = None) -> DeploymentRecord:
    """Record the files of an operating point for scores of another program: scores, point, and the named model file.

    Each is named by its path from the certificate's folder, so that the folder may move as a whole.
    Raises SetupError for a file that cannot be read.
    """
    files = {_relative(point.parent, path): path for path in (scores, point, model) if path is not None}
    return DeploymentRecord(
        task=name,
        task_version="",
        engine=f"{SCORES_FROM}{scores.name}",
        config_sha256="",
        files=tuple(FileDigest(name=name, sha256=file_sha256(path)) for name, path in sorted(files.items())),
    )


def scores_checks(made: Signed, folder: Path, settings: Settings) -> list[Check]:
    """Check a certificate in `folder` about scores: that its key is trusted, and that no file changed.

    Raises SetupError for a file that cannot be read.
    """
    record = made.certificate.at_work
    there = tuple(
        FileDigest(name=file.name, sha256=file_sha256(folder / file.name))
        for file in record.files
        if (folder / file.name).is_file()
    )
    return [
        Check("signed by a trusted key", _untrusted(made, settings)),
        Check("program", _differs("the program", made.certificate.software, SOFTWARE)),
        *_files(made.certificate, replace(record, files=there)),
    ]


def point_file(model: Path, labels: LabelSet) -> Path:
    """Path of the operating point of a label set beside the model: the task's own, or one in a folder of its name."""
    return model / labels.name / POINT_FILE if labels.own_line else model / POINT_FILE


def certificate_path(point: Path) -> Path:
    """Path of the certificate beside an operating point: certificate.json, or NAME.certificate.json of a NAME.json."""
    return point.with_name(CERTIFICATE_FILE if point.name == POINT_FILE else f"{point.stem}.{CERTIFICATE_FILE}")


def point_path(certificate: Path) -> Path:
    """Path of the operating point beside a certificate: the inverse of `certificate_path`."""
    if certificate.name == CERTIFICATE_FILE:
        return certificate.with_name(POINT_FILE)
    return certificate.with_name(f"{certificate.name.removesuffix('.' + CERTIFICATE_FILE)}.json")


def certificate_for(
    point: OperatingPoint, path: Path, *, task: Task, engine: Engine, model: Path, settings: Settings
) -> tuple[Signed | None, list[str]]:
    """Read the certificate beside the point at `path`, with a sentence on each reason why it does not cover the point.

    Its status in the audit log: certificates/status.py. Raises SetupError for a file that cannot be read.
    """
    place = certificate_path(path)
    if not place.is_file():
        return None, ["there is no certificate for this operating point"] if point.certified_somewhere else []
    try:
        made = read_certificate(place)
    except InputError as e:
        return None, [f"the certificate does not hold: {e}".replace(str(place), place.name).rstrip(".")]
    found = checks(made, deployment_record(task, engine, model, path), settings)
    faults = [check.fault for check in found if check.fault is not None]
    if made.certificate.operating_point_sha256 != point_sha256(point) and not faults:
        faults.append("the certificate is for another operating point")  # it was exchanged while it was read
    changed = code_changes((type(task).__module__,))
    return made, [*faults, *(f"{what}: what runs here is not what was certified" for what in changed)]


def _relative(folder: Path, path: Path) -> str:
    """Path of a file relative to a folder, with forward slashes."""
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()


def checks(made: Signed, work: DeploymentRecord, settings: Settings) -> list[Check]:
    """Check a sound certificate against the files at work: that its key is trusted, and that nothing changed."""
    certified = made.certificate.at_work
    return [
        Check("signed by a trusted key", _untrusted(made, settings)),
        Check("task", _differs("the task", certified.task, work.task)),
        Check("task version", _differs("the task's version", certified.task_version, work.task_version)),
        Check("engine", _differs("the engine", certified.engine, work.engine)),
        Check("program", _differs("the program", made.certificate.software, SOFTWARE)),
        Check("configuration", _differs("the configuration", certified.config_sha256, work.config_sha256)),
        *_files(made.certificate, work),
        *_program(made.certificate, work),
    ]


def _untrusted(made: Signed, settings: Settings) -> str | None:
    if made.public_key in trusted_keys(settings):
        return None
    return why_not_trusted(made.public_key)


def _differs(what: str, certified: str, ours: str) -> str | None:
    if certified == ours:
        return None
    return f"{what} at work is {printable(ours, 60)}, the certificate is for {printable(certified, 60)}"


def _program(certificate: Certificate, work: DeploymentRecord) -> Iterator[Check]:
    """Check the program's code, in one line where all of it is as certified, and the versions of libraries."""
    if certificate.schema == BINDS_NO_CODE:
        yield Check("program code", "it is not in force: it binds no program code; calibrate again")
        return
    compared = _compared(certificate.at_work.program, work.program, "inspect_ai/")
    yield from [check for check in compared if check.fault is not None] or [
        Check(f"program code ({len(work.program)} modules)")
    ]
    here = {library.name: library.version for library in work.libraries}
    other = [
        f"{library.name} {library.version} was certified, {here.get(library.name, 'none')} is installed"
        for library in certificate.at_work.libraries
        if library.version != here.get(library.name)
    ]
    yield Check("libraries", "; ".join(printable(one, 120) for one in other) or None)


def _files(certificate: Certificate, work: DeploymentRecord) -> Iterator[Check]:
    return _compared(certificate.at_work.files, work.files)


def _compared(of_certificate: Iterable[FileDigest], at_work: Iterable[FileDigest], below: str = "") -> Iterator[Check]:
    """Compare files by name; below: what goes before a name where it is shown."""
    certified = {f"{below}{file.name}": file.sha256 for file in of_certificate}
    ours = {f"{below}{file.name}": file.sha256 for file in at_work}
    for name in sorted(certified | ours):
        shown = printable(name, 80)
        if name not in ours:
            yield Check(name, f"{shown} is missing, and was there when it was certified")
        elif name not in certified:
            yield Check(name, f"{shown} was not there when it was certified")
        else:
            yield Check(name, None if ours[name] == certified[name] else f"{shown} is not the one that was certified")
