"""Drawings of the reader: by mouse, by keyboard alone, by finger, stored and shown again."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.web import made_volumes as made
from tests.web.desk import Desk

SMALL = made.manifest(20, 128, 128, (2.0, 1.0, 1.0))
PICTURE = {"kind": "picture", "width": 300, "height": 200, "url": "/picture.png", "heat": None, "marks": []}


@pytest.fixture
def volume(desk: Desk) -> Desk:
    blank = np.full((128, 128), -500, "<i2").tobytes()
    desk.site.answer("/slices/", "application/octet-stream", lambda _: blank)
    desk.mount(SMALL)
    return desk


@pytest.fixture
def picture(desk: Desk) -> Desk:
    out = io.BytesIO()
    Image.fromarray(np.full((200, 300, 3), 90, np.uint8)).save(out, "PNG")
    desk.site.answer("/picture.png", "image/png", lambda _: out.getvalue())
    desk.mount(PICTURE)
    return desk


def drawn(desk: Desk) -> list[dict[str, Any]]:
    return list(desk.call("viewer.drawn()"))


def drag_between(desk: Desk, plane: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    first, last = ({"slice": 10, "row": row, "col": col} for row, col in (start, end))
    desk.drag(desk.page_xy(plane, first), desk.page_xy(plane, last))


def test_a_box_is_drawn_by_mouse_in_source_pixels_whatever_the_zoom(volume: Desk) -> None:
    volume.button("zoomIn").click()
    volume.button("box").click()

    drag_between(volume, "axial", (70, 80), (50, 60))

    (box,) = drawn(volume)
    assert (box["kind"], box["slice"]) == ("box", 10)
    assert np.array(box["points"]) == pytest.approx(np.array([[50, 60], [70, 80]]), abs=0.3)  # upper left first


def test_a_circle_and_an_outline_are_drawn_by_mouse_on_a_picture(picture: Desk) -> None:
    picture.button("circle").click()
    drag_between(picture, "picture", (100, 150), (100, 170))
    picture.button("freehand").click()
    drag_between(picture, "picture", (20, 20), (60, 90))

    circle, outline = drawn(picture)
    assert (circle["kind"], circle["slice"]) == ("circle", None)
    assert np.array(circle["points"]) == pytest.approx(np.array([[100, 150], [100, 170]]), abs=0.4)
    assert outline["kind"] == "freehand"
    assert len(outline["points"]) >= 3
    assert outline["points"][0] == pytest.approx([20, 20], abs=0.4)
    assert outline["points"][-1] == pytest.approx([60, 90], abs=0.4)


def test_point_box_circle_and_outline_need_no_mouse(volume: Desk) -> None:
    volume.press("x", "enter", "Shift+arrow_down", "arrow_right", "arrow_right", "enter")
    volume.press("d", "arrow_left", "enter")
    volume.press("c", "enter", "arrow_up", "arrow_up", "enter")
    volume.press("f", "enter", "Shift+arrow_right", "enter", "Shift+arrow_down", "enter", "enter")

    box, point, circle, outline = drawn(volume)
    row, col = box["points"][0]
    assert box == {"kind": "box", "slice": 10, "points": [[row, col], [row + 10, col + 2]]}
    assert point == {"kind": "point", "slice": 10, "points": [[row, col - 1]]}
    assert circle == {"kind": "circle", "slice": 10, "points": [[row, col], [row - 2, col]]}
    assert outline["points"] == [[row, col], [row, col + 10], [row + 10, col + 10]]
    assert abs(row - 63.5) <= 1  # the crosshair starts in the middle
    assert abs(col - 63.5) <= 1


def test_drawings_are_deleted_by_mouse_and_by_keyboard(volume: Desk) -> None:
    two = [
        {"kind": "box", "slice": 10, "points": [[10, 10], [30, 30]]},
        {"kind": "point", "slice": 10, "points": [[64, 64]]},
    ]
    volume.call("viewer.load(arguments[0])", two)

    volume.button("erase").click()
    drag_between(volume, "axial", (10, 20), (10, 20))
    assert drawn(volume) == two[1:]
    volume.press("v", "e", "enter")
    assert drawn(volume) == []
    volume.call("viewer.load(arguments[0])", two)
    volume.press("delete")
    assert drawn(volume) == two[:1]


def test_stored_drawings_come_back_as_they_were_and_stand_on_their_own_slice_alone(volume: Desk) -> None:
    stored = [
        {"kind": "point", "slice": 10, "points": [[3.25, 7.5]]},
        {"kind": "box", "slice": 11, "points": [[1, 2], [30.5, 40]]},
        {"kind": "circle", "slice": 10, "points": [[60, 60], [60, 75.125]]},
        {"kind": "freehand", "slice": 12, "points": [[1, 1], [20, 5], [14, 30]]},
    ]

    volume.call("viewer.load(arguments[0])", stored)

    assert drawn(volume) == stored
    seen = "document.querySelectorAll('.iv-line.iv-drawn').length"
    assert volume.call(seen) == 2
    volume.call("viewer.goTo(11)")
    assert volume.call(seen) == 1
    with pytest.raises(RuntimeError, match='of kind "spiral"'):
        volume.call("viewer.load([{kind: 'spiral', slice: 1, points: [[1, 1]]}])")


def test_a_drawing_is_told_to_the_page(desk: Desk) -> None:
    blank = np.full((128, 128), -500, "<i2").tobytes()
    desk.site.answer("/slices/", "application/octet-stream", lambda _: blank)
    desk.call("(() => { window.told = []; return null; })()")
    desk.call(
        "InspectViewer.mount(document.getElementById('desk'), arguments[0],"
        " { onDrawn: (all) => window.told.push(all.length) })"
        ".then((made) => { window.viewer = made; return null; })",
        SMALL,
    )

    desk.press("d", "enter", "delete")

    assert desk.call("window.told") == [1, 0]


def test_fingers_scroll_pinch_and_draw(volume: Desk) -> None:
    left, top, width, height = volume.frame("axial")
    x, y = left + width / 2, top + height / 2

    volume.touch("touchStart", (x, y))
    volume.touch("touchMove", (x, y + 13))
    volume.touch("touchEnd")
    volume.wait(lambda: volume.state()["slice"] == 12)
    before = volume.state()["zoom"]
    volume.touch("touchStart", (x - 40, y), (x + 40, y))
    volume.touch("touchMove", (x - 80, y), (x + 80, y))
    volume.touch("touchEnd")
    assert volume.state()["zoom"] == pytest.approx(2 * before, rel=0.02)
    volume.button("box").click()
    volume.touch("touchStart", (x - 50, y - 50))
    volume.touch("touchMove", (x + 50, y + 50))
    volume.touch("touchEnd")
    assert [one["kind"] for one in drawn(volume)] == ["box"]
