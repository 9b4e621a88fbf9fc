"""Headless Chromium that shows the viewer's page: no GPU, no WebGL, no network beside the site."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-3d-apis",  # what stands here must work where a browser has no WebGL
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--hide-scrollbars",
)


def missing() -> str | None:
    """One sentence that says what is not there, or None."""
    if find_spec("selenium") is None:
        return 'Selenium is not installed: pip install "inspect-ai-vision[dev]"'
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        return "Chromium is not installed: apt-get install chromium chromium-driver"
    return None


@contextmanager
def browser(width: int = 1400, height: int = 1000, scale: float = 1.0) -> Iterator[WebDriver]:
    """A browser window of this size in CSS pixels; `scale` is the number of screen pixels for each."""
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in (*FLAGS, f"--window-size={width},{height}", f"--force-device-scale-factor={scale}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=Service(shutil.which("chromedriver")))
    driver.set_script_timeout(60)
    try:
        yield driver
    finally:
        driver.quit()


def run(driver: WebDriver, script: str, *values: Any) -> Any:
    """Result of an async JavaScript body; `values` are its `arguments`. An error of the script is a RuntimeError."""
    wrapped = (
        "const done = arguments[arguments.length - 1]; const given = [...arguments].slice(0, -1);"
        f"(async function () {{ {script} }}).apply(null, given)"
        ".then((value) => done([true, value ?? null]), (error) => done([false, String(error.stack ?? error)]));"
    )
    worked, value = driver.execute_async_script(wrapped, *values)
    if not worked:
        raise RuntimeError(value)
    return value
