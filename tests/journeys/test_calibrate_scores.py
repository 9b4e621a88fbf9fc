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
    assert "yes, promised" in said
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

    done = box("calibrate", "--scores", "few.csv", "--sensitivity", "0.987")

    assert done.returncode == 2
    assert "needs at least 229 independent positives; there are 50" in flat(done.stderr)
    assert "no: 179 more positives" in flat(done.stdout)
    assert not (tmp_path / "certificate.json").exists()
    assert not read_point(tmp_path / "operating_point.json").certified
    with open_log(tmp_path / "inspect_ai.db", create=False) as log:
        (entry,) = log.entries(kind="certificate")
        assert not entry.certificate().certified


def test_without_a_word_it_promises_the_best_that_so_many_prove_and_says_that_it_is_less(
    box: Command, tmp_path: Path
) -> None:
    write(tmp_path / "few.csv", drawn(68, 200, 3))

    done = box("calibrate", "--scores", "few.csv")

    point = read_point(tmp_path / "operating_point.json")
    assert done.returncode == 0, done.stderr
    assert point.proof.sensitivity == 0.95
    said = "the usual 0.987 takes 229 positives and there are 68, so 0.95 is promised"
    assert said in flat(done.stdout)
    assert said in point.covers
    page = flat((tmp_path / "certificate.html").read_text("utf-8"))
    assert said in page
    assert "This is less than the usual 98.7 %" in page
    assert "At least 95 % of positives are not cleared" in page


def test_a_second_line_is_made_for_flags_unless_there_are_too_few_negatives_or_none_is_wanted(
    box: Command, tmp_path: Path
) -> None:
    write(tmp_path / "few.csv", drawn(300, 58, 3))

    two = box("calibrate", "--scores", "scores.csv", "--out", "two.json")
    few = box("calibrate", "--scores", "few.csv", "--out", "few.json")
    one = box("calibrate", "--scores", "scores.csv", "--out", "one.json", "--overkill", "0")

    negatives = scores_of(tmp_path / "scores.csv", positive=False)
    lines = read_point(tmp_path / "two.json").thresholds
    most = max(k for k in range(700) if binom.cdf(k, 700, 0.05) <= 0.05)
    assert sum(s >= lines.flag_from for s in negatives) == most
    assert "Overkill at most 0.05 at confidence 0.95" in two.stdout
    for name, done in (("few", few), ("one", one)):
        lines = read_point(tmp_path / f"{name}.json").thresholds
        assert lines.clear_below == lines.flag_from
        assert "One line: what is not cleared is flagged" in done.stdout


def test_at_a_price_negatives_set_the_line_and_everything_says_so(box: Command, tmp_path: Path) -> None:
    done = box("calibrate", "--scores", "scores.csv", "--at-fpr", "0.01", "--overkill", "0", "--json")

    told = json.loads(done.stdout)
    positives, negatives = (scores_of(tmp_path / "scores.csv", positive=side) for side in (True, False))
    line = math.nextafter(sorted(negatives)[-8], math.inf)
    assert (told["clear_below"], told["at_fpr"], told["fpr_n_reaching"]) == (line, 0.01, 7)
    assert told["n_missed"] == sum(s < line for s in positives)
    assert told["certified"]
    assert [row["clear_below"] for row in told["frontier"] if row["promised"]] == [line]
    shown = box("certificate", "show", ".")
    assert "negatives alone set the line" in flat(shown.stdout)
    assert "line by negatives" in flat(shown.stdout)
    assert "line set by negatives alone" in flat((tmp_path / "certificate.html").read_text("utf-8"))
    assert box("certificate", "verify", ".").returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--at-fpr", "0.1", "--sensitivity", "0.9"], "--sensitivity does not go with --at-fpr"),
        (["--at-fpr", "0.1", "--group-by", "camera"], "goes with no groups"),
        (["--prove-fpr"], "--prove-fpr proves the share that --at-fpr names"),
        (["--sensitivity", "nine"], "The sensitivity is a number such as 0.95, or best; it is 'nine'"),
    ],
)
def test_requests_that_do_not_go_together_are_refused_in_a_sentence(
    box: Command, words: list[str], said: str, tmp_path: Path
) -> None:
    done = box("calibrate", "--scores", "scores.csv", *words)

    assert done.returncode == 2
    assert said in flat(done.stderr)
    assert not (tmp_path / "operating_point.json").exists()


