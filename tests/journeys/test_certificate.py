"""What stands behind a certified decision: every file, the key, and the log. One byte less, and it says so."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from inspect_ai.audit import Action, CertificateNote, Entry, open_log, verify
from inspect_ai.calibration import read_point, write_point
from inspect_ai.certificates.certificate import read_certificate
from inspect_ai.certificates.deployment import checks, deployment_record
from inspect_ai.certificates.issuing import sign_again
from inspect_ai.certificates.signing import site_key
from inspect_ai.certificates.status import standing
from inspect_ai.config import config_sha256
from inspect_ai.domain import Decision, Outcome
from inspect_ai.errors import SetupError
from inspect_ai.inspection.loading import load
from inspect_ai.journeys.certify import change
from inspect_ai.journeys.scan import StudyDecided, scan
from inspect_ai.journeys.trust import change_trust
from inspect_ai.journeys.watch import PartDecided, watch
from inspect_ai.model.engine import open_engine
from inspect_ai.plugins import task_named
from inspect_ai.settings import Settings, bundled
from tests.support.points import changed
from tests.support.tasks import certify, make_pictures, make_task


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    trusted = certify(make_task(tmp_path / "tasks"), tmp_path / "workshop")
    return Settings(
        db=tmp_path / "log.db",
        out=tmp_path / "out",
        tasks=str(tmp_path / "tasks"),
        task="bright",
        trusted_keys=str(trusted),
        workers=1,
    )


@pytest.fixture
def folder(settings: Settings) -> Path:
    return Path(settings.tasks) / "bright"


def scanned(settings: Settings, pictures: Path) -> list[Decision]:
    return [e.decision for e in scan(pictures, settings) if isinstance(e, StudyDecided)]


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))


def certificate_rows(db: Path) -> list[Entry]:
    with open_log(db) as log:
        return list(log.entries(kind="certificate"))


def test_a_certified_decision_names_its_certificate_which_came_into_force_before_it(
    settings: Settings, folder: Path, tmp_path: Path
) -> None:
    make_pictures(tmp_path / "studies", 2)

    first = scanned(settings, tmp_path / "studies")
    scanned(replace(settings, out=tmp_path / "again"), tmp_path / "studies")

    digest = read_certificate(folder / "certificate.json").sha256
    assert [d.verdict.certified for d in first] == [True, True]
    assert {d.provenance.certificate_sha256 for d in first} == {digest}
    (row,) = certificate_rows(settings.db)  # said once, however often it is scanned
    assert (row.id, row.subject, row.outcome) == (1, digest, "issued")
    assert "came into force here" in row.reason
    assert verify(settings.db).ok


# Where a byte is changed: in the middle, so that graph and code still load.
@pytest.mark.parametrize(
    ("name", "at", "said"),
    [
        ("weights.safetensors", 7, "weights.safetensors is not the one that was certified"),
        ("model.onnx", b"bright", "model.onnx is not the one that was certified"),
        ("config.yaml", b"# Ev", "config.yaml is not the one that was certified"),
        ("task.py", b"Bright", "task.py is not the one that was certified"),
        ("operating_point.json", b"made pictures", "operating_point.json is not the one that was certified"),
        ("manifest.json", b'"software": "0', "manifest.json is not the one that was certified"),
        ("certificate.json", b"calibrator", "altered after it was signed"),
    ],
)
def test_one_changed_byte_makes_decisions_uncertified_and_says_which_file(
    name: str, at: int | bytes, said: str, settings: Settings, folder: Path, tmp_path: Path
) -> None:
    make_pictures(tmp_path / "studies", 2)
    path = folder / name
    where = at if isinstance(at, int) else path.read_bytes().index(at) + len(at) - 1
    flip(path, where)

    decisions = scanned(settings, tmp_path / "studies")

    assert len(decisions) == 2
    for decision in decisions:
        assert not decision.verdict.certified
        assert f"not certified: {said}" in decision.verdict.reason or said in decision.verdict.reason
    assert certificate_rows(settings.db) == []
    assert "not certified" in (settings.out / "report.html").read_text("utf-8")


def test_another_version_of_the_program_is_not_the_one_that_was_certified(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_pictures(tmp_path / "studies", 1)
    monkeypatch.setattr("inspect_ai.certificates.deployment.SOFTWARE", "inspect-ai-vision 99")

    (decision,) = scanned(settings, tmp_path / "studies")

    assert not decision.verdict.certified
    assert "the program at work is inspect-ai-vision 99" in decision.verdict.reason


def test_a_new_file_of_code_and_a_missing_one_are_said(settings: Settings, folder: Path) -> None:
    def faults() -> list[str]:
        task, engine = task_named("bright", settings.tasks), open_engine(folder)
        work = deployment_record(task, engine, folder, folder / "operating_point.json")
        found = checks(read_certificate(folder / "certificate.json"), work, settings)
        return [check.fault for check in found if check.fault is not None]

    (folder / "helper.py").write_text("SCALE = 2\n")
    assert faults() == ["helper.py was not there when it was certified"]

    (folder / "helper.py").unlink()
    (folder / "typical.npz").write_bytes(b"reference")
    assert faults() == ["typical.npz was not there when it was certified"]
    certify(folder, folder.parent.parent / "workshop")
    assert faults() == []
    (folder / "typical.npz").write_bytes(b"referencf")
    assert faults() == ["typical.npz is not the one that was certified"]
    (folder / "typical.npz").unlink()
    assert faults() == ["typical.npz is missing, and was there when it was certified"]


def test_another_engine_is_not_the_certified_one(settings: Settings) -> None:
    """The certificate's own word on it: the point is made to agree with the engine at work."""
    folder = Path(settings.tasks) / "bright"
    point = read_point(folder / "operating_point.json")
    write_point(changed(point, engine="another 1.0 float16"), folder / "operating_point.json")

    mismatches = load(task_named("bright", settings.tasks), settings=settings).mismatches

    assert any("another engine" in sentence for sentence in mismatches)
    assert any("operating_point.json" in sentence for sentence in mismatches)


