"""Picture files made for tests: encoded by Pillow, and a BigTIFF written byte by byte."""

import io
import struct

import numpy as np
from PIL import Image

OFFSETS_AND_COUNTS = {False: (273, 279), True: (324, 325)}  # StripOffsets, StripByteCounts; TileOffsets, TileByteCounts
SIDE_PX, TILE_PX = 48, 16


def noise(height: int = 40, width: int = 50) -> np.ndarray:
    """[H, W, 3] uint8 that no encoder makes small, so that a cut falls into the pixels."""
    return np.random.default_rng(7).integers(0, 255, (height, width, 3), dtype=np.uint8)


def encoded(kind: str, **options: object) -> bytes:
    """A picture as Pillow writes it."""
    out = io.BytesIO()
    Image.fromarray(noise()).save(out, kind, **options)
    return out.getvalue()


def moving(kind: str) -> bytes:
    """An animation of two frames as Pillow writes it."""
    out = io.BytesIO()
    first, second = Image.fromarray(noise()), Image.fromarray(noise()[::-1])
    first.save(out, kind, save_all=True, append_images=[second])
    return out.getvalue()


def bigtiff(*, order: str = "<", tiled: bool = False) -> bytes:
    """A grey BigTIFF of 48 x 48 px in three strips or nine tiles; its directory lies before the pixels."""
    pixels = noise(SIDE_PX, SIDE_PX)[..., 0]
    if tiled:
        grid = pixels.reshape(3, TILE_PX, 3, TILE_PX).swapaxes(1, 2).reshape(9, TILE_PX, TILE_PX)
        blocks = [tile.tobytes() for tile in grid]
        layout = [(322, 3, [TILE_PX]), (323, 3, [TILE_PX])]
    else:
        blocks = [rows.tobytes() for rows in np.split(pixels, 3)]
        layout = [(278, 3, [TILE_PX])]
    shape = [(256, 4, [SIDE_PX]), (257, 4, [SIDE_PX]), (258, 3, [8]), (259, 3, [1]), (262, 3, [1]), (277, 3, [1])]
    offsets, counts = OFFSETS_AND_COUNTS[tiled]
    entries = len(shape) + len(layout) + 2
    values_at = 16 + 8 + 20 * entries + 8
    pixels_at = values_at + (8 + 4) * len(blocks)
    starts = [pixels_at + sum(map(len, blocks[:i])) for i in range(len(blocks))]
    tags = [*shape, *layout, (offsets, 16, starts), (counts, 4, [len(block) for block in blocks])]
    directory, values = struct.pack(order + "Q", entries), b""
    for tag, kind, numbers in sorted(tags):
        packed = struct.pack(f"{order}{len(numbers)}{ {3: 'H', 4: 'I', 16: 'Q'}[kind] }", *numbers)
        if len(packed) > 8:
            values, packed = values + packed, struct.pack(order + "Q", values_at + len(values))
        directory += struct.pack(order + "HHQ", tag, kind, len(numbers)) + packed.ljust(8, b"\0")
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HHHQ", 43, 8, 0, 16)
    return b"".join([head, directory, bytes(8), values, *blocks])


def grey_tiff(pixels: bytes, shape: tuple[int, ...], *, bits: int, tags: dict[int, int] | None = None) -> bytes:
    """A little-endian TIFF of one strip, with its values as they are; `tags`: more of them, as SHORT, or others."""
    height, width = shape
    entries = {256: width, 257: height, 258: bits, 259: 1, 262: 1, 273: 8, 277: 1, 278: height, 279: len(pixels)}
    entries |= tags or {}
    directory = struct.pack("<H", len(entries))
    for tag, value in sorted(entries.items()):
        directory += struct.pack("<HHII", tag, 4 if tag in (273, 279) else 3, 1, value)
    return struct.pack("<2sHI", b"II", 42, 8 + len(pixels)) + pixels + directory + bytes(4)
