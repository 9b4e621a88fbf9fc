"""The demo, as a person starts it: studies are decided offline as they were made, and no others are decided."""

import hashlib
import json
import os
import re
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len

from inspect_ai.domain import Outcome
from inspect_ai.errors import InspectError, UsageError
from inspect_ai.inspection.loading import load_all
from inspect_ai.journeys.demo import READY, STUDIES, MadeFolder, compare, make_studies
from inspect_ai.phantom import write_chests
from inspect_ai.phantom.chest_frame import SLICE_MM
from inspect_ai.settings import Settings
from tests.support.logs import decision
from tests.support.terminal import PROGRAM, in_pipe, on_terminal


@dataclass(frozen=True)
class Shown:
    """Folder of the demo, what its first run printed in a pipe, and the lines of its second run on 80 columns."""

    folder: Path
    first: subprocess.CompletedProcess[str]
    second: list[str]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    try:
        load_all(Settings(), made_up=True)
    except InspectError as e:
        pytest.skip(f"no task is ready for made studies: {e}")
    folder = tmp_path_factory.mktemp("demo")
    first = subprocess.run(
        [*PROGRAM, "demo"], cwd=folder, env=os.environ, capture_output=True, text=True, timeout=1200, check=False
    )
    return Shown(folder=folder, first=first, second=on_terminal(80, "demo", cwd=folder))


@pytest.mark.slow
def test_the_demo_decides_made_studies_and_says_what_to_do_next(shown: Shown) -> None:
    text = " ".join(shown.first.stdout.split())
    assert shown.first.returncode == 0, shown.first.stderr
    assert "made by a program" in text
    assert "trained on real data" in text
    assert "weights of castings" not in text  # it takes no part
    assert "inspect-ai audit verify --db demo/inspect_ai.db" in text
    assert {path.name for path in shown.folder.iterdir()} == {"demo"}
    files = [path for path in (shown.folder / "demo" / STUDIES).rglob("*") if path.is_file()]
    consumed, rejected, found = map(int, re.findall(r"(\d+) consumed \+ (\d+) rejected = (\d+) found", text)[0])
    assert consumed + rejected == found == len(files)
    page = (shown.folder / "demo" / "report" / "report.html").read_text("utf-8")
    assert "what is proved here is proved for made pictures alone" in page
    assert "<td>no</td>" not in page
    assert "<td>yes</td>" not in page


@pytest.mark.slow
def test_healthy_ones_are_clear_the_others_flagged_and_the_blurred_one_is_left_to_a_person(shown: Shown) -> None:
    rows = [line.split("\t") for line in shown.first.stdout.splitlines()]
    outcomes = {row[6].partition("#")[0]: row[0] for row in rows if len(row) > 7 and row[0] in set(Outcome)}

    assert outcomes == {
        "ct/chest_clear": "clear",
        "ct/chest_nodules": "flag",
        **{f"fundus/healthy_{n}": "clear" for n in ("1.jpg", "2.jpg", "3.dcm")},
        **{f"fundus/lesions_{n}": "flag" for n in ("1.jpg", "2.jpg", "3.dcm")},
        "fundus/out_of_focus.jpg": "abstain",
        **{f"metal/tile_{n}": "clear" for n in ("1.jpg", "2.png", "3.bmp")},
        **{f"metal/tile_{n}": "flag" for n in ("4_blowhole.jpg", "5_crack.png", "6_break.bmp", "7_fray.jpg")},
        "rubbish/tile_1_copy.jpg": "clear",
    }
    assert "clear 7 of 7 sound, flag 8 of 8 others, abstain 1 of 1 blurred." in shown.first.stdout
    (blurred,) = (row for row in rows if len(row) > 7 and row[6] == "fundus/out_of_focus.jpg")
    assert "focus" in blurred[7]


