"""Assignment by a lead: one case, many at once, and what is told of those that cannot be given away."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from inspect_ai.audit import AccessAction, verify
from inspect_ai.web.cases.filters import Filter
from tests.support.reader_desk import Opened, answer, csrf, decided, opened


def post(client: TestClient, what: str, entries: list[int], to: str = "") -> tuple[int, str]:
    data = {"csrf": csrf(client), "what": what, "entry": [str(entry) for entry in entries], "to": to}
    answered = client.post("/queue/assign", data=data)
    return answered.status_code, answered.text


def assigned(made: Opened) -> dict[int, str]:
    return {row.entry: row.assigned for row in made.desk.index.page(Filter(state="all")).rows}


def said(made: Opened) -> list[tuple[str, int | None, str]]:
    entries = [row for row in made.rows("access") if row.outcome == AccessAction.ASSIGNED]
    return [(row.operator, row.refers, row.reason) for row in entries]


def test_a_lead_assigns_many_cases_at_once_and_each_is_an_entry(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, number) for number in range(1, 5)]) as made:
        made.client("reader", name="anna")
        lead = made.client("lead")
        status, page = post(lead, "assign", [1, 3, 3], "anna")

        assert status == 200
        assert "2 cases are assigned to anna." in page
        assert assigned(made) == {1: "anna", 2: "", 3: "anna", 4: ""}
        assert said(made) == [("lead", 1, "assigned to anna"), ("lead", 3, "assigned to anna")]
        assert verify(made.db).ok


def test_released_cases_are_nobodys_and_each_is_an_entry(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, number) for number in (1, 2)]) as made:
        made.client("reader", name="anna")
        lead = made.client("lead")
        post(lead, "assign", [1, 2], "anna")
        _, page = post(lead, "release", [2], "anna")

        assert "1 case is released." in page
        assert assigned(made) == {1: "anna", 2: ""}
        assert said(made)[-1] == ("lead", 2, "released: assigned to nobody")


def test_the_assignment_of_one_case_is_an_entry_too(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        made.client("reader", name="anna")
        lead = made.client("lead")
        lead.post("/cases/1/assign", data={"csrf": csrf(lead), "to": "anna"})

        assert assigned(made) == {1: "anna"}
        assert said(made) == [("lead", 1, "assigned to anna")]


def test_cases_answered_or_opened_meanwhile_are_told_one_by_one(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, number) for number in range(1, 5)]) as made:
        anna, ben = (made.client("reader", name=name) for name in ("anna", "ben"))
        lead = made.client("lead")
        lead.get("/")
        answer(anna, 1, "negative")
        ben.get("/cases/2")
        _, page = post(lead, "assign", [1, 2, 3, 99], "anna")

        assert "1 case is assigned to anna." in page
        assert "Case 1 stays as it is: anna has answered it." in page
        assert "Case 2 stays as it is: ben has it open." in page
        assert "There is no case 99." in page
        assert assigned(made) == {1: "", 2: "", 3: "anna", 4: ""}
        assert [entry for _, entry, _ in said(made)] == [3]


def test_a_case_goes_to_the_one_who_has_it_open(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        made.client("reader", name="anna").get("/cases/1")
        post(made.client("lead"), "assign", [1], "anna")

        assert assigned(made) == {1: "anna"}


def test_a_reader_who_assigns_many_is_refused_and_noted(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        reader = made.client("reader")
        status, _ = post(reader, "assign", [1], "reader")

        assert status == 403
        assert made.rows("access")[-1].outcome == AccessAction.MOVE_REFUSED
        assert assigned(made) == {1: ""}
        assert "checkbox" not in reader.get("/").text


@pytest.mark.parametrize("forged", [{}, {"csrf": "guess"}])
def test_a_forged_assignment_changes_nothing(tmp_path: Path, forged: dict[str, str]) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        made.client("reader", name="anna")
        data = {"what": "assign", "entry": "1", "to": "anna", **forged}

        assert made.client("lead").post("/queue/assign", data=data).status_code == 403
        assert assigned(made) == {1: ""}


@pytest.mark.parametrize(
    ("what", "entries", "to", "status"),
    [
        ("assign", [1], "", 422),
        ("assign", [1], "nobody", 409),
        ("assign", [1], "clerk", 409),
        ("destroy", [1], "anna", 422),
        ("assign", [0], "anna", 422),
        ("assign", [1 << 63], "anna", 422),
        ("assign", list(range(1, 1200)), "anna", 422),
    ],
)
def test_an_assignment_that_is_none_is_refused(
    tmp_path: Path, what: str, entries: list[int], to: str, status: int
) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        made.client("reader", name="anna")
        made.client("administrator", name="clerk")

        assert post(made.client("lead"), what, entries, to)[0] == status
        assert not said(made)
