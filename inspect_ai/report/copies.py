"""Page of a labelled folder's copies: pictures of one content side by side, with where each stands."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from markupsafe import Markup

from inspect_ai.errors import SetupError
from inspect_ai.report.page import environment
from inspect_ai.whole_file import whole_file


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyPicture:
    """One of several pictures of one content. jpeg: a small view of it, empty where it could not be drawn."""

    file: str
    split: str
    label: str
    group: str
    jpeg: bytes = field(default=b"", repr=False)

    @property
    def source(self) -> Markup:
        """Address of the view for an img element."""
        return Markup("data:image/jpeg;base64,") + Markup(base64.b64encode(self.jpeg).decode("ascii"))


@dataclass(frozen=True, slots=True, kw_only=True)
class CopySet:
    """Pictures of one content. alike: the least likeness of the pairs that join them."""

    pictures: tuple[CopyPicture, ...]
    alike: float
    more: int = 0  # further pictures of the set, which are not shown

    @property
    def across_splits(self) -> bool:
        """True where they stand in several splits."""
        return len({picture.split for picture in self.pictures}) > 1

    @property
    def across_labels(self) -> bool:
        """True where they stand under several labels."""
        return len({picture.label for picture in self.pictures}) > 1


def write_copies_page(path: Path, *, data: str, sentences: Sequence[str], sets: Sequence[CopySet], more: int) -> None:
    """Write the page whole or not at all. more: sets that are not shown. Raises SetupError if it cannot be written."""
    values = {"data": data, "sentences": sentences, "sets": sets, "more": more}
    try:
        with whole_file(path, private=True) as partial:
            partial.write_text(environment().get_template("copies.html").render(**values), "utf-8")
    except OSError as e:
        raise SetupError(f"{path} cannot be written ({e.strerror}). Choose another place with --report.") from e
