"""A sheet of examples: one strip a picture, with the defect outlined as its mask says, and each model's heat map.

Colours as in reports (inspection/pictures/drawing.py): each map from its own median to its own peak, so they say where,
not how much; the figures below each map say how much.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from benchmarks.heat.pointing import TOLERANCE_PX
from benchmarks.heat.results import ExamplePicture, HeatResult, Mask, Pointing
from inspect_ai.inspection.pictures.drawing import draw
from inspect_ai.text import printable

WIDEST_PX, MOST_CELL_PX, LEAST_CELL_PX = 1840, 380, 210  # the sheet; a picture on it
TALLEST = 0.85  # of a picture's width
GAP_PX, LINE_PX, CAPTION_LINES = 14, 23, 2  # space around pictures, a line of text, lines below a map
TEXT_PX, TITLE_PX = 17, 24
INK, FAINT, RULE, PAPER = (20, 20, 20), (95, 95, 95), (215, 215, 215), (255, 255, 255)
OUTLINE = (0, 230, 255)  # a colour that no heat map has
SQUARE, MANY = np.ones((3, 3), np.uint8), 10  # MANY: parts of a mask
GOOD, NEAR, BAD = (0, 120, 50), (165, 95, 0), (180, 20, 20)

Bytes = NDArray[np.uint8]
Said = tuple[str, tuple[int, int, int]]  # text and its colour


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One row of the labelled folder: its title, and the map of each maker with its measures."""

    title: str
    shown: tuple[ExamplePicture, ...]
    pointings: tuple[Pointing, ...]


def write_sheet(result: HeatResult, path: Path) -> None:
    """Draw the examples. Raises OSError if PATH cannot be written."""
    examples = [example_of(result, index) for index in result.examples]
    kinds = "class, " if any(result.classes) else ""
    notes = (
        f"Light blue line: the defect, as its mask says ({len(examples)} of {len(result.rows)} positive pictures with "
        f"masks: every k-th, sorted by {kinds}group and file; no score and no map had a say).",
        "Colours: where the map is high, each from its own median (grey) to its own peak (yellow). Ring: the peak; "
        f"within {TOLERANCE_PX} px of the picture it counts as near. Share of the map: a map that knows nothing would "
        "put as much on the defect as the defect covers of the picture.",
    )
    names = [printable(maker.name, 60) for maker in result.makers]
    title = f"Heat maps of {result.task} on {result.data}, split {result.split}"
    sheet(examples, names, title, notes).save(path, format="PNG")


def example_of(result: HeatResult, index: int) -> Example:
    """The example of one row."""
    row, maps = result.rows[index], [mine[index] for mine in result.maps]
    words = dict.fromkeys([result.classes[index], row.group, Path(row.file).stem])
    return Example(
        title=printable(", ".join(word for word in words if word), 90),
        shown=tuple(m.example for m in maps if m.example is not None),
        pointings=tuple(m.whole for m in maps),
    )


