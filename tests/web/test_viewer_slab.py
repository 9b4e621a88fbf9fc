"""Slabs of maximum intensity on the axial plane: what stands in the slices around is seen at once."""

from __future__ import annotations

import numpy as np
import pytest

from tests.web import made_volumes as made
from tests.web.desk import Desk

DEPTH = 30
STEPS = made.manifest(DEPTH, 64, 64, (2.0, 1.0, 1.0))  # 5 mm: 1 slice on either side, 10 mm: 2, 20 mm: 5


def step_slice(index: int) -> bytes:
    """Air with one bright row, whose place says the slice."""
    hu = np.full((64, 64), -1000, "<i2")
    hu[row_of(index)] = 100 + index
    return hu.tobytes()


def row_of(index: int) -> int:
    return 2 * index + 2


@pytest.fixture
def steps(desk: Desk) -> Desk:
    desk.site.answer("/slices/", "application/octet-stream", lambda index: step_slice(int(index)))
    desk.mount(STEPS | {"first": 15})
    desk.call("viewer.setWindow(0, 1000)")  # air is black
    return desk


def lit(desk: Desk) -> list[int]:
    """Slices whose row is bright on the screen."""
    screen = desk.screen("axial")[..., 0]
    places = [desk.call("viewer.toScreen({ slice: 0, row: arguments[0], col: 20 })", row_of(i)) for i in range(DEPTH)]
    return [index for index, (x, y) in enumerate(places) if screen[int(y), int(x)] > 100]


def corner(desk: Desk) -> str:
    return str(desk.driver.find_element("css selector", ".iv-axial .iv-corner").text)


def test_the_key_goes_from_slice_to_slabs_and_back(steps: Desk) -> None:
    assert lit(steps) == [15]

    steps.press("z")
    steps.wait(lambda: lit(steps) == [14, 15, 16])
    assert "MIP 5 mm, slices 15 to 17" in corner(steps)
    steps.press("z")
    steps.wait(lambda: lit(steps) == [13, 14, 15, 16, 17])
    steps.button("slab").click()
    steps.wait(lambda: lit(steps) == list(range(10, 21)))
    assert steps.button("slab").get_attribute("aria-pressed") == "true"
    steps.press("z")
    steps.wait(lambda: lit(steps) == [15])
    assert "MIP" not in corner(steps)
    assert steps.button("slab").get_attribute("aria-pressed") == "false"


def test_a_slab_moves_with_the_slices_and_ends_where_the_series_ends(steps: Desk) -> None:
    steps.call("viewer.setSlab(10)")
    steps.press("arrow_down")
    steps.wait(lambda: lit(steps) == [14, 15, 16, 17, 18])
    assert steps.state()["slice"] == 16
    steps.press("home")
    steps.wait(lambda: lit(steps) == [0, 1, 2])
    for index in (8, 9, 10, 11, 12, 13, 14, 20, 21, 22, 8):  # more slabs than are kept
        steps.call("viewer.goTo(arguments[0])", index)
        assert lit(steps) == list(range(index - 2, index + 3))


def test_zoom_place_and_window_stay_and_the_value_under_the_mouse_is_that_of_the_slab(steps: Desk) -> None:
    steps.button("zoomIn").click()
    steps.call("viewer.pane.panBy(30, -20)")
    place = {"slice": 15, "row": row_of(17), "col": 30}
    before = steps.call("viewer.toScreen(arguments[0])", place), steps.state()["centre"], steps.state()["zoom"]
    steps.call("viewer.setSlab(10)")

    now = steps.call("viewer.toScreen(arguments[0])", place), steps.state()["centre"], steps.state()["zoom"]
    assert now == before
    assert steps.call("viewer.pane.valueAt(arguments[0])", place) == 117
    steps.call("viewer.setSlab(0)")
    assert steps.call("viewer.pane.valueAt(arguments[0])", place) == made.AIR_HU


def test_a_slab_whose_slice_is_missing_is_told_and_the_slice_stays(desk: Desk) -> None:
    def answer(index: str) -> bytes:
        if index == "17":
            raise LookupError(index)
        return step_slice(int(index))

    desk.site.answer("/slices/", "application/octet-stream", answer)
    desk.mount(STEPS | {"first": 15})
    desk.call("viewer.setWindow(0, 1000)")
    desk.call("viewer.setSlab(10)")

    assert desk.said() == "Slice 16 could not be loaded. Move to it again to try once more."
    assert desk.state()["slabMm"] == 0
    assert lit(desk) == [15]
    with pytest.raises(RuntimeError, match="no slab of 7 mm"):
        desk.call("viewer.setSlab(7)")


def test_slabs_and_planes_are_there_together(steps: Desk) -> None:
    steps.wait_for_all(DEPTH)
    steps.call("viewer.setSlab(20)")
    steps.call("viewer.showPlanes(true)")
    steps.call("viewer.setPlace({ slice: 12, row: 20, col: 20 })")

    steps.wait(lambda: lit(steps) == list(range(7, 18)))
    assert "Sagittal" in steps.driver.find_element("css selector", ".iv-sagittal .iv-corner").text
    assert steps.complaints() == []


def test_a_small_memory_still_makes_slabs(desk: Desk) -> None:
    desk.site.answer("/slices/", "application/octet-stream", lambda index: step_slice(int(index)))
    desk.mount(STEPS | {"first": 15}, {"memoryMb": 0.07})  # nine slices
    desk.call("viewer.setWindow(0, 1000)")
    desk.call("viewer.setSlab(20)")

    for index in (15, 20, 6):
        desk.call("viewer.goTo(arguments[0])", index)
        assert lit(desk) == list(range(index - 5, index + 6))
