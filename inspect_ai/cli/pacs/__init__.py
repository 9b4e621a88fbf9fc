"""`inspect-ai pacs`: receive studies from a PACS, decide them, and send results back; by DIMSE and by DICOMweb."""

from __future__ import annotations

from inspect_ai.cli import common
from inspect_ai.cli.option_groups import spread
from inspect_ai.cli.pacs import decide, fetch, listen, send, studies

app = common.app()


@app.callback()
def pacs() -> None:
    """Exchange studies and results with a PACS. Needs the extra `pacs`.

    Example: inspect-ai pacs listen --into ./received --allow ORTHANC
    """


app.command("listen")(spread(listen.listen))
app.command("decide")(spread(decide.decide))
app.command("send")(spread(send.send))
app.command("fetch")(fetch.fetch)
app.command("list")(studies.list_studies)
