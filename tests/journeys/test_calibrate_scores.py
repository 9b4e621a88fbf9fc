"""The proof for scores of any program: a CSV file becomes thresholds, a certificate and a page, by the command."""

import csv
import json
import math
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from inspect_ai.audit import open_log, verify
from inspect_ai.calibration import point_sha256, read_point
from inspect_ai.certificates.certificate import read_certificate
from inspect_ai.decide import decide
from inspect_ai.domain import Outcome
from inspect_ai.model.manifest import file_sha256
from inspect_ai.operating_point import ScoreScale
from tests.support.tasks import make_task

MAIN = [sys.executable, "-c", "from inspect_ai.cli import main; main()"]
Done = subprocess.CompletedProcess[str]
Command = Callable[..., Done]


def write(path: Path, rows: list[dict[str, object]]) -> None:
    with path.open("w", newline="") as f:
        table = csv.DictWriter(f, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def drawn(n_positive: int, n_negative: int, seed: int) -> list[dict[str, object]]:
    """Scores of a box that counts from about 0 to 100, some below 0."""
    random = np.random.default_rng(seed)
    sides = [True] * n_positive + [False] * n_negative
    return [
        {
            "unit": f"part {i}",
            "group": f"tray {i}",
            "positive": "true" if positive else "false",
            "score": repr(float(random.normal(65 if positive else 15, 12))),
            "camera": "north" if i % 2 else "south",
        }
        for i, positive in enumerate(sides)
    ]


@pytest.fixture
def box(tmp_path: Path) -> Command:
    """A folder with scores.csv (300 positives, 700 negatives), test.csv, and the file of the model that made them."""
    write(tmp_path / "scores.csv", drawn(300, 700, 1))
    write(tmp_path / "test.csv", drawn(200, 400, 2))
    (tmp_path / "box.bin").write_bytes(b"firmware 3")

    def run(*words: str) -> Done:
        return subprocess.run([*MAIN, *words], cwd=tmp_path, capture_output=True, text=True, check=False)

    return run


def flat(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def scores_of(path: Path, *, positive: bool) -> list[float]:
    with path.open(newline="") as f:
        return [float(row["score"]) for row in csv.DictReader(f) if (row["positive"] == "true") is positive]


def test_the_threshold_is_the_order_statistic_of_the_positives_and_decides_in_python(
    box: Command, tmp_path: Path
) -> None:
    done = box("calibrate", "--scores", "scores.csv", "--sensitivity", "0.95")

    assert done.returncode == 0, done.stderr
    point = read_point(tmp_path / "operating_point.json")
    positives = sorted(scores_of(tmp_path / "scores.csv", positive=True))
    most = max(k for k in range(300) if binom.cdf(k, 300, 0.05) <= 0.05)
    threshold = positives[most]
    assert (point.thresholds.clear_below, point.proof.n_missed) == (threshold, most)
    assert point.thresholds.score_scale is ScoreScale.EXACT
    assert decide(threshold, point).outcome is Outcome.FLAG
    assert decide(threshold, point).certified
    assert decide(math.nextafter(threshold, 0.0), point).outcome is Outcome.CLEAR
    said = flat(done.stdout)
    assert "Certified: sensitivity at least 0.95 at confidence 0.95 (300 positives" in said
    assert repr(threshold) in said
    assert "no: takes 598 positives" in said
    assert "A row that is picked after looking needs other positives" in said


def test_the_certificate_binds_scores_and_model_file_and_the_log_has_its_row(box: Command, tmp_path: Path) -> None:
    box("calibrate", "--scores", "scores.csv", "--model-file", "box.bin", "--name", "box 3")

    made = read_certificate(tmp_path / "certificate.json")
    point = read_point(tmp_path / "operating_point.json")
    assert {f.name: f.sha256 for f in made.certificate.at_work.files} == {
        name: file_sha256(tmp_path / name) for name in ("scores.csv", "box.bin", "operating_point.json")
    }
    assert made.certificate.point == point
    assert made.certificate.operating_point_sha256 == point_sha256(point)
    assert len(made.certificate.unit_sha256) == 300
    assert (point.task, point.digests.engine) == ("box 3", "scores from scores.csv")
    assert point.digests.model_sha256 == file_sha256(tmp_path / "box.bin")
    with open_log(tmp_path / "inspect_ai.db", create=False) as log:
        _, entry = log.entries(kind="certificate")  # the first says that the site's own key is trusted
        assert (entry.certificate().task, entry.certificate().certificate_sha256) == ("box 3", made.sha256)
    assert verify(tmp_path / "inspect_ai.db").ok
    page = flat((tmp_path / "certificate.html").read_text("utf-8"))
    assert "Certificate of box 3" in page
    assert "the model file that was named as the maker of the scores" in page
    assert "Nothing about who made the scores" in page
    assert "quality gate" not in page


@pytest.mark.parametrize("name", ["scores.csv", "box.bin", "operating_point.json"])
def test_a_file_that_was_changed_after_it_was_certified_is_named(name: str, box: Command, tmp_path: Path) -> None:
    box("calibrate", "--scores", "scores.csv", "--model-file", "box.bin")
    assert "these are the files that were certified" in box("certificate", "verify", "certificate.json").stdout

    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content.replace(content[-9:-8], b"7" if content[-9:-8] != b"7" else b"8"))
    changed = box("certificate", "verify", "certificate.json")
    (tmp_path / name).unlink()
    missing = box("certificate", "verify", ".")

    assert (changed.returncode, missing.returncode) == (1, 1)
    assert f"It does not hold: {name} is not the one that was certified." in changed.stdout
    assert f"{name} is missing" in missing.stdout


def test_files_elsewhere_are_found_from_the_certificate_and_move_with_it(box: Command, tmp_path: Path) -> None:
    (tmp_path / "study" / "proof").mkdir(parents=True)
    (tmp_path / "scores.csv").rename(tmp_path / "study" / "scores.csv")
    done = box("calibrate", "--scores", "study/scores.csv", "--out", "study/proof/line.json")
    assert "certificate.json" in done.stdout

    (tmp_path / "study").rename(tmp_path / "moved")

    assert box("certificate", "verify", "moved/proof/line.certificate.json").returncode == 0


def test_json_holds_the_point_and_the_frontier_and_nothing_else_is_printed(box: Command, tmp_path: Path) -> None:
    done = box("calibrate", "--scores", "scores.csv", "--overkill", "0.2", "--json")

    (line,) = done.stdout.splitlines()
    told = json.loads(line)
    assert (told["task"], told["certified"], told["certificate"]) == ("scores", True, "certificate.json")
    negatives = scores_of(tmp_path / "scores.csv", positive=False)
    assert told["n_flagged"] == sum(score >= told["flag_from"] for score in negatives)
    assert told["proved_overkill"] <= 0.2
    row = next(row for row in told["frontier"] if row["sensitivity"] == 0.987)
    assert row["clear_below"] == told["clear_below"]
    assert row["false_positive_rate"] == pytest.approx(sum(s >= row["clear_below"] for s in negatives) / 700)


def test_too_few_positives_are_refused_with_what_they_prove_and_no_certificate(box: Command, tmp_path: Path) -> None:
    write(tmp_path / "few.csv", drawn(50, 10, 3))

    done = box("calibrate", "--scores", "few.csv")

    assert done.returncode == 2
    assert "needs at least 229 independent positives; there are 50" in flat(done.stderr)
    assert "no: takes 229 positives" in flat(done.stdout)
    assert not (tmp_path / "certificate.json").exists()
    assert not read_point(tmp_path / "operating_point.json").certified
    with open_log(tmp_path / "inspect_ai.db", create=False) as log:
        (entry,) = log.entries(kind="certificate")
        assert not entry.certificate().certified


def test_rows_of_one_group_are_one_unit_by_the_lowest_or_the_highest_positive(box: Command, tmp_path: Path) -> None:
    rows = drawn(120, 60, 4)
    for i, row in enumerate(rows):
        row["group"] = f"patient {i // 2}"
    write(tmp_path / "g.csv", rows)
    pairs = [[float(str(r["score"])) for r in rows[i : i + 2]] for i in range(0, 120, 2)]

    for rule, one in (("lowest", min), ("highest", max)):
        box("calibrate", "--scores", "g.csv", "--sensitivity", "0.95", "--score", rule, "--out", f"{rule}.json")
        point = read_point(tmp_path / f"{rule}.json")
        assert (point.proof.n_positive, point.proof.group_score) == (60, rule)
        most = max(k for k in range(60) if binom.cdf(k, 60, 0.05) <= 0.05)
        assert point.thresholds.clear_below == sorted(one(pair) for pair in pairs)[most]


def test_any_further_column_can_group(box: Command, tmp_path: Path) -> None:
    done = box("calibrate", "--scores", "scores.csv", "--group-by", "camera", "--sensitivity", "0.95")

    point = read_point(tmp_path / "operating_point.json")
    assert [(group.value, group.n_positive) for group in point.proof.groups] == [("north", 150), ("south", 150)]
    own = point.for_study([("camera", "north")]).thresholds.clear_below
    assert own == point.proof.groups[0].clear_below
    assert "2 of 2 groups are certified" in flat(done.stdout)
    missing = box("calibrate", "--scores", "scores.csv", "--group-by", "shift", "--out", "x.json")
    assert "has no further column 'shift' to group by; it has: camera." in flat(missing.stderr)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--scores", "nowhere.csv"], "cannot be read"),
        (["--scores", "none.csv"], "holds no positives"),
        (["--scores", "scores.csv", "--data", "."], "--data does not go with --scores"),
        (["--scores", "scores.csv", "--split", "test"], "--split does not go with --scores"),
        (["bright", "--data", ".", "--name", "x"], "--name does not go with a task"),
        (["bright"], "Give a task and its labelled folder"),
        (["--scores", "scores.csv", "--model-file", "nowhere.bin"], "nowhere.bin is no file"),
        (["--scores", "scores.csv", "--model-file", "scores.csv"], "it holds the scores or the operating point"),
        (["--scores", "scores.csv", "--name", "two\nlines"], "must be one printable line"),
        (["--scores", "scores.csv", "--out", "box.bin"], "is no operating point. Choose another file with --out"),
        (["--scores", "scores.csv", "--out", "tasks/bright/operating_point.json"], "holds the operating point of"),
        (["--scores", "scores.csv", "--out", "box 4.json"], "holds the operating point of box 4"),
    ],
)
def test_what_makes_no_sense_together_is_refused_and_nothing_is_written(
    words: list[str], said: str, box: Command, tmp_path: Path
) -> None:
    make_task(tmp_path / "tasks")
    write(tmp_path / "none.csv", drawn(0, 5, 1))
    if "box 4.json" in words:
        box("calibrate", "--scores", "test.csv", "--name", "box 4", "--out", "box 4.json")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    done = box("calibrate", *words)

    assert done.returncode in (2, 3)
    assert said in flat(done.stderr)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_other_scores_are_measured_against_the_certified_point_and_shown_on_a_page(
    box: Command, tmp_path: Path
) -> None:
    box("calibrate", "--scores", "scores.csv", "--sensitivity", "0.95")
    words = ["--scores-from", "test.csv", "--operating-point", "operating_point.json"]

    done = box("evaluate", *words, "--report", "page.html", "--json")

    told = json.loads(done.stdout)
    line = read_point(tmp_path / "operating_point.json").thresholds.clear_below
    positives, negatives = (scores_of(tmp_path / "test.csv", positive=side) for side in (True, False))
    assert told["sensitivity"] == pytest.approx(sum(s >= line for s in positives) / 200)
    assert told["false_positive_rate"] == pytest.approx(sum(s >= line for s in negatives) / 400)
    assert told["counts"]["clear"] == sum(s < line for s in positives + negatives)
    above = np.subtract.outer(positives, negatives)
    assert told["auc"] == pytest.approx((above > 0).mean() + (above == 0).mean() / 2)
    assert told["certified"]
    page = flat((tmp_path / "page.html").read_text("utf-8"))
    assert f"test.csv, SHA-256 {file_sha256(tmp_path / 'test.csv')}" in page
    assert "A score file holds no pictures, so none are shown." in page
    assert "These scores are no probabilities" in page
    assert "figures flatter" not in page
    assert "<img" not in page


