"""Handling of a certificate by a person: show, verify, suspend, enable or revoke it, sign it once more."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from inspect_ai.audit import Action, CertificateNote, open_log
from inspect_ai.calibration import point_sha256, read_point
from inspect_ai.calibration.frontier import Frontier
from inspect_ai.calibration.frontier_file import frontier_path, read_frontier
from inspect_ai.certificates.certificate import Signed, read_certificate
from inspect_ai.certificates.changes import refuse_without_effect
from inspect_ai.certificates.deployment import (
    CERTIFICATE_FILE,
    POINT_FILE,
    Check,
    checks,
    deployment_record,
    point_path,
    scores_checks,
)
from inspect_ai.certificates.issuing import sign_again
from inspect_ai.certificates.signing import read_key
from inspect_ai.certificates.status import CertificateState, CertificateStatus, certificate_status, told
from inspect_ai.certificates.verdict_path import code_changes
from inspect_ai.errors import InputError, SetupError, UsageError
from inspect_ai.model.engine import open_engine
from inspect_ai.plugins import task_folder, task_named
from inspect_ai.report.certificate import write_certificate_page
from inspect_ai.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Sound certificate with all its checks and its status in the log."""

    path: Path
    made: Signed
    checks: tuple[Check, ...]
    certificate_status: CertificateStatus
    frontier: Frontier | None = None  # stored beside the operating point, unsigned

    @property
    def holds(self) -> bool:
        """True when decisions made now are certified."""
        return all(check.fault is None for check in self.checks)

    @property
    def of_scores(self) -> bool:
        """True when it is about scores of another program, not about an installed task."""
        return self.made.certificate.at_work.of_scores


def verify(what: str, settings: Settings) -> Verified:
    """Check a certificate, given as its file, folder or task name, as a scan would, and its status in the log.

    Raises InputError for a file that is no sound certificate, UsageError where there is none.
    """
    path = find(what, settings)
    made = read_certificate(path)
    found = _in_log(made.certificate.at_work.task, made.sha256, settings)
    every = [*_at_work(path, made, settings), _not_withdrawn(found)]
    return Verified(path=path, made=made, checks=tuple(every), certificate_status=found, frontier=_frontier(path, made))


def find(what: str, settings: Settings) -> Path:
    """Find the certificate's file. Raises UsageError where there is none."""
    given = Path(what)
    if given.is_file():
        return given
    folder = given if given.is_dir() else task_folder(what, settings.tasks)
    path = folder / CERTIFICATE_FILE
    if not path.is_file():
        raise UsageError(f"There is no certificate in {folder}. `inspect-ai calibrate` makes one where it can.")
    return path


def change(action: Action, task_name: str, reason: str, settings: Settings) -> int:
    """Log a person's action on the certificate of a task, or of scores; a suspension needs none. Returns the entry.

    task_name: of an installed task, or the certificate's file or folder. Raises UsageError for a missing reason, and
    where nothing would change (enabled, but not suspended).
    """
    statement = " ".join(reason.split())
    if not statement:
        raise UsageError("Say why with --reason: whoever reads the log later needs it.")
    task, certificate, point = _subject(task_name, settings)
    with open_log(settings.db, operator=settings.operator, create=False) as log:
        refuse_without_effect(action, task, certificate, certificate_status(log, task, certificate))
        note = CertificateNote(
            task=task,
            operating_point_sha256=point,
            certified=action is Action.ENABLED and bool(certificate),
            statement=statement,
            action=action,
            certificate_sha256=certificate,
        )
        return log.append([note])[0].id


def sign(folder: Path, key: Path, settings: Settings) -> Signed:
    """Sign the certificate in FOLDER with another key, after all checks of `verify`.

    Raises UsageError for one that does not hold here: a signature would state that it does.
    """
    found = verify(str(folder), settings)
    faults = [check.fault for check in found.checks if check.fault is not None]
    if faults:
        raise UsageError(f"{found.path} is not signed again: {'; '.join(faults)}.")
    made = sign_again(found.path.parent, read_key(key))
    write_certificate_page(made, found.path.with_suffix(".html"), found.frontier)
    return made


def _frontier(path: Path, made: Signed) -> Frontier | None:
    """Frontier beside a certificate; none where it cannot be read, since nothing that is certified depends on it."""
    try:
        return read_frontier(made.certificate.point, frontier_path(point_path(path)))
    except UsageError:
        return None


def _at_work(path: Path, made: Signed, settings: Settings) -> list[Check]:
    """Check against the model beside the certificate and the task of its name, or against its score file."""
    try:
        if made.certificate.at_work.of_scores:
            return scores_checks(made, path.parent, settings)
        task = task_named(made.certificate.at_work.task, settings.tasks)
        model = path.parent.parent if made.certificate.point.phantom else path.parent  # of a phantom: one folder up
        engine = open_engine(model, kind=settings.engine, config=task.config)
        found = checks(made, deployment_record(task, engine, model, point_path(path)), settings)
        return [*found, Check("code in memory", "; ".join(code_changes((type(task).__module__,))) or None)]
    except (SetupError, UsageError) as e:
        return [Check("what is at work", str(e).rstrip("."))]


def _not_withdrawn(found: CertificateStatus) -> Check:
    if found.state in (CertificateState.SUSPENDED, CertificateState.REVOKED):
        return Check("audit log", f"it was {found.state} in entry {found.entry}: {found.reason}")
    if found.state is CertificateState.UNTRUSTED:
        return Check("audit log", told(found))
    return Check("audit log")


def _in_log(task: str, certificate: str, settings: Settings) -> CertificateStatus:
    if not settings.db.is_file():
        return CertificateStatus(state=CertificateState.UNKNOWN)
    with open_log(settings.db, create=False) as log:
        return certificate_status(log, task, certificate)


def _subject(what: str, settings: Settings) -> tuple[str, str, str]:
    """Task, digest of its certificate ("" without a sound one), and digest of its operating point."""
    if Path(what).exists():
        made = read_certificate(find(what, settings))
        return made.certificate.at_work.task, made.sha256, made.certificate.operating_point_sha256
    place = task_folder(what, settings.tasks)  # none of its code runs: whoever suspends need not trust it
    point = point_sha256(read_point(place / POINT_FILE))
    try:
        return what, read_certificate(place / CERTIFICATE_FILE).sha256, point
    except InputError:
        return what, "", point
