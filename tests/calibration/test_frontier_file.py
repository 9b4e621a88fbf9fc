"""The frontier beside an operating point: read back as written, and believed no further than its counts."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inspect_ai.calibration.frontier import Frontier, frontier
from inspect_ai.calibration.frontier_file import frontier_path, read_frontier, write_frontier
from inspect_ai.calibration.solver import CalibrationRequest, CalibrationScores, solve
from inspect_ai.errors import UsageError
from inspect_ai.operating_point import Digests, OperatingPoint

ASKED = CalibrationRequest(sensitivity=0.95, overkill=0.1)
SCORES = CalibrationScores(
    scores=[*np.linspace(0.3, 1, 120).tolist(), *np.linspace(0, 0.6, 200).tolist()],
    units=[f"u{i}" for i in range(320)],
    positive=[True] * 120 + [False] * 200,
    passed=[True] * 320,
)


@pytest.fixture
def point() -> OperatingPoint:
    found = solve(SCORES, ASKED)
    digests = Digests(model_sha256="", config_sha256="", engine="", calibration_sha256="")
    return OperatingPoint(
        task="t", covers="", thresholds=found.thresholds, proof=found.proof, false_alarms=found.false_alarms,
        digests=digests,
    )  # fmt: skip


@pytest.fixture
def written(point: OperatingPoint, tmp_path: Path) -> tuple[Frontier, Path]:
    found, path = frontier(SCORES, ASKED), tmp_path / "frontier.json"
    write_frontier(found, point, path)
    return found, path


def test_it_is_read_back_as_it_was(written: tuple[Frontier, Path], point: OperatingPoint) -> None:
    found, path = written

    assert read_frontier(point, path) == found


def test_one_of_another_operating_point_and_none_at_all_are_no_frontier(
    written: tuple[Frontier, Path], point: OperatingPoint, tmp_path: Path
) -> None:
    assert read_frontier(replace(point, covers="something else"), written[1]) is None
    assert read_frontier(point, tmp_path / "nowhere.json") is None


@pytest.mark.parametrize(
    ("row", "changes", "said"),
    [
        (1, {"n_missed": 40}, "the row of 0.95 is not proved by 40 missed of 120"),
        (1, {"negatives_flagged": 201}, "counts that cannot be"),
        (1, {"n_missed": None}, "a proof and no counts"),
        (5, {"provable": True}, "a proof and no counts"),
        (1, {"promised": False}, "no row, or not one alone, is the operating point's"),
        (0, {"promised": True}, "no row, or not one alone, is the operating point's"),
        (1, {"n_positive": "many"}, "is no frontier"),
    ],
)
def test_a_row_that_was_edited_is_refused(
    written: tuple[Frontier, Path], point: OperatingPoint, row: int, changes: dict[str, object], said: str
) -> None:
    path = written[1]
    plain = json.loads(path.read_text("utf-8"))
    plain["frontier"]["rows"][row] |= changes
    path.write_text(json.dumps(plain), "utf-8")

    with pytest.raises(UsageError, match=said):
        read_frontier(point, path)


def test_a_file_of_that_name_which_is_no_frontier_is_not_overwritten(
    written: tuple[Frontier, Path], point: OperatingPoint
) -> None:
    found, path = written
    write_frontier(found, point, path)  # its own is
    path.write_text('{"somebody": "else"}', "utf-8")

    with pytest.raises(UsageError, match=r"frontier\.json is there and is no frontier"):
        write_frontier(found, point, path)
    assert path.read_text("utf-8") == '{"somebody": "else"}'


def test_it_has_the_name_of_its_operating_point() -> None:
    assert frontier_path(Path("a/operating_point.json")) == Path("a/frontier.json")
    assert frontier_path(Path("a/line.json")) == Path("a/line.frontier.json")