def test_without_a_certificate_nothing_is_certified(settings: Settings, folder: Path, tmp_path: Path) -> None:
    make_pictures(tmp_path / "studies", 1)
    (folder / "certificate.json").unlink()

    (decision,) = scanned(settings, tmp_path / "studies")

    assert not decision.verdict.certified
    assert "there is no certificate for this operating point" in decision.verdict.reason
    assert decision.provenance.certificate_sha256 == ""


def test_a_strangers_signature_does_not_count(settings: Settings, folder: Path, tmp_path: Path) -> None:
    make_pictures(tmp_path / "studies", 1)
    sign_again(folder, site_key(tmp_path / "stranger.db"))

    (decision,) = scanned(settings, tmp_path / "studies")

    assert not decision.verdict.certified
    assert "signed by a key that is not trusted here" in decision.verdict.reason


def test_what_a_site_signed_counts_at_the_site_without_any_setting(settings: Settings, tmp_path: Path) -> None:
    certify(make_task(tmp_path / "own", "dim"), tmp_path / "site")
    site = Settings(db=tmp_path / "site" / "workshop.db", tasks=str(tmp_path / "own"), task="dim")

    assert load("dim", settings=site).mismatches == ()
    elsewhere = load("dim", settings=replace(site, db=settings.db))
    assert any("not trusted here" in sentence for sentence in elsewhere.mismatches)


def test_what_came_into_force_names_its_signer_and_why_he_is_trusted(settings: Settings, tmp_path: Path) -> None:
    make_pictures(tmp_path / "studies", 1)

    scanned(settings, tmp_path / "studies")

    note = certificate_rows(settings.db)[0].certificate()
    made = read_certificate(Path(settings.tasks) / "bright" / "certificate.json")
    assert (note.signer, note.date) == (made.public_key, made.certificate.date)
    assert note.trust == "workshop.pub in the folder of --trusted-keys"


