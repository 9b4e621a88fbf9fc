"""Words of the viewer in the language of a page."""

from __future__ import annotations

from inspect_ai.web.languages import translation

_ = str  # marks a text for the catalogues; it is translated where it is shown
WORDS = {
    "viewer": _("Picture viewer"), "toolbar": _("Viewer tools"), "pane": _("Picture"), "axial": _("Axial"),
    "coronal": _("Coronal"), "sagittal": _("Sagittal"), "move": _("Move"), "scroll": _("Scroll"),
    "window": _("Window"), "measure": _("Measure"), "line": _("Line"), "point": _("Point"),
    "box": _("Box"), "circle": _("Circle"), "freehand": _("Outline"),
    "erase": _("Delete"), "zoomIn": _("Zoom in"), "zoomOut": _("Zoom out"), "reset": _("Reset"),
    "invert": _("Invert"), "marks": _("Findings"), "planes": _("3 planes"), "slab": _("MIP"), "centre": _("Level"),
    "width": _("Width"), "heat": _("Heat map"), "presets": _("Window presets"), "tools": _("What dragging does"),
    "view": _("View"), "findings": _("Go to finding"), "finding": _("Finding {number}"), "slice": _("Slice"),
    "previousSlice": _("Previous slice"), "nextSlice": _("Next slice"),
    "loaded": _("{loaded} of {depth} slices loaded"),
    "slabOf": _("MIP {mm} mm, slices {first} to {last}"),
    "planesWait": _("The three planes need all slices; {loaded} of {depth} are here."),
    "planesTooLarge": _("This series is too large for the three planes in this browser's memory."),
    "sliceFailed": _("Slice {slice} could not be loaded. Move to it again to try once more."),
    "heatSlice": _("The heat map lies on slice {slice}."),
    "heatFailed": _("The heat map could not be loaded."),
    "pictureFailed": _("The picture could not be loaded from {url}."),
    "cursor": _("row {row}, column {col}"), "drew": _("{kind} drawn"), "erased": _("{kind} deleted"),
    "measured": _("Length: {length}"),
    "measuredPixels": _("Length: {length}, in pixels of the picture. How large the thing is cannot be told from it."),
    "nothingToErase": _("No drawing here to delete."),
}  # fmt: skip
# The keyboard's texts, by themselves: keys.js of the viewer has them in English (a test compares).
KEYS = (
    _("previous, next slice (volume); move the picture (picture)"),
    _("ten slices back, on"),
    _("first, last slice"),
    _("move the picture sideways; with Shift all arrows move it"),
    _("zoom in, out"),
    _("reset zoom, place, window and inversion"),
    _("invert"),
    _("narrower, wider window"),
    _("lower, higher level"),
    _("next window preset"),
    _("go to that finding"),
    _("show or hide findings"),
    _("heat map on or off"),
    _("axial slab of maximum intensity: 5, 10, 20 mm, off"),
    _("three planes on or off"),
    _("tool: move"),
    _("tool: measure a line, in mm on a volume, in pixels on a picture; no part of an answer"),
    _("tools: point, box, circle, outline, delete"),
    _("move the crosshair by 1 pixel, with Shift by 10"),
    _("set the point, an end, a corner or centre, then the other; delete the nearest"),
    _("close an outline"),
    _("give up a drawing, then back to the first tool"),
    _("delete the last drawing on this slice"),
    _("arrows, with a drawing tool"),
    _("Enter or Space, with a drawing tool"),
    _("1 to 9"),
)


def viewer_words(language: str) -> dict[str, str]:
    """Words by the names that the viewer gives them, texts of its keyboard by themselves; the viewer's own else."""
    catalogue = translation(language)
    return {name: catalogue.gettext(text) for name, text in ({text: text for text in KEYS} | WORDS).items()}
