"""Fixtures for all rooms."""

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("shared machines", deadline=None)  # no test fails for being slow
settings.load_profile("shared machines")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real labelled data beside the checkout; tests that need it are skipped without it."""
    if not (SHARED / "data" / "README.md").is_file():
        pytest.skip(f"needs the labelled data in {SHARED}, which is not on this machine")
    return SHARED
