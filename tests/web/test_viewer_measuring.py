"""Measuring a line in the viewer: millimetres in the three planes, pixels on a photograph, never an answer."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.web import made_volumes as made
from tests.web.desk import Desk

SMALL = made.manifest(20, 128, 128, (3.0, 0.5, 0.8))


@pytest.fixture
def volume(desk: Desk) -> Desk:
    blank = np.full((128, 128), -500, "<i2").tobytes()
    desk.site.answer("/slices/", "application/octet-stream", lambda _: blank)
    desk.mount(SMALL)
    return desk


def lengths(desk: Desk) -> list[str]:
    return list(desk.call("[...document.querySelectorAll('.iv-length')].map((one) => one.textContent)"))


def mm(text: str) -> float:
    number, unit = text.split()
    assert unit == "mm"
    return float(number)


def drag_between(desk: Desk, start: tuple[float, float], end: tuple[float, float]) -> None:
    first, last = ({"slice": 10, "row": row, "col": col} for row, col in (start, end))
    desk.drag(desk.page_xy("axial", first), desk.page_xy("axial", last))


def test_a_line_is_as_long_as_the_spacing_says_whatever_the_zoom(volume: Desk) -> None:
    volume.button("measure").click()
    drag_between(volume, (40, 30), (80, 60))  # 20 mm down, 24 mm across

    (length,) = lengths(volume)
    assert mm(length) == pytest.approx(np.hypot(20, 24), abs=0.6)  # the mouse meets whole screen pixels
    assert volume.said() == f"Length: {length}"
    volume.button("zoomIn").click()
    volume.press("g")
    volume.call("viewer.pane.panBy(40, -30)")
    assert lengths(volume) == [length]


def test_a_line_needs_no_mouse(volume: Desk) -> None:
    volume.press(
        "g", "enter", "Shift+arrow_right", "Shift+arrow_right", "Shift+arrow_right", "Shift+arrow_down", "enter"
    )

    assert lengths(volume) == [f"{np.hypot(30 * 0.8, 10 * 0.5):.1f} mm"]


@pytest.mark.parametrize(("plane", "across_mm"), [("coronal", 0.8), ("sagittal", 0.5)])
def test_the_upright_planes_are_measured_with_the_step_between_slices(
    volume: Desk, plane: str, across_mm: float
) -> None:
    volume.wait_for_all(20)
    volume.call("viewer.showPlanes(true)")
    volume.call("viewer.setTool('measure')")
    left, top, width, height = volume.frame(plane)
    index = {"coronal": 1, "sagittal": 2}[plane]
    per_mm = volume.call("viewer.panes[arguments[0]].zoom", index) / across_mm
    middle = (left + width / 2, top + height / 2)
    volume.drag(middle, (middle[0] + 15 * per_mm, middle[1] - 20 * per_mm))

    (length,) = lengths(volume)
    assert mm(length) == pytest.approx(25, abs=0.8)
    axis = {"coronal": "row", "sagittal": "col"}[plane]
    assert volume.call("document.querySelectorAll(arguments[0]).length", f".iv-{plane} .iv-length") == 1
    volume.call(f"viewer.setPlace({{ ...viewer.place, {axis}: viewer.place.{axis} + 1 }})")
    assert lengths(volume) == []  # it stands on its own cut alone
    volume.call(f"viewer.setPlace({{ ...viewer.place, {axis}: viewer.place.{axis} - 1 }})")
    volume.call("viewer.setTool('erase')")
    volume.drag(
        (middle[0] + 7.5 * per_mm, middle[1] - 10 * per_mm), (middle[0] + 7.5 * per_mm, middle[1] - 10 * per_mm)
    )
    assert lengths(volume) == []
    assert volume.said() == "Line deleted"


def test_a_line_is_no_answer_and_is_not_told_as_one(volume: Desk) -> None:
    volume.call("((viewer.options.onDrawn = () => { window.told = true; }), null)")
    volume.press("g", "enter", "Shift+arrow_right", "enter")

    assert volume.call("viewer.drawn()") == []
    assert volume.call("window.told ?? null") is None
    stored = [{"kind": "point", "slice": 10, "points": [[3, 7]]}]
    volume.call("viewer.load(arguments[0])", stored)
    assert len(lengths(volume)) == 1  # stored answers take no measured line away
    assert volume.call("viewer.drawn()") == stored
    with pytest.raises(RuntimeError, match='of kind "measure"'):
        volume.call("viewer.load([{kind: 'measure', slice: 1, points: [[1, 1], [2, 2]]}])")


def test_delete_takes_the_last_line_of_its_own_slice_away(volume: Desk) -> None:
    volume.press("g", "enter", "Shift+arrow_right", "enter")
    volume.call("viewer.goTo(11)")
    volume.press("delete")
    assert volume.said() == "No drawing here to delete."
    volume.call("viewer.goTo(10)")
    assert len(lengths(volume)) == 1
    volume.press("delete")

    assert lengths(volume) == []


def test_a_photograph_is_measured_in_pixels_and_says_so(desk: Desk) -> None:
    out = io.BytesIO()
    Image.fromarray(np.full((200, 300, 3), 90, np.uint8)).save(out, "PNG")
    desk.site.answer("/picture.png", "image/png", lambda _: out.getvalue())
    desk.mount({"kind": "picture", "width": 300, "height": 200, "url": "/picture.png", "heat": None, "marks": []})

    desk.press("g", "enter", *["Shift+arrow_right"] * 4, *["Shift+arrow_down"] * 3, "enter")

    assert lengths(desk) == ["50 px"]
    assert desk.said().startswith("Length: 50 px, in pixels of the picture.")
