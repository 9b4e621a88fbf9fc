"""Cases at the desk: what is shown, what an answer writes, and what stays hidden from a blinded reader."""

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspect_ai.audit import open_log, verify
from inspect_ai.domain import Outcome
from inspect_ai.review import decide, queue
from inspect_ai.web.cases.answered import against_machine, answered_cases
from inspect_ai.web.cases.filters import Filter
from inspect_ai.web.cases.index import CaseIndex
from inspect_ai.web.store import Store, store_path
from tests.support.logs import decision
from tests.support.reader_desk import answer, csrf, decided, opened

HOSTILE = '"><script>alert(1)</script>\u202e'


def test_an_answer_becomes_a_row_under_the_account_and_leads_to_the_next_case(tmp_path: Path) -> None:
    cases = [decided(tmp_path, 1, score=0.9), decided(tmp_path, 2, score=0.8)]
    with opened(tmp_path, cases) as made:
        client = made.client("reader", name="anna")
        token = csrf(client, "/cases/1")
        answered = client.post("/cases/1/answer", data={"csrf": token, "verdict": "negative", "reason": "a shadow"})

        assert answered.headers["location"] == "/cases/2?answered=1"
        assert 'action="/cases/1/undo"' in client.get(answered.headers["location"]).text
        (row,) = made.rows("review")
        assert (row.operator, row.outcome, row.reason, row.refers) == ("anna", "negative", "a shadow", 1)
        assert made.desk.index.page(Filter()).left == 1
        assert verify(made.db).ok


def test_an_answer_without_a_reason_says_the_tasks_own_word(tmp_path: Path) -> None:
    second = decided(tmp_path, 2)
    second = replace(second, provenance=replace(second.provenance, task="fundus"))
    with opened(tmp_path, [decided(tmp_path, 1), second]) as made:
        answer(made.client("reader"), 1, "positive", label="no class of this task")

        review = made.rows("review")[0].review()
        assert review.reason == "positive"  # the task has several positive classes, and none was named
        answer(made.client("reader"), 2, "negative")
        assert made.rows("review")[1].reason == "other"


def test_the_second_of_two_answers_at_once_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        anna, ben = (made.client("reader", name=name) for name in ("anna", "ben"))
        tokens = csrf(anna, "/cases/1"), csrf(ben, "/cases/1")
        page = ben.get("/cases/1").text
        first = anna.post("/cases/1/answer", data={"csrf": tokens[0], "verdict": "negative"})
        second = ben.post("/cases/1/answer", data={"csrf": tokens[1], "verdict": "positive"})

        assert "anna has this case open now" in page
        assert (first.status_code, second.status_code) == (303, 409)
        assert len(made.rows("review")) == 1


