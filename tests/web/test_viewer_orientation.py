"""Letters of the patient's sides at the edges of the viewer's planes."""

from __future__ import annotations

import numpy as np
import pytest

from tests.web import made_volumes as made
from tests.web.desk import Desk

SMALL = made.manifest(20, 64, 96, (2.0, 1.0, 1.0))
UPRIGHT = {"slice": ["F", "H"], "row": ["A", "P"], "col": ["R", "L"]}


def served(desk: Desk) -> Desk:
    desk.site.answer("/slices/", "application/octet-stream", lambda _: np.full((64, 96), -500, "<i2").tobytes())
    return desk


def letters(desk: Desk, plane: str) -> dict[str, str]:
    """Letter at each edge of a pane, and that it stands at that edge."""
    found = desk.call(
        "[...document.querySelectorAll(arguments[0])].map((one) =>"
        " [one.dataset.edge, one.textContent, Number(one.getAttribute('x')), Number(one.getAttribute('y'))])",
        f".iv-{plane} .iv-side",
    )
    _, _, width, height = desk.frame(plane)
    for edge, _, x, y in found:
        assert {"left": x < width / 3, "right": x > width * 2 / 3, "top": y < height / 3, "bottom": y > height / 2}[
            edge
        ]
    return {edge: letter for edge, letter, _, _ in found}


def test_each_plane_names_its_four_sides(desk: Desk) -> None:
    served(desk).mount(SMALL | {"orientation": UPRIGHT})
    desk.wait_for_all(20)
    desk.press("q")
    desk.wait(lambda: len(desk.driver.find_elements("css selector", ".iv-sagittal .iv-side")) == 4)

    assert letters(desk, "axial") == {"left": "R", "right": "L", "top": "A", "bottom": "P"}
    assert letters(desk, "coronal") == {"left": "R", "right": "L", "top": "H", "bottom": "F"}
    assert letters(desk, "sagittal") == {"left": "A", "right": "P", "top": "H", "bottom": "F"}


def test_a_series_that_was_written_mirrored_and_from_the_head_is_told_so(desk: Desk) -> None:
    mirrored = {"slice": ["H", "F"], "row": ["P", "A"], "col": ["L", "R"]}
    served(desk).mount(SMALL | {"orientation": mirrored})
    desk.wait_for_all(20)
    desk.call("viewer.showPlanes(true)")

    assert letters(desk, "axial") == {"left": "L", "right": "R", "top": "P", "bottom": "A"}
    assert letters(desk, "coronal") == {"left": "L", "right": "R", "top": "F", "bottom": "H"}


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        ({"flipHorizontal": True}, {"left": "L", "right": "R", "top": "A", "bottom": "P"}),
        ({"flipVertical": True}, {"left": "R", "right": "L", "top": "P", "bottom": "A"}),
        ({"rotation": 180}, {"left": "L", "right": "R", "top": "P", "bottom": "A"}),
        ({"rotation": 90}, {"left": "P", "right": "A", "top": "R", "bottom": "L"}),
    ],
    ids=["mirrored", "upside down", "half a turn", "a quarter turn"],
)
def test_letters_follow_a_display_that_is_mirrored_or_turned(
    desk: Desk, view: dict[str, object], expected: dict[str, str]
) -> None:
    """The screen itself says where the bright corner (row 0, column 0) went; the letters must agree with it."""
    corner = np.full((64, 96), -1000, "<i2")
    corner[:20, :20] = 1000
    desk.site.answer("/slices/", "application/octet-stream", lambda _: corner.tobytes())
    desk.mount(SMALL | {"orientation": UPRIGHT})

    desk.call("(viewer.pane.viewport.setViewState(arguments[0]), viewer.pane.render())", view)
    shown = letters(desk, "axial")
    lit = desk.screen("axial").min(axis=2) > 250
    lit[:90] = lit[-70:] = False  # without words and scale bar
    rows, columns = np.nonzero(lit)
    height, width = lit.shape
    seen = {
        "left" if columns.mean() < width / 2 else "right",
        "top" if rows.mean() < height / 2 else "bottom",
    }

    assert shown == expected
    assert seen == {edge for edge, letter in shown.items() if letter in "RA"}


def test_no_letter_is_shown_where_the_orientation_is_not_known(desk: Desk) -> None:
    served(desk).mount(SMALL | {"orientation": None})

    assert letters(desk, "axial") == {}


@pytest.mark.parametrize("wrong", [{"slice": ["F", "H"]}, UPRIGHT | {"col": ["R", "right"]}, UPRIGHT | {"row": ["A"]}])
def test_half_an_orientation_is_refused(desk: Desk, wrong: dict[str, list[str]]) -> None:
    with pytest.raises(RuntimeError, match="orientation of a volume needs two letters"):
        served(desk).mount(SMALL | {"orientation": wrong})