def test_the_frontier_stays_beside_the_point_and_is_printed_for_a_card(box: Command, tmp_path: Path) -> None:
    box("calibrate", "--scores", "scores.csv", "--out", "line.json")
    (tmp_path / "line.json").rename(tmp_path / "operating_point.json")
    (tmp_path / "line.frontier.json").rename(tmp_path / "frontier.json")

    told = json.loads(box("certificate", "frontier", ".", "--json").stdout)
    card = box("certificate", "frontier", "operating_point.json", "--markdown").stdout
    none = box("certificate", "frontier", "scores.csv")

    assert [row["sensitivity"] for row in told["frontier"]] == [0.9, 0.95, 0.97, 0.98, 0.987, 0.99]
    for row in told["frontier"]:
        line = next(line for line in card.splitlines() if line.startswith(f"| {row['sensitivity']:g} |"))
        assert f"{row['n_missed']} of 300" in line
        assert ("promised" in line) == (row["sensitivity"] == 0.987)
        assert f"{round(100 * row['false_positive_rate'], 1):g}" in line
    assert card.startswith("Certified (proved: at least 98.7 % of positives reach ")
    assert none.returncode == 2
    (tmp_path / "frontier.json").unlink()
    assert "There is no frontier of this operating point" in flat(box("certificate", "frontier", ".").stderr)


def test_an_evaluation_measures_every_proved_line_and_the_share_of_each_outcome(box: Command, tmp_path: Path) -> None:
    box("calibrate", "--scores", "scores.csv", "--overkill", "0.005")  # a line above nearly all 700 negatives
    words = ["evaluate", "--scores-from", "test.csv", "--operating-point", "operating_point.json"]

    told = json.loads(box(*words, "--json").stdout)
    done = box(*words, "--report", "page.html")

    positives, negatives = (scores_of(tmp_path / "test.csv", positive=side) for side in (True, False))
    assert [row["sensitivity"] for row in told["frontier"]] == [0.9, 0.95, 0.97, 0.98, 0.987, 0.99]
    for row in told["frontier"]:
        assert row["kept"]["k"] == sum(s >= row["clear_below"] for s in positives)
        assert row["not_cleared"]["share"] == sum(s >= row["clear_below"] for s in negatives) / 400
        low, high = row["kept"]["interval"]
        kept = row["kept"]["share"]
        holds = "yes" if kept >= row["sensitivity"] else "within chance" if high >= row["sensitivity"] else "no"
        assert (row["holds"], low <= kept <= high) == (holds, True)
    lines = read_point(tmp_path / "operating_point.json").thresholds
    assert lines.clear_below < lines.flag_from
    counted = {(one["side"], one["outcome"]): one["k"] for one in told["outcomes"]}
    for side, scores in (("positives", positives), ("negatives", negatives)):
        assert counted[side, "clear"] == sum(s < lines.clear_below for s in scores)
        assert counted[side, "abstain"] == sum(lines.clear_below <= s < lines.flag_from for s in scores)
        assert counted[side, "flag"] == sum(s >= lines.flag_from for s in scores)
    assert told["false_positive_rate"] == sum(s >= lines.clear_below for s in negatives) / 400
    assert told["flagged_rate"] == counted["negatives", "flag"] / 400
    assert "Proved lines, on these pictures" in done.stdout
    assert "Proved lines, on these pictures" in (tmp_path / "page.html").read_text("utf-8")


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
