"""Faults of a picture between object and file: out of focus, moved, badly lit, noisy, cut, compressed.

Optics come before the sensor: after every blur the picture's own noise is laid on again, else the missing noise would
give a blurred picture away that no camera makes. And the spoilt picture is compressed as the original file was, else
missing JPEG blocks would.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from inspect_ai.domain import Floats
from inspect_ai.quality import luma, noise_of

QUANTISATION = b"\xff\xdb"  # marker of JPEG's tables (ITU-T T.81, B.2.4.1)
TABLE_BYTES = 64
UNCOMPRESSED = 100  # quality of what was no JPEG


@dataclass(frozen=True, slots=True)
class Corruption:
    """`apply` takes a picture in 0..1, [H, W] or [H, W, 3], and a source of chance. quality: of JPEG, or the file's."""

    name: str
    apply: Callable[[Floats, np.random.Generator], Floats]
    quality: int | None = None


def blurred(sigma_px: float) -> Callable[[Floats, np.random.Generator], Floats]:
    """Corruption: out of focus."""
    return lambda x, chance: with_noise(
        cv2.GaussianBlur(x, (0, 0), sigma_px).astype(np.float32), noise_of(luma(x)), chance
    )


def moved(length_px: int) -> Callable[[Floats, np.random.Generator], Floats]:
    """Corruption: camera or object moved along the rows during the exposure."""
    kernel = np.full((1, length_px), 1.0 / length_px, np.float32)
    return lambda x, chance: with_noise(cv2.filter2D(x, -1, kernel).astype(np.float32), noise_of(luma(x)), chance)


def with_noise(picture: Floats, sigma: float, chance: np.random.Generator) -> Floats:
    """Gaussian noise of `sigma`, the same in all colours."""
    grain = sigma * chance.standard_normal(picture.shape[:2]).astype(np.float32)
    return picture + (grain if picture.ndim == 2 else grain[..., None])


CORRUPTIONS = (
    Corruption("defocus 1 px", blurred(1.0)),
    Corruption("defocus 2 px", blurred(2.0)),
    Corruption("defocus 3 px", blurred(3.0)),
    Corruption("defocus 5 px", blurred(5.0)),
    Corruption("motion 15 px", moved(15)),
    Corruption("dark: a fifth", lambda x, _: 0.2 * x),
    Corruption("dark: a twentieth", lambda x, _: 0.05 * x),
    Corruption("bright: +0.3", lambda x, _: x + np.float32(0.3)),
    Corruption("bright: +0.6", lambda x, _: x + np.float32(0.6)),
    Corruption("noise 0.05", lambda x, chance: with_noise(x, 0.05, chance)),
    Corruption("noise 0.15", lambda x, chance: with_noise(x, 0.15, chance)),
    Corruption("left half", lambda x, _: x[:, : x.shape[1] // 2]),
    Corruption(
        "middle ninth", lambda x, _: x[x.shape[0] // 3 : -(x.shape[0] // 3), x.shape[1] // 3 : -(x.shape[1] // 3)]
    ),
    Corruption("JPEG quality 5", lambda x, _: x, quality=5),
    Corruption("upside down", lambda x, _: x[::-1]),
)


def written(picture: Floats, quality: int) -> bytes:
    """A picture in 0..1 as the bytes of a JPEG file."""
    eight = np.ascontiguousarray(np.clip(np.round(picture * 255.0), 0, 255).astype(np.uint8))
    stored = eight if eight.ndim == 2 else np.ascontiguousarray(eight[..., ::-1])
    return cv2.imencode(".jpg", stored, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def quality_of(content: bytes) -> int:
    """JPEG quality 1..100 of a file, as its writer counts it (IJG's scale); UNCOMPRESSED for other files."""
    steps = _luminance_steps(content)
    if steps is None:
        return UNCOMPRESSED
    standard = _luminance_steps(written(np.zeros((8, 8), np.float32), 50))
    assert standard is not None  # noqa: S101 - we wrote it; for the type checker
    percent = 100.0 * steps / standard
    return int(np.clip(round((200.0 - percent) / 2 if percent <= 100.0 else 5000.0 / percent), 1, 100))


def _luminance_steps(content: bytes) -> float | None:
    """Sum of the first quantisation table."""
    at = content.find(QUANTISATION)
    if content[:2] != b"\xff\xd8" or at < 0:
        return None
    table = np.frombuffer(content[at + 5 : at + 5 + TABLE_BYTES], np.uint8)
    return float(table.sum()) if len(table) == TABLE_BYTES else None
