"""MkDocs hook: every record below docs/decisions is in the navigation, in order of its number."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def on_config(config: Any) -> Any:
    """Add the records to the navigation's section Decisions, so that a new record needs no other edit."""
    folder = Path(config.docs_dir) / "decisions"
    section = next(part for part in config.nav if "Decisions" in part)
    section["Decisions"] += [f"decisions/{path.name}" for path in sorted(folder.glob("[0-9]*.md"))]
    return config