@pytest.mark.slow
def test_each_decision_says_phantom_and_what_is_proved_stands_once_for_each_task(shown: Shown) -> None:
    logged = in_pipe("audit", "list", "--db", "demo/inspect_ai.db", "--json", "--limit", "0", cwd=shown.folder)
    decisions = [entry for line in logged.stdout.splitlines() if (entry := json.loads(line))["kind"] == "decision"]

    assert len(decisions) == 16
    assert all("; proved for phantoms: " in d["reason"] for d in decisions if d["outcome"] != "abstain")
    assert not any(d["certified"] for d in decisions)
    sentences = [line for line in shown.first.stdout.splitlines() if ": proved for phantoms: at least " in line]
    assert [line.partition(":")[0] for line in sentences] == ["fundus", "lung_nodule", "metal_surface"]


@pytest.mark.slow
def test_on_eighty_columns_a_study_has_one_line_and_a_nodule_its_size_and_place(shown: Shown, tmp_path: Path) -> None:
    rows = [line for line in shown.second if re.match(r"(flag|clear|abstain) ", line)]
    assert len(rows) == 17
    assert all(cell_len(line) <= 80 for line in shown.second)
    assert sum(" phantom " in row for row in rows) == 16  # all but the one that nothing is promised about
    (flagged,) = (row for row in rows if row.startswith("flag") and "ct/" in row)
    said = re.findall(r"nodule (\d+) mm slice (\d+), row (\d+), column (\d+)", shown.first.stdout)[0]
    assert f"nodule {said[0]} mm slice {said[1]}" in flagged
    size_mm, number, row, col = map(int, said)
    (near,) = (
        place
        for place in write_chests(tmp_path)[0].places
        if place.position_mm and abs(place.position_mm[2] - (number - 1) * SLICE_MM) < 5
        and np.hypot(place.row - row, place.col - col) < place.diameter_px / 2
    )  # fmt: skip
    assert near.diameter_mm == pytest.approx(size_mm, rel=0.4)


def listed(folder: Path) -> Path:
    """A demo's folder that is made already, of one file, and its list."""
    (folder / STUDIES).mkdir(parents=True)
    (folder / STUDIES / "a.png").write_bytes(b"made")
    files = {"a.png": hashlib.sha256(b"made").hexdigest()}
    (folder / READY).write_text(json.dumps({"expected": {"a.png": "clear"}, "files": files}), "utf-8")
    return folder


def test_the_demo_decides_no_file_that_it_did_not_make(tmp_path: Path) -> None:
    folder = listed(tmp_path / "demo")
    (folder / STUDIES / "mine.png").write_bytes(b"a photograph of a patient")

    done = in_pipe("demo", cwd=tmp_path)

    assert done.returncode == 2
    assert "mine.png, which this demo did not make" in done.stderr
    assert "inspect-ai scan PATH" in done.stderr
    assert not (folder / "inspect_ai.db").exists()


def test_a_made_file_that_was_exchanged_is_not_decided(tmp_path: Path) -> None:
    folder = listed(tmp_path)
    assert make_studies(folder).expected == {"a.png": Outcome.CLEAR}

    (folder / STUDIES / "a.png").write_bytes(b"a photograph of a patient")

    with pytest.raises(UsageError, match="did not make"):
        make_studies(folder)


def test_a_study_that_was_decided_otherwise_than_it_was_made_is_named() -> None:
    expected = {"parts/1.png": Outcome.FLAG, "parts/2": Outcome.CLEAR, "parts/4.png": Outcome.CLEAR}
    made = MadeFolder(studies=Path(), expected=expected)
    series = decision(2, outcome=Outcome.CLEAR)
    decisions = [decision(1), replace(series, study=replace(series.study, key="parts/2#0123abcd")), decision(4)]

    clear, flag, abstain = compare(made, decisions)

    assert (clear.count, clear.otherwise) == (2, ("parts/4.png",))
    assert (flag.count, flag.otherwise) == (1, ())
    assert abstain.count == 0
    assert compare(made, [])[1].otherwise == ("parts/1.png",)
