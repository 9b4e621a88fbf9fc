"""The viewer with a photograph: greys, heat map, and what holds for every page."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.web import made_volumes as made
from tests.web.desk import Desk

DESK_KEYS = "jkpnrsubhl?"
WIDTH, HEIGHT = 900, 600
MARKS = [{"number": 1, "row": 150, "col": 700, "diameter_px": 60, "label": "scratch"}]
PICTURE = {
    "kind": "picture",
    "width": WIDTH,
    "height": HEIGHT,
    "url": "/picture.png",
    "heat": "/heat.png",
    "marks": MARKS,
}
LEFT = {"row": 300, "col": 100}
RIGHT = {"row": 300, "col": 800}


def png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def picture(desk: Desk) -> Desk:
    """A picture that is 60 on the left and (200, 100, 50) on the right; its heat map is red on the right."""
    shown = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
    shown[:, WIDTH // 2 :] = (200, 100, 50)
    heat = np.zeros((60, 90, 4), np.uint8)
    heat[:, 45:] = (255, 0, 0, 255)
    desk.site.answer("/picture.png", "image/png", lambda _: png(shown))
    desk.site.answer("/heat.png", "image/png", lambda _: png(heat))
    desk.mount(PICTURE)
    return desk


def test_the_picture_is_shown_as_it_is_and_then_under_its_window(picture: Desk) -> None:
    assert picture.grey("picture", LEFT) == (60, 60, 60)
    assert picture.grey("picture", RIGHT) == (200, 100, 50)

    picture.call("viewer.setWindow(100, 100)")  # 50 is black, 150 is white
    assert picture.grey("picture", LEFT) == pytest.approx((26, 26, 26), abs=1)
    assert picture.grey("picture", RIGHT) == pytest.approx((255, 128, 0), abs=1)
    picture.press("i")
    assert picture.grey("picture", LEFT) == pytest.approx((229, 229, 229), abs=1)
    picture.press("0")
    assert picture.grey("picture", LEFT) == (60, 60, 60)


def test_a_mark_lies_on_its_pixel_after_zoom_by_wheel_and_pan_by_key(picture: Desk) -> None:
    picture.wheel("picture", -300)
    picture.press("arrow_right", "arrow_up")
    edge = picture.screen("picture")[int(picture.frame("picture")[3] / 2)]
    border = int(np.nonzero((edge[:-1] == (60, 60, 60)).all(axis=1))[0][-1]) + 1  # the first pixel of the right half

    x, _ = picture.call("viewer.toScreen({ row: 0, col: arguments[0] })", WIDTH / 2 - 0.5)
    assert x == pytest.approx(border, abs=1)
    ring = picture.call("document.querySelector('[data-mark]').getAttribute('cx')")
    assert float(ring) == pytest.approx(border + (MARKS[0]["col"] - WIDTH / 2 + 0.5) * picture.state()["zoom"], abs=1.5)


def test_the_heat_map_is_off_until_its_slider_moves_and_then_as_strong_as_it_says(picture: Desk) -> None:
    assert picture.state()["heat"] == 0
    assert "/heat.png" not in picture.site.asked

    slider = picture.button("heat")
    slider.send_keys("\ue010")  # End
    picture.wait(lambda: picture.grey("picture", RIGHT) == (255, 0, 0))
    assert picture.grey("picture", LEFT) == (60, 60, 60)
    picture.call("viewer.setHeat(0.5)")
    assert picture.grey("picture", RIGHT) == pytest.approx((228, 50, 25), abs=2)
    assert float(slider.get_attribute("value")) == 0.5


def test_a_whole_session_breaks_no_policy_and_asks_no_other_origin(picture: Desk) -> None:
    picture.call("viewer.setHeat(0.4)")
    picture.press("x", "enter", "arrow_down", "arrow_right", "enter", "1", "+", "i", "0")
    picture.call("viewer.destroy()")
    rod = np.full((32, 32), -300, "<i2").tobytes()
    picture.site.answer("/slices/", "application/octet-stream", lambda _: rod)
    picture.mount(made.manifest(12, 32, 32, (2.0, 1.0, 1.0)))
    picture.wait_for_all(12)
    picture.press("q", "arrow_down", "w", "d", "enter", "q")
    picture.call("viewer.destroy()")

    assert picture.complaints() == []
    assert picture.call("document.querySelectorAll('[style*=expression], script:not([src])').length") == 0


def test_a_destroyed_viewer_leaves_nothing_and_hears_no_key(picture: Desk) -> None:
    picture.call("viewer.destroy()")

    assert picture.call("document.getElementById('desk').childElementCount") == 0
    picture.press("i", "x")
    assert picture.call("viewer.inverted") is False


def test_no_key_of_the_desk_is_taken(picture: Desk) -> None:
    taken = picture.call(
        "[...arguments[0]].filter((key) => !document.body.dispatchEvent("
        "new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true })))",
        DESK_KEYS,
    )
    written = {key for row in picture.call("viewer.keys") for key in row["keys"].split() if len(key) == 1}

    assert taken == []
    assert not written & set(DESK_KEYS)
    assert picture.call(
        "!document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'i', bubbles: true, cancelable: true }))"
    )


def test_every_control_is_a_named_element_that_tab_reaches(picture: Desk) -> None:
    controls = picture.call(
        "[...document.querySelectorAll('.iv button, .iv input')].map((one) =>"
        " [one.ariaLabel || one.textContent || one.labels?.[0]?.textContent, one.tabIndex])"
    )

    assert len(controls) >= 15
    assert all(name and tab == 0 for name, tab in controls)


def test_words_come_from_the_page(desk: Desk) -> None:
    desk.site.answer("/picture.png", "image/png", lambda _: png(np.zeros((20, 30, 3), np.uint8)))
    desk.mount(
        PICTURE | {"width": 30, "height": 20, "heat": None},
        {"labels": {"box": "Rechteck", "finding": "Befund {number}"}},
    )

    assert desk.button("box").text == "Rechteck"
    assert (
        desk.driver.find_element("css selector", "[data-number='1']").get_attribute("aria-label") == "Befund 1: scratch"
    )


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ({"kind": "film"}, 'this manifest is of kind "film"'),
        (PICTURE | {"width": 0}, "needs width"),
        (PICTURE | {"url": "/nowhere.png"}, "could not be loaded from /nowhere.png"),
        (made.manifest(3, 8, 8, (1, 1, 0)), "needs spacing_mm"),
        (made.manifest(3, 8, 8, (1, 1, 1), slices="/a"), r"slices with \{index\}"),
        (made.manifest(3, 8, 8, (1, 1, 1), slices="/short/{index}"), "answered 4 bytes, not 128"),
    ],
    ids=["kind", "size", "picture", "spacing", "address", "bytes"],
)
def test_what_cannot_be_shown_is_one_sentence_and_leaves_nothing(desk: Desk, manifest: dict, said: str) -> None:
    desk.site.answer("/nowhere.png", "image/png", lambda _: {}[0])
    desk.site.answer("/short/", "application/octet-stream", lambda _: b"1234")

    with pytest.raises(RuntimeError, match=said):
        desk.mount(manifest)
    assert desk.call("document.getElementById('desk').childElementCount") == 0
