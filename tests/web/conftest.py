"""A browser and a page with the viewer; without Chromium these tests are skipped with a sentence."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.viewer.browser import browser, missing
from tests.web.desk import Desk


@pytest.fixture(scope="session")
def browsers() -> Iterator[dict[float, Desk]]:
    if why := missing():
        pytest.skip(why)
    opened: dict[float, Desk] = {}
    yield opened
    for desk in opened.values():
        desk.close()


@pytest.fixture
def desk(browsers: dict[float, Desk], request: pytest.FixtureRequest) -> Desk:
    """A fresh page; `indirect` parameters give the screen pixels for each CSS pixel."""
    scale = float(getattr(request, "param", 1.0))
    if scale not in browsers:
        browsers[scale] = Desk(browser(1200, 900, scale), scale)
    return browsers[scale].fresh()
