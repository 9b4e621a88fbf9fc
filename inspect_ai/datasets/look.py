"""Look of a picture: what tells whether two files show one picture."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

THUMBNAIL_PX = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Digests and thumbnail of one picture. thumbnail: [128, 128] uint8, all zero for a picture without contrast.

    side_px: the smaller side of the picture. refusal: the reason why it cannot be read; then nothing else is set.
    """

    thumbnail: NDArray[np.uint8] = field(compare=False, repr=False)
    file_sha256: str = ""
    pixels_sha256: str = ""
    side_px: int = 0
    refusal: str = ""

    @property
    def blank(self) -> bool:
        """True for a picture without contrast, which resembles every other one."""
        return not self.thumbnail.any()


NOTHING = np.zeros((THUMBNAIL_PX, THUMBNAIL_PX), np.uint8)
