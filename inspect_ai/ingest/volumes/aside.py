"""Slices that are set aside: sound, accounted for, and no volume to inspect beside the originals of their study."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from inspect_ai.ingest.header_validation import NO_RESCALE
from inspect_ai.ingest.plane_geometry import Plane
from inspect_ai.ingest.series_attributes import PROJECTION
from inspect_ai.ingest.slice_order import FEWEST_SLICES
from inspect_ai.ingest.volumes.split import Stack

BESIDE_SLICES = "{} beside the slices of its study: no slice to inspect"
COMPUTED = "a projection or reformat of slices of this study, which are inspected themselves"
MOST_PAGES = 4
UPRIGHT = 0.5  # z of the normal, below which a plane is nearer to upright than to axial


def reason_to_set_aside(stack: Stack, originals: Mapping[str, int]) -> str:
    """Reason why a stack is no volume to inspect; "" for one that is decided.

    originals: number of slices of original stacks of the study, by frame of reference.
    """
    if not originals:
        return ""
    references = {f.member.header.frame_of_reference for f in stack.frames}
    if stack.derived == PROJECTION and all(r and r in originals for r in references):
        return COMPUTED
    return _page_or_view(stack)


def _page_or_view(stack: Stack) -> str:
    """Reason for a page or view of CT that its Image Type does not name.

    A page has no position and no Hounsfield units; a view (localizer) is seen from the side or front.
    """
    if len(stack.frames) > MOST_PAGES or stack.frames[0].member.header.modality != "CT":
        return ""
    if all(f.plane is None and f.member.header.problems == (NO_RESCALE,) for f in stack.frames):
        return BESIDE_SLICES.format("a page without a position")
    views = len(stack.frames) < FEWEST_SLICES and all(f.plane and _is_upright(f.plane) for f in stack.frames)
    return BESIDE_SLICES.format("a view like a localizer") if views else ""


def _is_upright(plane: Plane) -> bool:
    """True for a sagittal or coronal plane."""
    return abs(float(np.cross(plane.row_direction, plane.column_direction)[2])) < UPRIGHT
