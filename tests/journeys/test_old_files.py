"""Files that version 0.1.0 wrote before its packages were laid out anew: log, operating point, certificate, model."""

import shutil
from pathlib import Path

import pytest

from inspect_ai.audit import open_log, verify
from inspect_ai.calibration import point_sha256, read_point
from inspect_ai.certificates.certificate import read_certificate
from inspect_ai.certificates.trust import trusted_keys
from inspect_ai.inspection.loading import load
from inspect_ai.journeys.monitor import monitor
from inspect_ai.journeys.scan import StudyDecided, scan
from inspect_ai.review import ReviewState, queue
from inspect_ai.settings import Settings

WRITTEN = Path(__file__).resolve().parents[1] / "data" / "written_by_0_1_0"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A copy of what was left, so that nothing here changes it."""
    shutil.copytree(WRITTEN, tmp_path / "old")
    old = tmp_path / "old"
    return Settings(
        db=old / "log.db", out=tmp_path / "out", tasks=str(old / "tasks"), task="bright", camera="north", workers=1,
        trusted_keys=str(old / "trusted"),
    )  # fmt: skip


def test_its_log_is_whole_and_every_entry_is_read_back(settings: Settings) -> None:
    found = verify(settings.db)

    assert (found.fault, found.rows) == (None, 10)
    with open_log(settings.db) as log:
        entries = list(log.entries())
        assert [entry.kind for entry in entries] == [
            "certificate", "rejection", "rejection", "decision", "decision", "decision", "decision", "review", "alarm",
            "certificate",
        ]  # fmt: skip
        decisions = [entry.decision() for entry in entries if entry.kind == "decision"]
        assert sorted(decision.verdict.outcome.value for decision in decisions) == ["clear", "clear", "flag", "flag"]
        assert all(decision.verdict.certified for decision in decisions)
        assert entries[7].review().reason == "scratch seen"
        assert entries[8].alarm().watched == "score"
        (waiting,) = queue(log)  # the other flag was answered
        assert waiting.state is ReviewState.OPEN


def test_its_operating_point_and_certificate_are_what_they_were(settings: Settings) -> None:
    folder = Path(settings.tasks) / "bright"
    made = read_certificate(folder / "certificate.json")  # the layout byte for byte, and the signature
    point = read_point(folder / "operating_point.json")

    assert made.certificate.point == point
    assert made.certificate.operating_point_sha256 == point_sha256(point)
    assert made.public_key in trusted_keys(settings)


def test_what_it_decided_is_not_decided_again_and_its_suspension_still_counts(settings: Settings) -> None:
    events = [event for event in scan(settings.db.parent / "in", settings) if isinstance(event, StudyDecided)]

    assert [event.known for event in events] == [True, True]
    with open_log(settings.db) as log:
        (watched,) = monitor(log, settings)
        assert watched.state == "alarm"
        fresh = load("bright", settings=settings)
        assert "it is not in force: it binds no program code; calibrate again" in fresh.mismatches
        assert fresh.provenance.certificate_sha256 == watched.statement.certificate_sha256
