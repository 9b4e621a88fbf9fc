"""Phantom operating points: they decide made pictures, say so each time, and no road takes them for real ones."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from inspect_ai.calibration import read_point, write_point
from inspect_ai.decide import decide
from inspect_ai.domain import Outcome
from inspect_ai.errors import UsageError
from inspect_ai.inspection.inspector import without_promise
from inspect_ai.inspection.loading import load, load_all
from inspect_ai.journeys.scan import StudyDecided, Summary, scan
from inspect_ai.operating_point import PHANTOM
from inspect_ai.settings import Settings
from tests.support.points import changed
from tests.support.tasks import certify, make_pictures, make_task
from tests.support.terminal import in_pipe

COVERS = f"{PHANTOM}one made picture. It says nothing about a real picture"
FOR_PHANTOMS = "proved for phantoms: at least 90 % of made positives reach 0.50000 (90 % confidence)"


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """A task whose own point is real, with a phantom one in its folder, and two dark and two bright pictures."""
    folder = make_task(tmp_path / "tasks")
    (folder / "phantom").mkdir()
    point = read_point(folder / "operating_point.json")
    phantom = folder / "phantom" / "operating_point.json"
    write_point(changed(point, covers=COVERS), phantom)
    certify(folder, tmp_path, phantom)
    make_pictures(tmp_path / "in", 4)
    return folder


def settings(task: Path) -> Settings:
    here = task.parents[1]
    return Settings(
        task="bright", tasks=str(task.parent), db=here / "log.db", out=here / "out", workers=1,
        trusted_keys=str(here / "trusted"),
    )  # fmt: skip


def test_scan_refuses_a_phantom_in_the_place_of_the_task_s_own_point(task: Path, tmp_path: Path) -> None:
    shutil.copy(task / "phantom" / "operating_point.json", task / "operating_point.json")

    done = in_pipe("scan", "in", "--task", "bright", "--tasks", "tasks", cwd=tmp_path)

    assert done.returncode == 2
    assert "is a phantom" in done.stderr
    assert "inspect-ai calibrate bright --data DIR" in done.stderr
    assert not (tmp_path / "inspect_ai.db").exists()
    assert not (tmp_path / "inspect_ai_out").exists()


def test_no_road_to_an_inspector_takes_a_phantom_for_real_pictures(task: Path) -> None:
    phantom = task / "phantom" / "operating_point.json"
    write_point(changed(read_point(phantom), clear_below=0.25), phantom)  # other bytes, under another name
    elsewhere = phantom.rename(task.parents[1] / "my point.json")

    with pytest.raises(UsageError, match="nothing about real ones"):
        load("bright", operating_point=elsewhere, settings=settings(task))
    with pytest.raises(UsageError, match="nothing about real ones"):
        load("bright", model=task, operating_point=elsewhere, settings=settings(task), points="optional")


def test_made_pictures_take_no_point_of_real_ones(task: Path) -> None:
    shutil.copy(task / "operating_point.json", task / "phantom" / "operating_point.json")

    with pytest.raises(UsageError, match="was set on real pictures"):
        load_all(settings(task), made_up=True)


def test_a_task_without_made_studies_takes_no_part_unsaid_and_every_other_remark_stays(
    task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_task(tmp_path / "tasks", name="unready")
    (tmp_path / "inspect_ai.toml").write_text('trusted_keys = "elsewhere"\n')
    monkeypatch.chdir(tmp_path)

    inspectors, remarks = load_all(replace(settings(task), task="auto"), made_up=True)

    assert "bright" in {inspector.task.name for inspector in inspectors}
    assert "unready" not in {inspector.task.name for inspector in inspectors}
    assert [remark for remark in remarks if "trusted_keys" in remark] == list(remarks) != []


def test_decisions_on_made_pictures_say_phantom_and_are_certified_none(task: Path, tmp_path: Path) -> None:
    events = list(scan(tmp_path / "in", settings(task), made_up=True))

    decisions = [event.decision for event in events if isinstance(event, StudyDecided)]
    assert sorted(d.verdict.outcome for d in decisions) == [Outcome.CLEAR] * 2 + [Outcome.FLAG] * 2
    assert all(d.verdict.reason.endswith(f"; {FOR_PHANTOMS}") for d in decisions)
    assert not any(d.verdict.certified for d in decisions)
    (summary,) = (event for event in events if isinstance(event, Summary))
    assert summary.report is not None
    page = summary.report.read_text("utf-8")
    assert page.count("<td>phantom</td>") == 4
    assert FOR_PHANTOMS in page
    assert "part0001.png" in page
    assert "It says nothing about a real picture" in page
    listed = in_pipe("audit", "list", "--db", "log.db", cwd=tmp_path).stdout
    assert listed.count("\tphantom\t") == 4
    said = in_pipe("audit", "list", "--db", "log.db", "--json", cwd=tmp_path).stdout.splitlines()
    assert [entry["certified"] for line in said if (entry := json.loads(line))["kind"] == "decision"] == [False] * 4


def test_the_certificate_of_a_phantom_is_verified_with_the_model_above_it(task: Path, tmp_path: Path) -> None:
    words = ("certificate", "verify", task / "phantom", "--tasks", "tasks")
    holds = in_pipe(*words, cwd=tmp_path, INSPECT_AI_TRUSTED_KEYS=str(tmp_path / "trusted"))
    (task / "manifest.json").write_text((task / "manifest.json").read_text("utf-8") + " ", "utf-8")
    broken = in_pipe(*words, cwd=tmp_path, INSPECT_AI_TRUSTED_KEYS=str(tmp_path / "trusted"))

    assert holds.returncode == 0, holds.stdout + holds.stderr
    assert "what it proves of phantoms, the made pictures of the demo; it certifies no decision" in holds.stdout
    assert broken.returncode == 1


def test_a_doubt_about_the_code_takes_the_promise_for_phantoms_too(task: Path, tmp_path: Path) -> None:
    (event, *_) = (e for e in scan(tmp_path / "in", settings(task), made_up=True) if isinstance(e, StudyDecided))

    reason = without_promise(event.decision, ["a module was changed"]).verdict.reason

    assert reason.endswith("not certified: a module was changed")


def test_a_made_volume_keeps_the_promise_that_a_real_one_loses(task: Path) -> None:
    real = read_point(task / "operating_point.json")
    made = changed(real, covers=COVERS)

    assert "not certified: the promise was proved for single pictures" in decide(0.7, real.for_volume()).reason
    assert decide(0.7, made.for_volume()).reason.endswith(FOR_PHANTOMS)
    assert not decide(0.7, made.for_volume()).certified
