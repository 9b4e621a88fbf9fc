"""Calibration from a labelled folder to an operating point, with each of its options, as the command prints it."""

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from inspect_ai.audit import open_log
from inspect_ai.calibration import point_sha256, read_point
from inspect_ai.calibration.solver import CalibrationRequest
from inspect_ai.certificates.certificate import read_certificate
from inspect_ai.errors import UsageError
from inspect_ai.journeys.calibrate import calibrate_task
from inspect_ai.journeys.scan import StudyDecided, scan
from inspect_ai.model.manifest import DataUse, file_sha256, read_manifest, write_manifest
from inspect_ai.settings import Settings
from tests.support.tasks import make_pictures, make_task

MAIN = [sys.executable, "-c", "from inspect_ai.cli import main; main()"]
EASY = ["--sensitivity", "0.75", "--confidence", "0.9"]  # nine positives and no miss, or ten with the doubt halved
Labels = dict[str, dict[str, str]]


def write_labels(data: Path, labels: Labels) -> None:
    columns = {name for row in labels.values() for name in row}
    with (data / "labels.csv").open("w", newline="") as f:
        writer = csv.DictWriter(f, ["file", *sorted(columns)])
        writer.writeheader()
        writer.writerows({"file": file, **row} for file, row in labels.items())


@pytest.fixture
def line(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """A task that flags bright pictures, a folder of 48 pictures of 24 parts, and the command to calibrate with it."""
    make_task(tmp_path / "tasks")
    bright = make_pictures(tmp_path / "data", 48)
    labels = {
        file: {
            "split": "calibration",
            "label": "flag" if bright[file] else "pass",
            "group": f"part{i // 4 * 2 + i % 2}",
            "camera": "north" if i % 4 < 2 else "south",
            "cls": "crack" if i < 4 else "dent",
        }
        for i, file in enumerate(bright)
    }
    write_labels(tmp_path / "data", labels)

    def calibrate(*words: str) -> subprocess.CompletedProcess[str]:
        command = [*MAIN, "calibrate", "bright", "--data", "data", "--out", "point.json", *words]
        environment = {**os.environ, "INSPECT_AI_TASKS": str(tmp_path / "tasks")}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return calibrate


def labels_of(data: Path) -> Labels:
    with (data / "labels.csv").open(newline="") as f:
        return {row.pop("file"): row for row in csv.DictReader(f)}


def flat(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def test_it_prints_what_is_proved_and_how_units_were_counted(line: Callable[..., object], tmp_path: Path) -> None:
    done = line(*EASY)

    assert isinstance(done, subprocess.CompletedProcess)
    assert done.returncode == 0, done.stderr
    assert "Certified: sensitivity at least 0.75 at confidence 0.9 (12 positives, 0 below" in done.stdout
    assert "Each independent unit counts once, by its lowest positive picture" in done.stdout
    assert "hands 0 of 12 positives (0.0 %) to a person" in done.stdout
    assert read_point(tmp_path / "point.json").proof.group_score == "lowest"


def test_a_certificate_lies_beside_the_point_and_a_reference_of_other_pictures_does_not_stay(
    line: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    (tmp_path / "typical.npz").write_bytes(b"of an older calibration")

    done = line(*EASY)

    made = read_certificate(tmp_path / "point.certificate.json")
    assert made.certificate.operating_point_sha256 == point_sha256(read_point(tmp_path / "point.json"))
    assert len(made.certificate.unit_sha256) == 12
    assert "part1" not in (tmp_path / "point.certificate.json").read_text()
    assert not (tmp_path / "typical.npz").exists()  # 48 pictures tell too little
    assert "Unlike pictures cannot be told" in done.stdout
    with open_log(tmp_path / "inspect_ai.db") as log:
        trusted, row = log.entries(kind="certificate")
    assert (trusted.subject, trusted.outcome) == (made.public_key, "trusted")  # by whoever calibrates here
    assert (row.subject, row.outcome) == (made.sha256, "issued")


def test_a_positive_that_the_gate_hands_over_is_counted_and_not_missed(
    line: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """Both pictures of one part are black and score lowest of all; the threshold does not follow them."""
    labels = labels_of(tmp_path / "data")
    part = next(row["group"] for row in labels.values() if row["label"] == "flag")
    line(*EASY)
    before = read_point(tmp_path / "point.json")
    for i, file in enumerate(file for file, row in labels.items() if row["group"] == part):
        cv2.imwrite(str(tmp_path / "data" / file), np.full((72, 96, 3), 3 + i, np.uint8))

    done = line(*EASY)

    point = read_point(tmp_path / "point.json")
    assert (point.proof.n_positive, point.proof.n_abstained, point.proof.n_missed) == (12, 1, 0)
    assert point.thresholds.clear_below >= before.thresholds.clear_below
    assert point.certified
    assert "hands 1 of 12 positives (8.3 %) to a person: these are not cleared, so not missed" in done.stdout


def test_groups_that_can_be_known_at_work_have_each_their_own_threshold(
    line: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = line(*EASY, "--group-by", "camera")

    point = read_point(tmp_path / "point.json")
    assert done.returncode == 0, done.stderr
    assert [(group.value, group.n_positive, group.refusal) for group in point.proof.groups] == [
        ("north", 12, None), ("south", 12, None),
    ]  # fmt: skip
    assert "2 of 2 groups are certified, each with its own threshold at work" in done.stdout
    assert point.for_study([("camera", "south")]).thresholds.clear_below == point.proof.groups[1].clear_below


@pytest.mark.parametrize(
    ("camera", "said"), [("south", ""), ("west", "camera 'west' is not"), ("", "camera '' is not")]
)
def test_at_work_a_study_has_the_threshold_of_its_group_or_says_that_it_has_none(
    camera: str, said: str, line: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    line(*EASY, "--group-by", "camera")
    point = read_point(tmp_path / "point.json")
    (tmp_path / "point.json").replace(tmp_path / "tasks" / "bright" / "operating_point.json")
    make_pictures(tmp_path / "parts", 2, first=90)
    settings = Settings(
        task="bright",
        tasks=str(tmp_path / "tasks"),
        camera=camera,
        db=tmp_path / "log.db",
        out=tmp_path / "report",
    )

    decisions = [event.decision for event in scan(tmp_path / "parts", settings) if isinstance(event, StudyDecided)]

    assert len(decisions) == 2
    for decision in decisions:
        assert decision.threshold == point.for_study([("camera", camera)]).thresholds.flag_from
        assert ("is not certified" in decision.verdict.reason) is (camera != "south")
        assert said in decision.verdict.reason


def test_a_class_with_too_few_positives_refuses_the_one_threshold(
    line: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = line(*EASY, "--group-by", "cls")

    assert done.returncode == 2
    assert "Not every cls is certified ('crack': it needs 10 more positives)" in flat(
        done.stderr
    )  # 11 at 0.95, 1 there
    assert "crack" in done.stdout
    assert "1 of 2 groups are certified. At work nobody knows the cls beforehand" in flat(done.stdout)
    assert not read_point(tmp_path / "point.json").certified_somewhere


def test_studies_overkill_and_the_average_are_said_as_what_they_are(
    line: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = line(*EASY, "--score", "study", "--overkill", "0.2", "--guarantee", "average")

    point = read_point(tmp_path / "point.json")
    assert done.returncode == 0, done.stderr
    assert point.proof.group_score == "highest"
    assert "on average over calibrations only, the weaker tier" in flat(done.stdout)
    assert "Overkill at most 0.2 at confidence 0.9: 0 of 12 independent negatives" in flat(done.stdout)
    assert "Each study counts once, by its highest picture" in flat(done.stdout)
    assert "flagged when any of its pictures is" in point.covers
    assert point.thresholds.clear_below <= point.thresholds.flag_from


def test_costs_are_told_with_what_they_moved(
    line: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    prices = ["--cost-escape", "100", "--cost-overkill", "1", "--prevalence", "0.01"]

    done = line(*EASY, *prices)

    assert done.returncode == 0, done.stderr
    assert "an escape at 100 and an overkill at 1, at a prevalence of 0.01" in flat(done.stdout)
    half = line(*EASY, *prices[:2])
    assert half.returncode == 2
    assert "--prevalence" in half.stderr


def test_json_tells_what_these_positives_prove_and_at_what_share_of_false_alarms(
    line: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    told = json.loads(line(*EASY, "--json").stdout)

    assert told["certified"]
    assert [row["sensitivity"] for row in told["frontier"] if row["provable"]] == [0.75]  # 12 positives
    (row,) = [row for row in told["frontier"] if row["provable"]]
    assert (row["clear_below"], row["false_positive_rate"]) == (told["clear_below"], 0.0)
    assert "What these positives can prove" in line(*EASY).stdout


def test_two_folders_are_calibrated_on_together_and_the_statement_names_both(
    line: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    bright = make_pictures(tmp_path / "more", 8, first=200)
    write_labels(
        tmp_path / "more",
        {
            file: {"split": "calibration", "label": "flag" if lit else "pass", "group": f"other{i}"}
            for i, (file, lit) in enumerate(bright.items())
        },
    )

    done = line(*EASY, "--data", "more")

    point = read_point(tmp_path / "point.json")
    assert done.returncode == 0, done.stderr
    assert point.proof.n_positive == 12 + 4
    assert "calibrated on data and more together" in point.covers
    assert len(read_certificate(tmp_path / "point.certificate.json").certificate.unit_sha256) == 16


def test_a_statement_on_groups_that_a_person_vouches_for_says_what_looks_would_leave(
    line: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    config = tmp_path / "tasks" / "bright" / "config.yaml"
    plain = yaml.safe_load(config.read_text())
    plain["labels"][0] |= {"near_copies": "report", "independent": "group"}
    config.write_text(yaml.safe_dump(plain))
    labels = labels_of(tmp_path / "data")
    first, second = [file for file, row in labels.items() if row["group"] in ("part1", "part3")][::2]
    picture = cv2.imread(str(tmp_path / "data" / first))
    cv2.imwrite(str(tmp_path / "data" / second), np.clip(picture[:, ::-1] * 0.97, 0, 255).astype(np.uint8))

    done = line(*EASY)

    point = read_point(tmp_path / "point.json")
    assert point.proof.n_positive == 12
    assert "12 are counted; by their looks only 11 are left" in point.covers
    assert "vouched for by a person" in flat(done.stdout)
    assert point.covers in read_certificate(tmp_path / "point.certificate.json").certificate.point.covers


def test_a_column_that_is_not_there_is_said_before_anything_is_scored(
    line: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = line(*EASY, "--group-by", "scanner")

    assert done.returncode == 2
    assert "no column 'scanner' to group by; it has: camera, cls, label" in flat(done.stderr)


def test_a_picture_that_the_model_has_met_stops_the_calibration(
    line: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    folder = tmp_path / "tasks" / "bright"
    met = file_sha256(tmp_path / "data" / "part0005.png")
    use = DataUse(name="old parts", labels="pass_flag", rows={"train": 1}, seen=(met[:16],))
    write_manifest(replace(read_manifest(folder), data=(use,)), folder)

    with pytest.raises(UsageError, match=r"1 of 48 pictures .* \(the first is part0005.png, in old parts\)"):
        calibrate_task(
            "bright",
            [tmp_path / "data"],
            settings=Settings(tasks=str(tmp_path / "tasks")),
            request=CalibrationRequest(sensitivity=0.75, confidence=0.9),
            out=tmp_path / "point.json",
        )

    assert not (tmp_path / "point.json").exists()
