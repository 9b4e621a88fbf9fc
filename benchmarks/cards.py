"""`make cards`: the frontier of each shipped operating point, written into its model card.

A card holds the table between two comments; a test compares it with what `inspect-ai certificate frontier TASK
--markdown` prints.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inspect_ai.calibration.frontier_file import frontier_path
from inspect_ai.certificates.deployment import POINT_FILE
from inspect_ai.cli import common, main
from inspect_ai.errors import UsageError
from inspect_ai.journeys.show_frontier import stored_frontier
from inspect_ai.report.frontier import card_text
from inspect_ai.settings import Settings, bundled

CARD = "MODEL_CARD.md"
BEGIN, END = "<!-- frontier -->\n", "<!-- end of frontier -->\n"

app = common.app()


@app.command()
def cards(
    folder: Annotated[Path | None, typer.Option("--tasks", help="Folder of tasks.", show_default="the shipped")] = None,
) -> None:
    """Write each task's frontier into its card. Raises UsageError for a card without the two comments.

    Example: python -m benchmarks.cards
    """
    for card in sorted((folder or bundled("tasks")).glob(f"*/{CARD}")):
        if not frontier_path(card.parent / POINT_FILE).is_file():
            print(f"{card}: left alone; no frontier stands beside an operating point there.")
            continue
        found = stored_frontier(str(card.parent), Settings())
        card.write_text(replaced(card.read_text("utf-8"), card_text(found.frontier, found.point), card), "utf-8")
        print(f"{card}: written.")


def replaced(text: str, table: str, card: Path) -> str:
    """Text of a card with another table between its comments."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UsageError(f"{card} has no place for the frontier: put {BEGIN.strip()} and {END.strip()} on two lines.")
    return f"{before}{BEGIN}{table}{END}{after}"


if __name__ == "__main__":
    main(app=app, name="python -m benchmarks.cards")