def sheet(examples: Sequence[Example], names: Sequence[str], title: str, notes: Sequence[str]) -> Image.Image:
    """Examples below one another, two abreast where they fit."""
    columns = ("picture", "defect by its mask", *(f"heat map of {name}" for name in names))
    abreast = 2 if len(examples) > 1 and WIDEST_PX // (2 * len(columns)) - GAP_PX >= LEAST_CELL_PX else 1
    cell = min(MOST_CELL_PX, max(LEAST_CELL_PX, WIDEST_PX // (abreast * len(columns)) - GAP_PX))
    block = len(columns) * (cell + GAP_PX)
    width = abreast * (block + GAP_PX) + GAP_PX
    words = [part for note in notes for part in wrapped(note, TEXT_PX, width - 2 * GAP_PX)]
    heads = [wrapped(name, TEXT_PX, cell) for name in columns]
    head_px = max(len(head) for head in heads) * LINE_PX
    strips = [[Strip(e, cell) for e in examples[i : i + abreast]] for i in range(0, len(examples), abreast)]
    top = 2 * TITLE_PX + len(words) * LINE_PX + GAP_PX
    heights = [max(s.height for s in line) for line in strips]
    canvas = Image.new("RGB", (width, top + head_px + sum(heights) + GAP_PX), PAPER)
    pen = ImageDraw.Draw(canvas)
    write_text(pen, GAP_PX, GAP_PX // 2, [title], INK, TITLE_PX)
    write_text(pen, GAP_PX, 2 * TITLE_PX, words, INK)
    for i in range(abreast):
        for k, head in enumerate(heads):
            write_text(pen, GAP_PX + i * (block + GAP_PX) + k * (cell + GAP_PX), top, head, INK, bold=True)
    top += head_px
    for line, height in zip(strips, heights, strict=True):
        pen.line((GAP_PX, top, width - GAP_PX, top), RULE)
        for i, strip in enumerate(line):
            strip.draw(canvas, pen, GAP_PX + i * (block + GAP_PX), top + GAP_PX // 2)
        top += height
    return canvas


class Strip:
    """One example, laid out: title, picture, outline, maps, and its measures below each."""

    def __init__(self, example: Example, cell: int) -> None:
        self.example, self.cell = example, cell
        height, width = example.shown[0].picture.shape[:2]
        factor = min(cell / width, TALLEST * cell / height)
        self.size = max(1, round(width * factor)), max(1, round(height * factor))
        self.height = self.size[1] + (CAPTION_LINES + 1) * LINE_PX + 2 * GAP_PX

    def draw(self, canvas: Image.Image, pen: ImageDraw.ImageDraw, left: int, top: int) -> None:
        """Put it at a place."""
        write_text(pen, left, top, [self.example.title], FAINT)
        first = self.example.shown[0]
        plain, _ = pair(first, self.size)
        covers = f"covers {share(self.example.pointings[0].area)}"
        self.put(canvas, pen, left, top, plain, [])
        left += self.cell + GAP_PX
        self.put(canvas, pen, left, top, outlined(plain, first.mask, 2), [(covers, INK)])
        for shown, pointing in zip(self.example.shown, self.example.pointings, strict=True):
            left += self.cell + GAP_PX
            marked = outlined(pair(shown, self.size)[1], shown.mask, 1)
            if not pointing.flat:
                ring(marked, shown)
            said = [place_of_peak(pointing), (f"{share(pointing.energy)} of the map on it", INK)]
            self.put(canvas, pen, left, top, marked, said)

    def put(
        self, canvas: Image.Image, pen: ImageDraw.ImageDraw, left: int, top: int, picture: Bytes, said: Sequence[Said]
    ) -> None:
        """One picture with lines of text below."""
        canvas.paste(Image.fromarray(picture), (left, top + LINE_PX))
        for i, (text, colour) in enumerate(said, 1):
            write_text(pen, left, top + self.size[1] + i * LINE_PX + 2, [text], colour)


def write_text(
    pen: ImageDraw.ImageDraw,
    left: int,
    top: int,
    lines: Sequence[str],
    colour: tuple[int, int, int],
    size: int = TEXT_PX,
    bold: bool = False,
) -> None:
    """Lines of text below one another."""
    for i, line in enumerate(lines):
        pen.text(
            (left, top + i * LINE_PX), line, colour, font(size), stroke_width=0.4 if bold else 0, stroke_fill=colour
        )


def pair(shown: ExamplePicture, size: tuple[int, int]) -> tuple[Bytes, Bytes]:
    """RGB [h, w, 3] at the given size: the picture, and the picture under its heat map."""
    shrinks = size[0] < shown.picture.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    picture = np.asarray(cv2.resize(shown.picture, size, interpolation=how), np.float32)
    plain, coloured = draw(picture, heat=shown.heat, limit_px=max(size))
    return rgb(plain, size), rgb(coloured, size)


def rgb(png: bytes, size: tuple[int, int]) -> Bytes:
    """PNG -> [h, w, 3]."""
    pixels = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None and pixels.shape[1::-1] == size  # noqa: S101, PT018 - our own PNG
    return np.ascontiguousarray(pixels[..., ::-1], np.uint8)


def outlined(picture: Bytes, mask: Mask, thickness: int) -> Bytes:
    """A copy with a line around the mask, thin where there are many parts."""
    height, width = picture.shape[:2]
    large = np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)
    parts, _ = cv2.connectedComponents(large)
    within = cv2.dilate(large, SQUARE) if parts <= MANY else large
    around = cv2.dilate(within, SQUARE, iterations=thickness if parts <= MANY else 1)
    marked = picture.copy()
    marked[(around > 0) & (within == 0)] = OUTLINE
    return marked


def ring(picture: Bytes, shown: ExamplePicture) -> None:
    """The peak, as a white ring with a black rim."""
    height, width = picture.shape[:2]
    row, col = ((p + 0.5) * n / m for p, n, m in zip(shown.peak_px, (height, width), shown.mask.shape, strict=True))
    for colour, thickness in (((0, 0, 0), 4), ((255, 255, 255), 2)):
        cv2.circle(picture, (round(col), round(row)), 8, colour, thickness, cv2.LINE_AA)


def place_of_peak(p: Pointing) -> Said:
    """Place of the peak, in words and a colour."""
    if math.isinf(p.distance_px):
        return "no peak", BAD
    if p.distance_px == 0.0:
        return "peak on the defect", GOOD
    colour = NEAR if p.distance_px <= TOLERANCE_PX else BAD
    return f"peak {math.ceil(p.distance_px)} px away", colour


def share(value: float) -> str:
    """Per cent, with the digits that small shares need."""
    return (
        f"{100 * value:.0f} %"
        if value >= 0.095
        else f"{100 * value:.1f} %"
        if value >= 0.0095
        else f"{100 * value:.2f} %"
    )


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own face."""
    return ImageFont.load_default(size)


def wrapped(text: str, size: int, width: int) -> list[str]:
    """Lines no wider than `width`, broken at spaces; a long name is broken anywhere."""
    lines, current = [], ""
    for word in text.split(" "):
        rest = word
        while rest:
            joined = f"{current} {rest}" if current else rest
            if font(size).getlength(joined) <= width:
                current, rest = joined, ""
            elif current:
                lines.append(current)
                current = ""
            else:
                fits = next((n for n in range(len(rest), 1, -1) if font(size).getlength(rest[:n]) <= width), 1)
                lines.append(rest[:fits])
                rest = rest[fits:]
    return [*lines, current] if current else lines