def test_a_revoked_certificate_certifies_nothing_from_then_on(settings: Settings, tmp_path: Path) -> None:
    make_pictures(tmp_path / "studies", 1)
    before = scanned(settings, tmp_path / "studies")

    entry = change(Action.REVOKED, "bright", "two labels were wrong", settings)
    make_pictures(tmp_path / "studies", 1, first=5)
    after = {d.study.key: d.verdict for d in scanned(settings, tmp_path / "studies")}

    assert before[0].verdict.certified
    assert after["part0000.png"].certified  # the log's answer of then
    assert not after["part0005.png"].certified
    assert f"the certificate was revoked in entry {entry}: two labels were wrong" in after["part0005.png"].reason


def test_a_suspension_leaves_what_would_be_clear_to_a_person_until_somebody_enables(
    settings: Settings, tmp_path: Path
) -> None:
    make_pictures(tmp_path / "first", 2)
    scanned(settings, tmp_path / "first")
    entry = change(Action.SUSPENDED, "bright", "the lamp flickers", replace(settings, operator="Weber"))

    make_pictures(tmp_path / "second", 2, first=2)
    dark, bright = sorted(scanned(settings, tmp_path / "second"), key=lambda d: d.study.key)
    page = (settings.out / "report.html").read_text("utf-8")
    change(Action.ENABLED, "bright", "the lamp is replaced", settings)
    make_pictures(tmp_path / "third", 2, first=4)
    third = sorted(scanned(settings, tmp_path / "third"), key=lambda d: d.study.key)

    why = f"auto-clear is suspended since entry {entry}: the lamp flickers"
    assert (dark.verdict.outcome, bright.verdict.outcome) == (Outcome.ABSTAIN, Outcome.FLAG)
    assert why in dark.verdict.reason
    assert not dark.verdict.certified
    assert not bright.verdict.certified
    assert why in page
    assert [d.verdict.outcome for d in third] == [Outcome.CLEAR, Outcome.FLAG]
    assert all(d.verdict.certified for d in third)


def test_a_suspension_is_not_lifted_by_taking_the_certificate_away(
    settings: Settings, folder: Path, tmp_path: Path
) -> None:
    make_pictures(tmp_path / "first", 1)
    scanned(settings, tmp_path / "first")
    change(Action.SUSPENDED, "bright", "the lamp flickers", settings)
    (folder / "certificate.json").unlink()
    make_pictures(tmp_path / "second", 1, first=2)

    (decision,) = scanned(settings, tmp_path / "second")

    assert decision.verdict.outcome is Outcome.ABSTAIN


def test_no_edit_of_a_file_lifts_a_suspension(settings: Settings, folder: Path, tmp_path: Path) -> None:
    """Another point, an older trusted certificate in its place, a point of another name: the task stays suspended."""
    older = (folder / "certificate.json").read_bytes()
    point = read_point(folder / "operating_point.json")
    write_point(changed(point, covers="pictures of the new lamp"), folder / "operating_point.json")
    certify(folder, tmp_path / "workshop")
    make_pictures(tmp_path / "first", 1)
    scanned(settings, tmp_path / "first")
    entry = change(Action.SUSPENDED, "bright", "the lamp flickers", settings)

    make_pictures(tmp_path / "second", 1, first=2)
    write_point(changed(point, clear_below=0.25, flag_from=0.25), folder / "operating_point.json")
    (edited,) = scanned(settings, tmp_path / "second")
    make_pictures(tmp_path / "third", 1, first=4)
    write_point(point, folder / "operating_point.json")
    (folder / "certificate.json").write_bytes(older)  # sound, trusted, and issued before the suspension
    (replaced,) = scanned(settings, tmp_path / "third")

    for decision in (edited, replaced):
        assert decision.verdict.outcome is Outcome.ABSTAIN
        assert not decision.verdict.certified
        assert f"auto-clear is suspended since entry {entry}: the lamp flickers" in decision.verdict.reason