def test_an_evaluation_says_why_it_is_not_certified(box: Command, tmp_path: Path) -> None:
    box("calibrate", "--scores", "scores.csv", "--sensitivity", "0.95")
    words = ["evaluate", "--scores-from", "scores.csv", "--operating-point", "operating_point.json"]

    assert "these very scores set the threshold" in self_page(box, tmp_path, words)
    (tmp_path / "certificate.json").rename(tmp_path / "away.json")
    assert "there is no certificate for this operating point" in flat(box(*words, "--json").stdout)
    assert json.loads(box(*words[:3], "--json").stdout)["uncertified_because"] == "no operating point"


def self_page(box: Command, tmp_path: Path, words: list[str]) -> str:
    box(*words, "--report", "page.html")
    return flat((tmp_path / "page.html").read_text("utf-8"))


def test_the_point_of_a_task_certifies_no_scores_out_of_a_file(box: Command, tmp_path: Path) -> None:
    make_task(tmp_path / "tasks")
    write(tmp_path / "p.csv", [{"file": "a", "positive": 1, "score": 0.9}, {"file": "b", "positive": 0, "score": 0.1}])

    done = box("evaluate", "--scores-from", "p.csv", "--operating-point", "tasks/bright/operating_point.json", "--json")

    told = json.loads(done.stdout)
    assert (told["counts"]["flag"], told["counts"]["clear"]) == (1, 1)
    assert "nothing shows that the model of the operating point made them" in told["uncertified_because"]


def test_evaluate_takes_scores_or_a_task_and_not_both(box: Command) -> None:
    done = box("evaluate", "bright", "--scores-from", "test.csv", "--scores", "x.csv")

    assert done.returncode == 2
    assert "TASK, --scores does not go with --scores-from" in flat(done.stderr)
    assert "Give a task and its labelled folder" in flat(box("evaluate").stderr)


def test_a_person_revokes_a_certificate_about_scores_by_its_file(box: Command, tmp_path: Path) -> None:
    box("calibrate", "--scores", "scores.csv")
    words = ["evaluate", "--scores-from", "scores.csv", "--operating-point", "operating_point.json", "--json"]
    before = json.loads(box(*words).stdout)

    done = box("certificate", "revoke", "certificate.json", "--reason", "two labels were wrong")
    after = json.loads(box(*words).stdout)

    assert done.returncode == 0, done.stderr
    assert before["certified"] is True
    assert after["certified"] is False
    assert "revoked by entry 3: two labels were wrong" in after["uncertified_because"]
