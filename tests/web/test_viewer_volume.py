"""The viewer with a CT series, in a real browser without WebGL, under the desk's security policy."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.web import made_volumes as made
from tests.web.desk import Desk, Pixels

BIG = made.manifest(500, 512, 512, (1.25, 0.7, 0.7))
SMALL = made.manifest(3, 8, 8, (1.0, 1.0, 1.0))
ROWS, COLUMNS = 512, 512
FEW = 1.0  # grey steps: rounding in the table of the window


def serve_numbered(desk: Desk) -> None:
    desk.site.answer("/slices/", "application/octet-stream", lambda index: made.numbered_slice(int(index)))


def shown_number(desk: Desk) -> int:
    """Slice that the screen shows, told by the grey of its square under a window of its own values."""
    row, col = made.NUMBER
    red, green, blue = desk.grey("axial", {"slice": 0, "row": row, "col": col})
    assert red == green == blue
    centre, width = desk.state()["centre"], desk.state()["width"]
    greys = [made.grey(made.number_hu(index), centre, width) for index in range(500)]
    return min(range(500), key=lambda index: abs(greys[index] - red))


def close_up(desk: Desk, slice_number: int) -> None:
    """A window of 100 HU around the number of a slice: neighbours differ by six grey steps."""
    desk.call("viewer.setWindow(arguments[0], 100)", made.number_hu(slice_number))


def test_the_first_slice_is_shown_with_the_greys_of_its_window(desk: Desk) -> None:
    serve_numbered(desk)

    desk.mount(BIG)

    row, col = made.NUMBER
    expected = made.grey(made.number_hu(250), -600, 1500)
    assert desk.grey("axial", {"slice": 250, "row": row, "col": col}) == pytest.approx((expected,) * 3, abs=FEW)
    air = made.grey(made.AIR_HU, -600, 1500)
    assert desk.grey("axial", {"slice": 250, "row": 400, "col": 400}) == pytest.approx((air,) * 3, abs=FEW)
    asked = [path for path in desk.site.asked if path.startswith("/slices/")]
    assert asked[0] == "/slices/250"


def test_window_presets_numbers_drag_and_inversion_change_the_greys(desk: Desk) -> None:
    serve_numbered(desk)
    desk.mount(BIG)
    row, col = made.NUMBER
    place = {"slice": 250, "row": row, "col": col}

    desk.driver.find_element("css selector", "[data-preset='soft tissue']").click()
    assert (desk.state()["centre"], desk.state()["width"]) == (40, 400)
    desk.press("w", "i")
    expected = 255 - made.grey(made.number_hu(250), -600, 1500)
    assert desk.grey("axial", place) == pytest.approx((expected,) * 3, abs=FEW)

    number = desk.button("centre")
    number.send_keys("\ue009" + "a" + "\ue000")  # Control and A: all of it is chosen
    for digit in "55":  # slices arrive meanwhile, and must not write over what is typed
        number.send_keys(digit)
        desk.call("null")
    number.send_keys("\ue007")  # Enter
    assert desk.state()["centre"] == 55

    before = desk.state()
    desk.drag((500, 500), (560, 540), button="right")
    assert desk.state()["width"] > before["width"]
    assert desk.state()["centre"] > before["centre"]
    desk.button("reset").click()
    assert {name: desk.state()[name] for name in ("centre", "width", "inverted")} == {
        "centre": -600,
        "width": 1500,
        "inverted": False,
    }


def test_keys_wheel_slider_and_calls_reach_the_asked_slice(desk: Desk) -> None:
    serve_numbered(desk)
    desk.mount(BIG)

    desk.press("arrow_down", "arrow_down", "arrow_up", "page_down")
    desk.wait(lambda: desk.state()["slice"] == 261)
    close_up(desk, 261)
    assert shown_number(desk) == 261
    desk.wheel("axial", 120)
    desk.wait(lambda: desk.state()["slice"] == 262)
    assert shown_number(desk) == 262
    desk.press("home")
    desk.wait(lambda: desk.state()["slice"] == 0)
    desk.button("slice").send_keys("\ue014" * 3)  # arrow right
    desk.wait(lambda: desk.state()["slice"] == 3)
    close_up(desk, 3)
    assert shown_number(desk) == 3
    desk.call("viewer.goTo(499)")
    close_up(desk, 499)
    assert shown_number(desk) == 499
    assert desk.driver.find_element("css selector", ".iv-counter").text == "500 / 500"


def spot_and_ring(desk: Desk) -> tuple[tuple[float, float], tuple[float, float]]:
    """Centre of the bright spot on the screen, and of the ring of mark 1, both in CSS pixels of the pane."""
    ring = desk.call(
        "(() => { const ring = document.querySelector('.iv-axial [data-mark=\"1\"]');"
        " return ['cx', 'cy', 'r'].map((name) => Number(ring.getAttribute(name))); })()"
    )
    inside = around(desk.screen("axial"), ring, desk.scale)
    rows, columns = np.nonzero(inside.min(axis=2) > 250)
    return ((columns.mean() + 0.5) / desk.scale, (rows.mean() + 0.5) / desk.scale), (ring[0], ring[1])


def around(screen: Pixels, ring: list[float], scale: float) -> Pixels:
    """The screen with everything outside the ring made black."""
    x, y, radius = (value * scale for value in ring)
    rows, columns = np.mgrid[: screen.shape[0], : screen.shape[1]]
    return np.where((np.hypot(columns - x, rows - y) < radius - 6)[..., None], screen, 0)


@pytest.mark.parametrize("desk", [1.0, 2.0], indirect=True, ids=["plain screen", "dense screen"])
def test_a_mark_stays_on_its_finding_after_zoom_and_pan(desk: Desk) -> None:
    serve_numbered(desk)
    mark = {"number": 1, "slice": 250, "row": made.SPOT[0], "col": made.SPOT[1], "diameter_mm": 20, "label": "made"}
    desk.mount(BIG | {"marks": [mark]})

    for _ in range(2):
        spot, ring = spot_and_ring(desk)
        assert ring == pytest.approx(spot, abs=0.75)
        desk.button("zoomIn").click()
        desk.button("zoomIn").click()
        desk.button("move").click()
        desk.drag((600, 500), (730, 420))
    spot, ring = spot_and_ring(desk)
    assert ring == pytest.approx(spot, abs=0.75)


def test_a_finding_is_reached_by_key_by_button_and_by_call_and_can_be_hidden(desk: Desk) -> None:
    serve_numbered(desk)
    marks = [
        {"number": number, "slice": 100 * number, "row": made.SPOT[0], "col": made.SPOT[1], "diameter_mm": None}
        for number in (1, 2, 3)
    ]
    desk.mount(BIG | {"marks": marks})

    desk.press("2")
    desk.wait(lambda: desk.state()["slice"] == 200)
    _, _, width, height = desk.frame("axial")
    place = {"slice": 200, "row": made.SPOT[0], "col": made.SPOT[1]}
    assert desk.call("viewer.toScreen(arguments[0])", place) == pytest.approx([width / 2, height / 2], abs=1)
    desk.driver.find_element("css selector", "[data-number='3']").click()
    desk.wait(lambda: desk.state()["slice"] == 300)
    desk.call("viewer.jumpTo(1)")
    assert desk.state()["slice"] == 100
    assert desk.call("window.chosen") == [2, 3]
    assert desk.call("[...document.querySelectorAll('.iv-line[data-mark]')].map((one) => one.dataset.mark)") == ["1"]
    desk.press("m")
    assert desk.call("document.querySelectorAll('[data-mark]').length") == 0
    with pytest.raises(RuntimeError, match="There is no finding 9"):
        desk.call("viewer.jumpTo(9)")


ROD = made.manifest(40, 64, 96, (3.0, 1.0, 0.5))
ROD_AT = (10, 40)  # slice and row of a rod along the columns


def rod_slice(index: int) -> bytes:
    hu = np.full((64, 96), -300, "<i2")
    if index == ROD_AT[0]:
        hu[ROD_AT[1], :] = 2000
    return hu.tobytes()


def box_of(lit: Pixels) -> tuple[float, float, float, float]:
    """Left, top, right and bottom edge of what is lit, robust against thin lines that cross it."""
    rows = np.nonzero(lit.mean(axis=1) > 0.2)[0]
    columns = np.nonzero(lit.mean(axis=0) > 0.2)[0]
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def test_the_three_planes_show_a_rod_at_its_place_with_the_true_spacing(desk: Desk) -> None:
    desk.site.answer("/slices/", "application/octet-stream", lambda index: rod_slice(int(index)))
    desk.mount(ROD)
    desk.wait_for_all(40)
    desk.call("viewer.setWindow(0, 2000)")  # -300 is a grey that is neither black nor white

    for _ in range(3):  # the last of three quick presses counts
        desk.button("planes").click()
    desk.wait(lambda: len(desk.driver.find_elements("css selector", ".iv-pane")) == 3)
    screen = desk.screen("sagittal").min(axis=2)
    left, top, right, bottom = box_of(screen > 40)
    inside = screen[top + 70 : bottom - 45, left:right]  # without the words in the corner and the scale bar
    rows, columns = np.nonzero(inside > 200)
    x, y = left + columns.mean() + 0.5, top + 70 + rows.mean() + 0.5

    assert (bottom - top) / (right - left) == pytest.approx(40 * 3.0 / (64 * 1.0), rel=0.03)
    assert (x - left) / (right - left) == pytest.approx((ROD_AT[1] + 0.5) / 64, abs=0.02)
    assert (bottom - y) / (bottom - top) == pytest.approx((ROD_AT[0] + 0.5) / 40, abs=0.02)


def test_a_click_in_one_plane_moves_the_two_others(desk: Desk) -> None:
    desk.site.answer("/slices/", "application/octet-stream", lambda index: rod_slice(int(index)))
    desk.mount(ROD)
    desk.wait_for_all(40)
    desk.call("viewer.showPlanes(true)")
    left, top, width, height = desk.frame("coronal")

    # the middle of a pane is the middle of the volume; one slice is 3 mm high, and 10 mm are far from its edge
    per_mm = desk.call("viewer.panes[1].zoom") / 0.5
    desk.drag((left + width / 2, top + height / 2 - 10 * per_mm), (left + width / 2, top + height / 2 - 10 * per_mm))

    desk.wait(lambda: desk.state()["slice"] == 23)
    desk.press("arrow_down")
    assert "Coronal 34" in desk.driver.find_element("css selector", ".iv-coronal .iv-corner").text


def test_planes_wait_for_all_slices_and_say_so(desk: Desk) -> None:
    serve_numbered(desk)
    desk.mount(BIG, {"memoryMb": 6})  # twelve slices

    desk.press("q")

    assert "too large for the three planes" in desk.said()
    assert not desk.state()["planes"]
    for index in (10, 200, 400):
        desk.call("viewer.goTo(arguments[0])", index)
        close_up(desk, index)
        assert shown_number(desk) == index
    assert desk.state()["loaded"] <= 15  # twelve, one on its way, and a reserve of 1 MiB


def test_a_slice_that_fails_is_told_and_the_shown_one_stays(desk: Desk) -> None:
    broken = {7}

    def answer(index: str) -> bytes:
        if int(index) in broken:
            raise LookupError(index)
        return made.numbered_slice(int(index))

    desk.site.answer("/slices/", "application/octet-stream", answer)
    desk.mount(BIG | {"first": 6})

    desk.call("viewer.goTo(7)")
    assert desk.said() == "Slice 8 could not be loaded. Move to it again to try once more."
    assert desk.state()["slice"] == 6
    broken.clear()
    desk.call("viewer.goTo(7)")
    assert desk.state()["slice"] == 7


def test_the_heat_map_of_a_volume_lies_on_its_slice_alone_and_where_the_slice_is(desk: Desk) -> None:
    blank = np.full((64, 96), -1000, "<i2").tobytes()
    heat = np.zeros((32, 48, 4), np.uint8)
    heat[8:16, 24:36] = (255, 0, 0, 255)  # rows 16 to 31 and columns 48 to 71 of the slice
    out = io.BytesIO()
    Image.fromarray(heat).save(out, "PNG")
    desk.site.answer("/slices/", "application/octet-stream", lambda _: blank)
    desk.site.answer("/heat.png", "image/png", lambda _: out.getvalue())
    desk.mount(made.manifest(20, 64, 96, (2.0, 1.0, 1.5), first=3, heat={"slice": 7, "url": "/heat.png"}))
    desk.call("viewer.setWindow(40, 400)")  # air is black
    hot, beside = {"slice": 7, "row": 24, "col": 60}, {"slice": 7, "row": 24, "col": 76}

    assert desk.state()["heat"] == 0
    assert "/heat.png" not in desk.site.asked
    desk.press("t")
    assert desk.said() == "The heat map lies on slice 8."
    assert desk.grey("axial", hot) == (0, 0, 0)
    desk.call("viewer.goTo(7)")
    assert desk.grey("axial", hot) == pytest.approx((128, 0, 0), abs=2)
    desk.button("heat").send_keys("\ue010")  # End
    desk.button("zoomIn").click()
    desk.call("viewer.pane.panBy(50, 20)")
    assert desk.grey("axial", hot) == (255, 0, 0)
    assert desk.grey("axial", beside) == (0, 0, 0)
    desk.press("t")
    assert desk.grey("axial", hot) == (0, 0, 0)


def test_a_heat_map_that_names_no_slice_is_refused(desk: Desk) -> None:
    with pytest.raises(RuntimeError, match="heat map of a volume needs its slice"):
        desk.mount(SMALL | {"heat": "/heat.png"})
