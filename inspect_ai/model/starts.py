"""Starts of training (`network.init`): nothing, ImageNet's weights, the trunk that ships, or the trunk of a folder."""

from __future__ import annotations

from pathlib import Path

from inspect_ai.config import TaskConfig
from inspect_ai.errors import SetupError
from inspect_ai.model.manifest import TRUNK

SCRATCH, IMAGENET, GENERAL = "scratch", "imagenet", "general"
GENERAL_TRUNKS = Path(__file__).parent / "general"  # one folder for each size, as `inspect-ai pretrain` writes it


def general_sizes() -> tuple[str, ...]:
    """Sizes of which a general trunk ships."""
    return tuple(sorted(path.parent.name for path in GENERAL_TRUNKS.glob(f"*/{TRUNK}")))


def trunk_folder(config: TaskConfig) -> Path | None:
    """Folder of the trunk that training starts from; None for a start without one.

    Raises SetupError where the general trunk is asked for and there is none of that network.
    """
    chosen = config.network
    if chosen.init in (SCRATCH, IMAGENET):
        return None
    if chosen.init != GENERAL:
        return Path(chosen.init)
    if chosen.backbone != "trunk" or chosen.attention != "stripe" or chosen.size not in general_sizes():
        shipped = ", ".join(general_sizes()) or "none"
        raise SetupError(
            f"No general trunk ships for {chosen.backbone}, {chosen.size}, {chosen.attention}; there are trunks with "
            f"stripe attention of size {shipped}. Set network.init to imagenet or scratch in the config."
        )
    return GENERAL_TRUNKS / chosen.size