def test_a_certificate_issued_after_the_suspension_and_trusted_ends_it(
    settings: Settings, folder: Path, tmp_path: Path
) -> None:
    make_pictures(tmp_path / "first", 1)
    (before,) = scanned(settings, tmp_path / "first")
    change(Action.SUSPENDED, "bright", "the lamp flickers", settings)
    time.sleep(1.1)  # a certificate's date has seconds
    point = read_point(folder / "operating_point.json")
    write_point(changed(point, covers="pictures of the new lamp"), folder / "operating_point.json")
    certify(folder, tmp_path / "workshop")

    make_pictures(tmp_path / "second", 1, first=2)
    (after,) = scanned(settings, tmp_path / "second")

    assert (after.verdict.outcome, after.verdict.certified) == (Outcome.CLEAR, True)
    assert before.provenance.certificate_sha256 != after.provenance.certificate_sha256


def test_a_revoked_certificate_no_longer_stands_behind_what_it_certified(settings: Settings, tmp_path: Path) -> None:
    make_pictures(tmp_path / "studies", 1)
    scanned(settings, tmp_path / "studies")
    with open_log(settings.db) as log:
        row = next(log.entries(kind="decision"))
        before = standing(log, row)

    entry = change(Action.REVOKED, "bright", "two labels were wrong", settings)

    with open_log(settings.db) as log:
        now = standing(log, row)
    assert before.certified_now
    assert (now.certified_now, now.reason) == (False, f"revoked by entry {entry}: two labels were wrong")


def test_a_running_watch_certifies_nothing_more_when_a_key_loses_its_trust(settings: Settings, tmp_path: Path) -> None:
    line = tmp_path / "line"
    make_pictures(line, 1)
    events = watch(line, settings)
    first = next(e for e in events if isinstance(e, PartDecided))
    signer = read_certificate(Path(settings.tasks) / "bright" / "certificate.json").public_key
    change_trust(Action.UNTRUSTED, signer, "their key was copied", settings)
    make_pictures(line, 1, first=2)
    second = next(e for e in events if isinstance(e, PartDecided))
    events.close()  # type: ignore[attr-defined]  # a generator

    assert (first.decision.verdict.certified, second.decision.verdict.certified) == (True, False)
    assert "deprived of trust in its signer's key in entry 3: their key was copied" in second.decision.verdict.reason


def test_a_model_that_is_replaced_while_it_works_ends_the_work(settings: Settings, folder: Path) -> None:
    inspector = load("bright", settings=settings)
    flip(folder / "model.onnx", (folder / "model.onnx").read_bytes().index(b"bright") + 5)

    with ThreadPoolExecutor(1) as another, pytest.raises(SetupError, match="was replaced while it worked"):
        another.submit(lambda: inspector.engine).result()


def test_a_watch_in_another_process_notices_a_suspension_and_its_end(settings: Settings, tmp_path: Path) -> None:
    """As `inspect-ai monitor` does it: a row in the log, nothing else; the watch is never told."""
    line = tmp_path / "line"
    line.mkdir()
    words = [
        "watch",
        str(line),
        "--task",
        "bright",
        "--db",
        str(settings.db),
        "--out",
        str(settings.out),
        "--json",
        "--names",
    ]
    code = "from inspect_ai.cli import main; main()"
    env = {**os.environ, "INSPECT_AI_TASKS": settings.tasks, "INSPECT_AI_TRUSTED_KEYS": settings.trusted_keys}
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words, "--workers", "1"], stdout=subprocess.PIPE, text=True, env=env
    )
    assert process.stdout is not None
    try:
        said = iter(process.stdout)
        outcomes = [next_outcome(said, line, 0)]
        with open_log(settings.db) as log:
            log.append([note_like(certificate_rows(settings.db)[0], Action.SUSPENDED)])
        time.sleep(1.0)
        outcomes.append(next_outcome(said, line, 2))
        with open_log(settings.db) as log:
            log.append([note_like(certificate_rows(settings.db)[0], Action.ENABLED)])
        time.sleep(1.0)
        outcomes.append(next_outcome(said, line, 4))
    finally:
        process.terminate()
        process.wait(timeout=30)

    assert outcomes == [("clear", True), ("abstain", False), ("clear", True)]


