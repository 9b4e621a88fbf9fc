"""List of the clear cases that chance drew for a person: what is still to be answered."""

import re
from pathlib import Path

from inspect_ai.domain import Outcome
from inspect_ai.review.random_audit import drawn
from inspect_ai.settings import Settings
from tests.support.reader_desk import Opened, answer, csrf, decided, opened

RATE = 0.5


def by_chance(made: Opened) -> list[int]:
    """Clear entries that the draw of the log's own hashes names."""
    cleared = made.desk.log.entries(kind="decision", outcome="clear")
    return [entry.id for entry in cleared if drawn(entry, RATE)]


def test_drawn_clear_cases_have_a_list_with_the_count_left(tmp_path: Path) -> None:
    cases = [decided(tmp_path, number, Outcome.CLEAR, 0.01) for number in range(1, 13)]
    settings = Settings(db=tmp_path / "log.db", out=tmp_path / "out", workers=1, audit_rate=RATE)
    with opened(tmp_path, [*cases, decided(tmp_path, 13)], settings=settings) as made:
        expected = by_chance(made)
        client = made.client("reader")
        page = client.get("/?state=random_audit").text
        answered = client.post(
            f"/cases/{expected[0]}/answer?state=random_audit",
            data={"csrf": csrf(client, f"/cases/{expected[0]}"), "verdict": "negative"},
        )
        after = client.get("/?state=random_audit").text

        assert len(expected) > 1
        assert [int(entry) for entry in re.findall(r'data-entry="(\d+)"', page)] == expected
        assert f"Random audit: {len(expected)} of {len(expected)} left" in page
        assert answered.headers["location"] == f"/cases/{expected[1]}?state=random_audit&answered={expected[0]}"
        assert f"Random audit: {len(expected) - 1} of {len(expected)} left" in after
        assert f'data-entry="{expected[0]}"' not in after


def test_a_blinded_queue_does_not_say_what_was_drawn(tmp_path: Path) -> None:
    cases = [decided(tmp_path, 1, Outcome.CLEAR, 0.01), decided(tmp_path, 2)]
    settings = Settings(db=tmp_path / "log.db", out=tmp_path / "out", workers=1, audit_rate=1.0)
    with opened(tmp_path, cases, settings=settings) as made:
        client = made.client("reader")
        client.post("/preferences", data={"csrf": csrf(client), "blinded": "yes"})
        page = client.get("/?state=random_audit").text

        assert re.findall(r'data-entry="(\d+)"', page) == ["1", "2"]
        assert "andom audit" not in page


def test_without_a_draw_there_is_no_list(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1, Outcome.CLEAR, 0.01), decided(tmp_path, 2)]) as made:
        client = made.client("reader")
        answer(client, 2, "negative")

        assert "Random audit:" not in client.get("/").text
