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


def viewer_words(language: str) -> dict[str, str]:
    """Words by the names that the viewer gives them; its own for those that are not here."""
    catalogue = translation(language)
    return {name: catalogue.gettext(text) for name, text in WORDS.items()}