def test_undo_reopens_as_a_new_row_and_only_by_whoever_answered(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        anna, ben = (made.client("reader", name=name) for name in ("anna", "ben"))
        answer(anna, 1, "negative")
        foreign = ben.post("/cases/1/undo", data={"csrf": csrf(ben)})
        own = anna.post("/cases/1/undo", data={"csrf": csrf(anna)})

        assert (foreign.status_code, own.status_code) == (409, 303)
        assert [row.outcome for row in made.rows("review")] == ["negative", "reopen"]
        assert made.desk.index.page(Filter()).left == 1


def test_whoever_asked_for_a_second_reader_is_none(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        anna, ben = (made.client("reader", name=name) for name in ("anna", "ben"))
        answer(anna, 1, "second_reader")

        assert answer(anna, 1, "negative") == 409
        assert answer(ben, 1, "negative") == 303


def test_a_reader_reopens_no_answer_of_another_and_a_lead_does(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        answer(made.client("reader", name="anna"), 1, "negative")

        assert answer(made.client("reader", name="ben"), 1, "reopen") == 409
        assert answer(made.client("lead"), 1, "reopen") == 303


def test_a_blinded_reader_sees_nothing_of_the_machine_until_the_answer_stands(tmp_path: Path) -> None:
    one = decided(tmp_path, 1, score=0.73125)
    with opened(tmp_path, [one, decided(tmp_path, 2, score=0.91)]) as made:
        client = made.client("reader")
        client.post("/preferences", data={"csrf": csrf(client), "blinded": "yes"})
        pages = [client.get(path).text for path in ("/", "/cases/1", "/cases/1/manifest.json")]
        heat = client.get("/cases/1/heat.png").status_code
        token = csrf(client, "/cases/1")
        answered = client.post("/cases/1/answer", data={"csrf": token, "verdict": "negative"})
        after = client.get("/cases/1").text

        for page in pages:
            assert "0.73125" not in page
            assert "0.7312" not in page
            assert "tag flag" not in page
            assert "reaches" not in page
        assert json.loads(pages[2])["marks"] == []
        assert heat == 404
        assert answered.headers["location"] == "/cases/1"
        assert "0.73125" in after
        assert made.rows("review")[0].review().blinded


def test_the_order_of_a_blinded_queue_tells_nothing(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1, score=0.2), decided(tmp_path, 2, score=0.9)]) as made:
        index = made.desk.index

        assert [row.entry for row in index.page(Filter()).rows] == [2, 1]
        assert [row.entry for row in index.page(Filter(blinded=True)).rows] == [1, 2]


def test_a_long_queue_comes_in_pages_to_its_end(tmp_path: Path) -> None:
    count = 120
    with opened(tmp_path, [decision(number, score=number / 1000) for number in range(count)]) as made:
        client = made.client("reader")
        page, seen = client.get("/").text, []
        while True:
            seen += [int(entry) for entry in re.findall(r'data-entry="(\d+)"', page)]
            more = re.search(r'hx-get="([^"]+)"', page)
            if more is None:
                break
            answered = client.get(more[1].replace("&amp;", "&"))
            assert answered.status_code == 200
            page = answered.text

        assert seen == list(range(count, 0, -1))


def test_drawn_marks_come_back_as_they_were_drawn(tmp_path: Path) -> None:
    drawn = [
        {"kind": "box", "slice": None, "points": [[1.5, 2.25], [30, 40]]},
        {"kind": "freehand", "slice": None, "points": [[0, 0], [0, 9], [9, 9]]},
    ]
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        client = made.client("reader")
        answer(client, 1, "positive", drawn=json.dumps(drawn))

        assert client.get("/cases/1/manifest.json").json()["drawn"] == drawn
        assert verify(made.db).ok


@pytest.mark.parametrize(
    "drawn",
    [
        "no json",
        "{}",
        '[{"kind": "star", "points": [[1, 2]]}]',
        '[{"kind": "box", "points": [[1, 2]]}]',
        '[{"kind": "point", "points": [[1e999, 2]]}]',
        '[{"kind": "point", "points": [[NaN, 2]]}]',
        '[{"kind": "point", "slice": -1, "points": [[1, 2]]}]',
        '[{"kind": "point", "slice": true, "points": [["a", 2]]}]',
        "[" * 5000,
    ],
)
def test_marks_that_are_none_are_refused_and_nothing_is_written(tmp_path: Path, drawn: str) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        assert answer(made.client("reader"), 1, "positive", drawn=drawn) == 409
        assert not made.rows("review")


def test_hostile_text_is_shown_as_text(tmp_path: Path) -> None:
    base = decided(tmp_path, 1)
    verdict = replace(base.verdict, reason=f"reason {HOSTILE}")
    study = replace(base.study, notes=(HOSTILE,), modality=HOSTILE)
    with opened(tmp_path, [replace(base, verdict=verdict, study=study)]) as made:
        client = made.client("lead", name="all")
        answer(client, 1, "positive", reason=HOSTILE)
        for path in ("/", "/cases/1", "/log", "/log/1", "/log/3", f"/?task={HOSTILE}", f"/performance?task={HOSTILE}"):
            page = client.get(path).text
            assert "<script>alert" not in page, path
            assert "\u202e" not in page, path


def test_a_picture_is_shown_at_full_size_from_the_file_that_was_decided_on(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        client = made.client("reader")
        client.get("/cases/1")
        manifest = client.get("/cases/1/manifest.json").json()
        shown = cv2.imdecode(np.frombuffer(client.get(manifest["url"]).content, np.uint8), cv2.IMREAD_UNCHANGED)

        assert (manifest["width"], manifest["height"]) == (64, 48)
        assert np.array_equal(shown, cv2.imread(str(tmp_path / "parts" / "1.png"), cv2.IMREAD_UNCHANGED))


def test_a_file_that_was_altered_is_not_shown(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        path = tmp_path / "parts" / "1.png"
        content = bytearray(path.read_bytes())
        content[-20] ^= 1
        path.write_bytes(content)
        client = made.client("reader")
        client.get("/cases/1")
        manifest = client.get("/cases/1/manifest.json").json()

        assert manifest["kind"] == "none"
        assert "changed" in manifest["why"]


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        (tmp_path / "parts" / "1.png").unlink()
        client = made.client("reader")
        client.get("/cases/1")
        manifest = client.get("/cases/1/manifest.json").json()

        assert "--root" in manifest["why"]


@pytest.mark.parametrize("what", ["manifest.json", "pictures/0.png", "stored.png", "slices/0"])
def test_no_picture_is_seen_without_a_look_in_the_log(tmp_path: Path, what: str) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        client = made.client("reader")
        before = client.get(f"/cases/1/{what}")
        client.get("/cases/1")
        after = client.get(f"/cases/1/{what}")

        assert before.status_code == 403
        assert after.status_code != 403


def test_a_case_that_is_none_is_told(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        client = made.client("reader")

        assert client.get("/cases/99").status_code == 404
        assert client.get("/cases/2").status_code == 404  # the entry of the sign-in


@settings(max_examples=12)
@given(
    st.lists(
        st.tuples(st.sampled_from(list(Outcome)), st.none() | st.sampled_from([0.1, 0.5, 0.9])), min_size=1, max_size=12
    ),
    st.lists(st.tuples(st.integers(0, 11), st.sampled_from(["positive", "second_reader", "reopen"])), max_size=8),
    st.sampled_from([0.0, 0.5]),
)
def test_the_index_is_reviews_queue(
    tmp_path_factory: pytest.TempPathFactory, cases: list, moves: list, rate: float
) -> None:
    folder = tmp_path_factory.mktemp("index")
    with open_log(folder / "log.db", operator="tester") as log:
        store = Store(store_path(log.path))
        index = CaseIndex(log, store, rate)
        for number, (outcome, score) in enumerate(cases):
            log.append([decision(number, outcome=outcome, score=score)])
            index.update()
        for number, (at, verdict) in enumerate(moves):
            try:
                decide(log, 1 + at % len(cases), verdict, "seen", operator=f"reader {number}")
            except Exception:  # noqa: BLE001, S112 - a move that the table does not have
                continue
            index.update()
        expected = [case.decision.id for case in queue(log, audit_rate=rate)]
        found: list[int] = []
        key = ""
        while True:
            page = index.page(Filter(), key, size=3)
            found += [row.entry for row in page.rows]
            assert page.left == len(expected)
            key = page.next_key
            if not key:
                break
        store.close()

        assert found == expected


def test_an_index_that_is_lost_is_built_again(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1), decided(tmp_path, 2)]) as made:
        answer(made.client("reader"), 1, "negative")
    store_path(tmp_path / "log.db").unlink()
    with open_log(tmp_path / "log.db") as log:
        store = Store(store_path(log.path))
        index = CaseIndex(log, store)
        index.update()

        assert [row.entry for row in index.page(Filter()).rows] == [2]
        assert [row.entry for row in index.page(Filter(state="answered")).rows] == [1]
        store.close()


def test_the_export_is_the_log_and_an_entry_of_it(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        client = made.client("lead")
        lines = client.post("/log/export", data={"csrf": csrf(client)}).text.splitlines()

        rows = [json.loads(line) for line in lines]
        assert [row["type"] for row in rows[-2:]] == ["entry", "head"]
        assert json.loads(rows[-2]["document"])["access"]["action"] == "exported"
        digest = hashlib.sha256(bytes.fromhex(rows[-2]["previous"]) + rows[-2]["document"].encode()).hexdigest()
        assert digest == rows[-1]["head"]


def test_a_proposal_is_an_entry_and_moves_no_line(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        client = made.client("lead")
        answer(client, 1, "positive")
        data = {"csrf": csrf(client), "task": "metal_surface", "at": "0.6"}
        client.post("/performance/proposal", data=data)

        last = made.rows("access")[-1]
        assert last.outcome == "line_proposed"
        assert "1 answered positives would have been cleared" in last.reason


def test_agreement_is_counted_where_both_name_both_sides(tmp_path: Path) -> None:
    flagged = [decided(tmp_path, number, score=0.9) for number in (1, 2)]
    cleared = [decided(tmp_path, number, outcome=Outcome.CLEAR, score=0.01) for number in (3, 4)]
    with opened(tmp_path, [*flagged, *cleared]) as made:
        client = made.client("lead")
        for entry, verdict in ((1, "positive"), (2, "negative")):
            answer(client, entry, verdict)
        one_sided = against_machine(answered_cases(made.desk.store, "metal_surface"))
        for entry in (3, 4):
            answer(client, entry, "negative")
        both = against_machine(answered_cases(made.desk.store, "metal_surface"))

        assert one_sided.value is None
        assert both.value == pytest.approx(0.5)  # 3 of 4 agree, by chance 1 of 2
        assert "0.50" in client.get("/performance?task=metal_surface").text


def test_without_scripts_a_link_leads_to_the_next_cases(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, number, score=0.9 - 0.001 * number) for number in range(60)]) as made:
        client = made.client("reader")
        first = client.get("/")
        (link,) = re.findall(r'class="button" href="(/[^"]+)"', first.text)
        then = client.get(link.replace("&amp;", "&"))

    rows = re.compile(r'<tr data-entry="(\d+)"')
    assert rows.findall(first.text) + rows.findall(then.text) == [str(entry) for entry in range(1, 61)]


@pytest.mark.parametrize("path", ["/cases/{}", "/log/{}", "/queue/rows?key={}", "/?key={}", "/?find={}"])
def test_a_number_beyond_any_entry_is_answered_with_a_sentence(tmp_path: Path, path: str) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        answered = made.client("lead").get(path.format(10**30))

    assert answered.status_code in (200, 404, 422)
    assert "Research software" in answered.text
