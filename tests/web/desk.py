"""The viewer as a person meets it: what the screen shows, where the mouse goes, which keys are pressed."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.viewer.browser import run
from benchmarks.viewer.site import Site

if TYPE_CHECKING:  # without Selenium these tests are skipped, not broken
    from selenium.webdriver.remote.webdriver import WebDriver

Pixels = NDArray[np.int64]
TWO_FRAMES = "await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));"


class Desk:
    """One browser with one page at a time."""

    def __init__(self, opened: AbstractContextManager[WebDriver], scale: float) -> None:
        self.opened = opened
        self.scale = scale
        self.driver = opened.__enter__()
        self.site = Site().__enter__()

    def close(self) -> None:
        self.opened.__exit__(None, None, None)
        self.site.__exit__(None, None, None)

    def fresh(self) -> Desk:
        self.driver.get(self.site.url)
        self.driver.get_log("browser")
        self.site.asked.clear()
        return self

    def mount(self, manifest: dict[str, Any], options: dict[str, Any] | None = None) -> None:
        run(self.driver, "return await mountViewer(arguments[0], arguments[1])", manifest, options or {})

    def call(self, script: str, *values: Any) -> Any:
        """What an expression with `viewer` gives, once the screen has followed."""
        return run(self.driver, f"const value = await ({script}); {TWO_FRAMES} return value;", *values)

    def state(self) -> dict[str, Any]:
        return self.call("viewer.state()")

    def wait(self, holds: Callable[[], bool]) -> None:
        """Wait for something that comes by itself; the browser's own limit of 60 seconds ends it."""
        ends = time.monotonic() + 60
        while not holds():
            assert time.monotonic() < ends, "it did not come"
            time.sleep(0.05)

    def wait_for_all(self, depth: int) -> None:
        self.wait(lambda: self.state()["loaded"] == depth)
        self.call("null")

    def button(self, name: str) -> Any:
        return self.driver.find_element("css selector", f".iv [data-name='{name}']")

    def frame(self, plane: str) -> tuple[float, float, float, float]:
        """Left, top, width and height of a pane in CSS pixels of the page."""
        box = self.call("document.querySelector(arguments[0]).getBoundingClientRect().toJSON()", f".iv-{plane}")
        return box["left"], box["top"], box["width"], box["height"]

    def screen(self, plane: str) -> Pixels:
        """What the screen shows of a pane, in screen pixels: [rows, columns, RGB]."""
        self.call("null")
        shown = Image.open(io.BytesIO(self.driver.get_screenshot_as_png())).convert("RGB")
        left, top, width, height = (round(value * self.scale) for value in self.frame(plane))
        return np.asarray(shown.crop((left, top, left + width, top + height)), dtype=np.int64)

    def grey(self, plane: str, place: dict[str, float | None]) -> tuple[int, ...]:
        """Colour of the screen at a place of the picture."""
        x, y = self.call("viewer.toScreen(arguments[0])", place)
        return tuple(int(one) for one in self.screen(plane)[int(y * self.scale), int(x * self.scale)])

    def page_xy(self, plane: str, place: dict[str, float | None]) -> tuple[float, float]:
        left, top, _, _ = self.frame(plane)
        x, y = self.call("viewer.toScreen(arguments[0])", place)
        return left + x, top + y

    def drag(self, start: tuple[float, float], end: tuple[float, float], button: str = "left") -> None:
        """Press, move in steps and let go, as the mouse of a person does."""
        from selenium.webdriver import ActionChains

        number = {"left": 0, "middle": 1, "right": 2}[button]
        chain = ActionChains(self.driver, duration=10)
        mouse = chain.w3c_actions.pointer_action
        mouse.move_to_location(*map(round, start))
        mouse.pointer_down(button=number)
        for step in range(1, 6):
            mouse.move_to_location(*(round(a + (b - a) * step / 5) for a, b in zip(start, end, strict=True)))
        mouse.pointer_up(button=number)
        chain.perform()

    def wheel(self, plane: str, delta: int) -> None:
        left, top, width, height = self.frame(plane)
        centre = {"x": round(left + width / 2), "y": round(top + height / 2)}
        self.driver.execute_cdp_cmd(
            "Input.dispatchMouseEvent", {"type": "mouseWheel", "deltaX": 0, "deltaY": delta} | centre
        )

    def touch(self, kind: str, *fingers: tuple[float, float]) -> None:
        points = [{"x": x, "y": y, "id": finger} for finger, (x, y) in enumerate(fingers)]
        self.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def press(self, *keys: str) -> None:
        """Keys in order, wherever the focus is; `Shift+` may stand before one."""
        from selenium.webdriver import ActionChains, Keys

        chain = ActionChains(self.driver)
        for key in keys:
            name = key.removeprefix("Shift+")
            code = getattr(Keys, name.upper(), name) if len(name) > 1 else name
            if key.startswith("Shift+"):
                chain.key_down(Keys.SHIFT).send_keys(code).key_up(Keys.SHIFT)
            else:
                chain.send_keys(code)
        chain.perform()
        self.call("null")

    def said(self) -> str:
        return str(self.call("document.querySelector('.iv-status').textContent"))

    def complaints(self) -> list[str]:
        """What the browser held against the page: policy violations, errors, requests to strangers."""
        strangers = self.call(
            "performance.getEntriesByType('resource').map((one) => one.name)"
            ".filter((url) => !url.startsWith(location.origin))"
        )
        logged = [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]
        return [*self.call("window.violations"), *strangers, *logged]
