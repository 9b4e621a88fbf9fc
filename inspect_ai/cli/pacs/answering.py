"""Answers to the PACS: whether results can go back, and a sentence where they cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspect_ai.cli.pacs.events import say

if TYPE_CHECKING:
    from inspect_ai.pacs.deciding import Answering
    from inspect_ai.settings import Settings


def answering(settings: Settings, reply: str, aet: str) -> Answering | None:
    """Results go back where somebody can be answered and something can make them; sentences say where not."""
    from inspect_ai.cli import result_objects
    from inspect_ai.errors import SetupError
    from inspect_ai.pacs.deciding import Answering

    if not settings.destinations:
        say("Results stay here: no destination is in the settings ([destinations] of ./inspect_ai.toml).")
        return None
    try:
        make = result_objects.maker(settings)
    except SetupError as e:
        say(f"Results stay here: {e}")
        return None
    return Answering(make_objects=make, reply=reply, aet=aet)