def next_outcome(said: Iterator[str], line: Path, number: int) -> tuple[str, bool]:
    make_pictures(line, 1, first=number)  # even numbers are dark, so clear
    told = json.loads(next(said))
    assert told["source"] == f"part{number:04d}.png"
    return told["outcome"], told["certified"]


def note_like(row: Entry, action: Action) -> CertificateNote:
    return replace(row.certificate(), action=action, statement="drift of the score")


def test_a_watch_in_this_process_looks_before_each_part(settings: Settings, tmp_path: Path) -> None:
    line = tmp_path / "line"
    make_pictures(line, 1)
    events = watch(line, settings)
    first = next(e for e in events if isinstance(e, PartDecided))
    change(Action.SUSPENDED, "bright", "drift", settings)
    make_pictures(line, 1, first=2)
    second = next(e for e in events if isinstance(e, PartDecided))
    change(Action.REVOKED, "bright", "worse than drift", settings)
    make_pictures(line, 1, first=4)
    third = next(e for e in events if isinstance(e, PartDecided))
    events.close()  # type: ignore[attr-defined]  # a generator

    outcomes = [event.decision.verdict.outcome for event in (first, second, third)]
    assert outcomes == [Outcome.CLEAR, Outcome.ABSTAIN, Outcome.CLEAR]
    assert [event.decision.verdict.certified for event in (first, second, third)] == [True, False, False]
    assert "revoked" in third.decision.verdict.reason


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Settings]:
    """The shipped lung task under another name, certified for its counts by a workshop."""
    root = tmp_path_factory.mktemp("shipped")
    folder = root / "tasks" / "lung_copy"
    shutil.copytree(bundled("tasks") / "lung_nodule", folder, ignore=shutil.ignore_patterns("__pycache__", "cert*"))
    shutil.copy(bundled("configs") / "lung_nodule.yaml", folder / "config.yaml")
    task = (folder / "task.py").read_text("utf-8")
    (folder / "task.py").write_text(task.replace('"lung_nodule"', '"lung_copy"'), "utf-8")
    point = read_point(folder / "operating_point.json")
    installed = task_named("lung_copy", str(root / "tasks"))
    write_point(
        changed(point, task="lung_copy", config_sha256=config_sha256(installed.config)),
        folder / "operating_point.json",
    )
    trusted = certify(folder, root / "workshop")
    return folder, Settings(db=root / "log.db", tasks=str(root / "tasks"), task="lung_copy", trusted_keys=str(trusted))


@pytest.mark.parametrize(
    "name",
    ["weights.safetensors", "model.onnx", "config.yaml", "operating_point.json", "lungs.py", "certificate.json"],
)
def test_the_shipped_files_too_count_to_the_byte(name: str, shipped: tuple[Path, Settings]) -> None:
    folder, settings = shipped
    path = folder / name
    sound = path.read_bytes()
    assert load(task_named("lung_copy", settings.tasks), settings=settings).mismatches == ()
    try:
        # after the header of weights and graph, and not in the words that make a file readable at all
        words = {"operating_point.json": b"solid", "lungs.py": b'"""', "config.yaml": b"# "}
        at = sound.index(words[name]) + 4 if name in words else 3 * len(sound) // 4
        flip(path, at)
        mismatches = load(task_named("lung_copy", settings.tasks), settings=settings).mismatches
    finally:
        path.write_bytes(sound)

    assert any(name in sentence for sentence in mismatches), mismatches
