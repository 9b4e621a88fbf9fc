"""Destination of the settings that studies are fetched from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspect_ai.cli import common

if TYPE_CHECKING:
    from inspect_ai.pacs.destinations import Web


def web_source(name: str) -> Web:
    """The DICOMweb destination of that name. Raises UsageError where it speaks DIMSE or is not in the settings."""
    from inspect_ai.errors import UsageError
    from inspect_ai.pacs.destinations import Web, destination_named

    there = destination_named(name, common.settings())
    if not isinstance(there, Web):
        raise UsageError(f"Destination {name} speaks DIMSE; studies are fetched from DICOMweb (http:// or https://).")
    return there
