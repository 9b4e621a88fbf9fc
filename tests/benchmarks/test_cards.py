"""Model cards hold the frontier of their operating point, as the command prints it."""

from pathlib import Path

import pytest

from benchmarks import cards
from inspect_ai.calibration.frontier import frontier
from inspect_ai.calibration.frontier_file import frontier_path, write_frontier
from inspect_ai.calibration.point import write_point
from inspect_ai.calibration.solver import CalibrationRequest, CalibrationScores, solve
from inspect_ai.errors import UsageError
from inspect_ai.operating_point import Digests, OperatingPoint
from inspect_ai.report.frontier import card_text
from inspect_ai.settings import bundled

SCORES = CalibrationScores(
    scores=[i / 128 for i in range(128)],
    units=[f"u{i}" for i in range(128)],
    positive=[i >= 64 for i in range(128)],
    passed=[True] * 128,
)
ASKED = CalibrationRequest(sensitivity=0.95)
STORED = sorted(path.parent for path in bundled("tasks").glob("*/frontier.json"))


def made(folder: Path) -> str:
    """A task's folder with a card, an operating point and its frontier; returns the text that its card should hold."""
    found = solve(SCORES, ASKED)
    point = OperatingPoint(
        task="made", covers="one part", thresholds=found.thresholds, proof=found.proof,
        digests=Digests(model_sha256="", config_sha256="", engine="", calibration_sha256=""),
    )  # fmt: skip
    place = folder / "operating_point.json"
    write_point(point, place)
    write_frontier(frontier(SCORES, ASKED), point, frontier_path(place))
    return card_text(frontier(SCORES, ASKED), point)


def test_a_card_takes_the_table_and_keeps_every_other_word(tmp_path: Path) -> None:
    text = made(tmp_path / "made")
    card = tmp_path / "made" / "MODEL_CARD.md"
    card.write_text(f"# Card\n\n{cards.BEGIN}old\n{cards.END}\nNot covered.\n", "utf-8")

    for _ in range(2):  # again changes nothing
        cards.cards(folder=tmp_path)

    assert card.read_text("utf-8") == f"# Card\n\n{cards.BEGIN}{text}{cards.END}\nNot covered.\n"
    assert "| 0.95 | yes, promised | 0.5 | 0 of 64, 0 allowed | 0\u00a0% (0 to 5.7\u00a0%) |" in text


def test_a_card_without_a_place_for_it_is_said(tmp_path: Path) -> None:
    made(tmp_path / "made")
    (tmp_path / "made" / "MODEL_CARD.md").write_text("# Card\n", "utf-8")

    with pytest.raises(UsageError, match="has no place for the frontier"):
        cards.cards(folder=tmp_path)


@pytest.mark.parametrize("card", sorted(bundled("tasks").glob("*/MODEL_CARD.md")), ids=lambda path: path.parent.name)
def test_a_shipped_card_says_what_is_stored_beside_its_point(card: Path, tmp_path: Path) -> None:
    """Where this fails, `make cards` writes it again."""
    text = card.read_text("utf-8")

    assert cards.BEGIN in text
    if card.parent in STORED:
        found = cards.stored_frontier(str(card.parent), cards.Settings())
        assert text == cards.replaced(text, card_text(found.frontier, found.point), card)
