"""Times of the viewer in headless Chromium, over a made CT series that a server beside it answers."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.viewer.browser import browser, run
from benchmarks.viewer.site import Site

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

WINDOW = (1400, 1000)
FIRST_OF_ALL = "return await mountViewer(arguments[0])"
SCROLL = """
const [from, count, plane] = arguments;
const seen = () => new Promise((shown) => requestAnimationFrame(shown));
const started = performance.now();
for (let step = 1; step <= count; step++) {
  if (plane === null) await viewer.goTo(from + step);
  else await viewer.stepPlane(viewer.panes[plane], 1);
  await seen();
}
return count / ((performance.now() - started) / 1000);
"""
ALL_LOADED = """
const started = performance.now();
while (viewer.state().loaded < viewer.manifest.depth) await new Promise((later) => setTimeout(later, 50));
return performance.now() - started;
"""
PLANES = """
const started = performance.now();
await viewer.showPlanes(true);
await new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown)));
return performance.now() - started;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Figures of one visit of the page."""

    first_ms: float  # from mount() to the first slice on the screen
    scroll_cold: float  # slices a second while the series still loads
    scroll_warm: float  # slices a second once it is there
    scroll_slab: float  # slabs of 10 mm a second, series loaded
    loaded_s: float
    planes_ms: float
    coronal: float  # slices a second of the coronal plane, all three planes shown
    load: float  # of the machine, at the end


def made_slice(index: int, size: int) -> bytes:
    """A slice of noise that differs from the next one, as little-endian int16."""
    noise = np.random.default_rng(index).integers(-900, -500, (size, size), dtype=np.int16)
    noise[size // 4 : size // 2, size // 4 : size // 2] = 40
    return noise.astype("<i2").tobytes()


def measure(slices: int, size: int, scrolled: int, tries: int) -> list[Times]:
    """Visit the page again and again, each time in a new browser."""
    manifest = {
        "kind": "volume",
        "depth": slices,
        "rows": size,
        "columns": size,
        "spacing_mm": [1.0, 0.7, 0.7],
        "slices": "/slices/{index}",
        "presets": [{"name": "lung", "centre": -600, "width": 1500}],
        "marks": [],
        "first": slices // 2,
    }
    kept = [made_slice(index, size) for index in range(min(slices, 8))]  # the server must not be what is measured
    with Site() as site:
        site.answer("/slices/", "application/octet-stream", lambda index: kept[int(index) % len(kept)])
        return [visit(site, manifest, min(scrolled, slices // 2 - 1)) for _ in range(tries)]


def visit(site: Site, manifest: dict[str, Any], scrolled: int) -> Times:
    """One visit: open, scroll at once, wait for the rest, scroll over what is there and over slabs, open the planes."""
    with browser(*WINDOW) as driver:
        driver.get(site.url)
        first = ask(driver, FIRST_OF_ALL, manifest)
        middle = manifest["first"]
        cold = ask(driver, SCROLL, middle, scrolled, None)
        loaded = ask(driver, ALL_LOADED) / 1000
        run(driver, "await viewer.goTo(0)")
        warm = ask(driver, SCROLL, 0, scrolled, None)
        run(driver, "await viewer.goTo(0); await viewer.setSlab(10)")
        slab = ask(driver, SCROLL, 0, scrolled, None)
        run(driver, "await viewer.setSlab(0)")
        planes = ask(driver, PLANES)
        coronal = ask(driver, SCROLL, 0, min(scrolled, manifest["rows"] // 3), 1)
    return Times(
        first_ms=first,
        scroll_cold=cold,
        scroll_warm=warm,
        scroll_slab=slab,
        loaded_s=loaded,
        planes_ms=planes,
        coronal=coronal,
        load=os.getloadavg()[0],
    )


def ask(driver: WebDriver, script: str, *values: Any) -> float:
    """The number that a script returns."""
    return float(run(driver, script, *values))
