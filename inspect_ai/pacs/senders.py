"""Choice of the sender by the kind of destination; each imports its library when it is needed."""

from __future__ import annotations

from inspect_ai.pacs.destinations import AET, Destination, Dimse
from inspect_ai.pacs.sending import Sender


def sender_for(destination: Destination, aet: str = AET) -> Sender:
    """Make the sender for a destination. aet: our own title."""
    if isinstance(destination, Dimse):
        from inspect_ai.pacs.dimse import DimseSender

        return DimseSender(destination, aet)
    from inspect_ai.pacs.web import WebSender

    return WebSender(destination)
