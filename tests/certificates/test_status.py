"""How the log's rows about a certificate end, and what is recorded when one is issued."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from inspect_ai.audit import Action, CertificateNote, Log, open_log
from inspect_ai.calibration import point_sha256, read_point, write_point
from inspect_ai.certificates.certificate import read_certificate, unit_digests
from inspect_ai.certificates.deployment import certificate_path, deployment_record, point_path
from inspect_ai.certificates.issuing import issue
from inspect_ai.certificates.signing import public_hex, site_key
from inspect_ai.certificates.status import CertificateState, Standing, certificate_status, standing
from inspect_ai.domain import Outcome, Verdict
from inspect_ai.errors import UsageError
from inspect_ai.model.engine import open_engine
from inspect_ai.plugins import task_named
from inspect_ai.settings import Settings
from tests.support.logs import PROVENANCE, decision
from tests.support.points import changed
from tests.support.tasks import make_task

CERTIFICATE, POINT = "a" * 64, "b" * 64


def note(action: Action, *, certificate: str = CERTIFICATE, point: str = POINT, task: str = "caps") -> CertificateNote:
    return CertificateNote(
        task=task, operating_point_sha256=point, certified=True, statement=f"it was {action}", action=action,
        certificate_sha256=certificate,
    )  # fmt: skip


ISS, SUS, ENA, REV = Action.ISSUED, Action.SUSPENDED, Action.ENABLED, Action.REVOKED


@pytest.mark.parametrize(
    ("actions", "state", "entry"),
    [
        ([], CertificateState.UNKNOWN, None),
        ([ISS], CertificateState.IN_FORCE, 1),
        ([ISS, SUS], CertificateState.SUSPENDED, 2),
        ([SUS], CertificateState.SUSPENDED, 1),
        ([ISS, SUS, ENA], CertificateState.IN_FORCE, 3),
        ([ISS, SUS, ENA, SUS], CertificateState.SUSPENDED, 4),
        ([ISS, SUS, REV], CertificateState.REVOKED, 3),
        ([ISS, REV, ENA], CertificateState.REVOKED, 2),  # whoever writes it: a revocation is for ever
        ([SUS, ISS], CertificateState.SUSPENDED, 1),  # nobody knows when it was issued, nor whom its key belongs to
    ],
)
def test_the_last_word_counts_and_a_revocation_is_the_last(
    actions: list[Action], state: CertificateState, entry: int | None, tmp_path: Path
) -> None:
    with open_log(tmp_path / "log.db") as log:
        log.append([note(action) for action in actions])

        found = certificate_status(log, "caps", CERTIFICATE)

    assert (found.state, found.entry) == (state, entry)
    assert found.reason == ("" if entry is None else f"it was {actions[entry - 1]}")


def test_a_suspension_is_the_tasks_and_a_revocation_the_certificates(tmp_path: Path) -> None:
    with open_log(tmp_path / "log.db") as log:
        log.append([note(REV, certificate="c" * 64, point="d" * 64), note(SUS, task="other"), note(ISS)])

        assert certificate_status(log, "caps", CERTIFICATE).state is CertificateState.IN_FORCE
        log.append([note(SUS, certificate="c" * 64, point="d" * 64)])  # under another certificate and point
        assert certificate_status(log, "caps", CERTIFICATE).state is CertificateState.SUSPENDED
        assert certificate_status(log, "caps", "").state is CertificateState.SUSPENDED
        log.append([note(ENA, certificate="")])
        assert certificate_status(log, "caps", CERTIFICATE).state is CertificateState.IN_FORCE


def force(certificate: str, *, date: str, trust: str = "trusted by entry 1") -> CertificateNote:
    return replace(note(ISS, certificate=certificate), date=date, trust=trust, signer="5" * 64)


def test_a_certificate_issued_after_a_suspension_is_free_of_it_alone(tmp_path: Path) -> None:
    new, old, foreign = "1" * 64, "2" * 64, "3" * 64
    with open_log(tmp_path / "log.db") as log:
        _, suspended = log.append([note(ISS), note(SUS)])
        log.append(
            [force("4" * 64, date=f"{suspended.time[:19]}Z")]
        )  # in the same second: nobody knows which was first
        log.append([
            force(new, date="2999-01-31T23:59:59Z"),
            force(old, date="2001-01-31T23:59:59Z"),  # an older one, put in its place
            force(foreign, date="2999-01-31T23:59:59Z", trust=""),
        ])  # fmt: skip

        states = [
            certificate_status(log, "caps", which).state for which in (new, old, foreign, CERTIFICATE, "", "4" * 64)
        ]

    assert states == [CertificateState.IN_FORCE, *5 * [CertificateState.SUSPENDED]]


def test_a_key_that_lost_its_trust_certifies_nothing_until_it_is_trusted_again(tmp_path: Path) -> None:
    withdrawn = CertificateNote(
        task="", operating_point_sha256="", certified=False, statement="the key was copied", action=Action.UNTRUSTED,
        signer="5" * 64,
    )  # fmt: skip
    with open_log(tmp_path / "log.db") as log:
        log.append([force(CERTIFICATE, date="2026-01-31T23:59:59Z"), withdrawn])

        found = certificate_status(log, "caps", CERTIFICATE)
        log.append([replace(withdrawn, action=Action.TRUSTED, statement="it was not")])
        again = certificate_status(log, "caps", CERTIFICATE)

    assert (found.state, found.entry, found.reason) == (CertificateState.UNTRUSTED, 2, "the key was copied")
    assert again.state is CertificateState.IN_FORCE


def test_a_decision_of_then_stands_as_its_certificate_stands_now(tmp_path: Path) -> None:
    made = replace(PROVENANCE, task="caps", certificate_sha256=CERTIFICATE)
    other = replace(made, certificate_sha256="9" * 64)
    with open_log(tmp_path / "log.db") as log:
        row, beside = log.append([decision(1, provenance=made), decision(2, provenance=other)])
        assert standing(log, row) == Standing(certified_now=True)

        log.append([note(SUS)])
        assert standing(log, row) == Standing(certified_now=False, reason="suspended by entry 3: it was suspended")
        log.append([note(ENA), note(REV)])
        assert standing(log, row) == Standing(certified_now=False, reason="revoked by entry 5: it was revoked")
        assert standing(log, beside).certified_now

        plain = replace(decision(3), verdict=Verdict(outcome=Outcome.FLAG, reason="score", certified=False))
        (never,) = log.append([plain])
        assert standing(log, never) == Standing(certified_now=False, reason="it was not certified when it was made")
        with pytest.raises(UsageError, match="not a decision"):
            standing(log, log.entry(3))


def test_two_that_start_at_once_say_once_that_it_came_into_force(tmp_path: Path) -> None:
    with open_log(tmp_path / "log.db") as log:
        first, second = log.append([note(ISS), replace(note(ISS), statement="said by another")])

    assert first.id == second.id == 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_task(tmp_path / "tasks")


def issued(folder: Path, tmp_path: Path, name: str = "operating_point.json") -> Path | None:
    settings = Settings(db=tmp_path / "log.db", tasks=str(folder.parent), operator="Weber")
    path, task, engine = folder / name, task_named("bright", settings.tasks), open_engine(folder)
    units = [f"tile {i}" for i in range(read_point(path).proof.n_positive)]
    record = deployment_record(task, engine, folder, path)
    return issue(read_point(path), path, record=record, units=units, settings=settings)


def rows(log: Log) -> list[tuple[str, str | None, str]]:
    return [(entry.subject, entry.outcome, entry.operator) for entry in log.entries(kind="certificate")]


def test_an_issued_certificate_is_signed_by_the_site_and_recorded(folder: Path, tmp_path: Path) -> None:
    path = issued(folder, tmp_path)

    assert path == folder / "certificate.json"
    made = read_certificate(path)
    point = read_point(folder / "operating_point.json")
    assert made.public_key == public_hex(site_key(tmp_path / "log.db"))
    assert made.certificate.point == point
    assert made.certificate.operating_point_sha256 == point_sha256(point)
    assert made.certificate.operator == "Weber"
    assert made.certificate.unit_sha256 == unit_digests(f"tile {i}" for i in range(100))
    assert "tile" not in path.read_text("utf-8")
    names = {file.name for file in made.certificate.at_work.files}
    assert {"weights.safetensors", "model.onnx", "manifest.json", "operating_point.json"} <= names
    assert {"config.yaml", "task.py"} <= names
    with open_log(tmp_path / "log.db") as log:
        assert rows(log) == [(made.public_key, "trusted", "Weber"), (made.sha256, "issued", "Weber")]
        note = log.entry(2).certificate()
    assert (note.signer, note.trust, note.date) == (made.public_key, "trusted by entry 1", made.certificate.date)


def test_a_second_one_names_the_first_that_it_supersedes(folder: Path, tmp_path: Path) -> None:
    path = folder / "certificate.json"
    issued(folder, tmp_path)
    first = read_certificate(path)
    point = read_point(folder / "operating_point.json")
    write_point(changed(point, covers="other pictures"), folder / "operating_point.json")

    issued(folder, tmp_path)

    assert first.certificate.supersedes == ""
    assert read_certificate(path).certificate.supersedes == first.sha256


def test_a_refused_point_is_recorded_and_certifies_nothing(folder: Path, tmp_path: Path) -> None:
    point = read_point(folder / "operating_point.json")
    refused = changed(point, n_positive=10, proved_sensitivity=0.7, refusal="10 prove at most 0.794")
    write_point(refused, folder / "operating_point.json")

    assert issued(folder, tmp_path) is None

    assert not (folder / "certificate.json").exists()
    with open_log(tmp_path / "log.db") as log:
        (entry,) = log.entries(kind="certificate")
    assert (entry.subject, entry.outcome) == (point_sha256(refused), "refused")
    assert entry.reason == "10 prove at most 0.794"
    assert json.loads(entry.document)["certificate"]["certified"] is False


def test_units_that_were_not_counted_are_not_certified(folder: Path, tmp_path: Path) -> None:
    settings = Settings(db=tmp_path / "log.db", tasks=str(folder.parent))
    path, task, engine = folder / "operating_point.json", task_named("bright", settings.tasks), open_engine(folder)

    with pytest.raises(UsageError, match="counts 100 positive units, but names 99"):
        issue(
            read_point(path), path, record=deployment_record(task, engine, folder, path), settings=settings,
            units=["same", "same", *map(str, range(98))],
        )  # fmt: skip

    assert not (folder / "certificate.json").exists()


def test_a_point_of_another_name_has_its_certificate_beside_it(folder: Path, tmp_path: Path) -> None:
    (folder / "operating_point.json").rename(folder / "night_shift.json")

    path = issued(folder, tmp_path, "night_shift.json")

    assert path == folder / "night_shift.certificate.json" == certificate_path(folder / "night_shift.json")
    assert point_path(path) == folder / "night_shift.json"
    assert point_path(folder / "certificate.json") == folder / "operating_point.json"
