"""Who may come to the desk, and what becomes of requests that are not theirs."""

import re
from pathlib import Path

import pytest

from inspect_ai.audit import AccessAction, verify
from inspect_ai.errors import UsageError
from inspect_ai.web.desk import Entrance, StartToken
from inspect_ai.web.people.sessions import TRIES_MOST
from inspect_ai.web.serving import Address
from inspect_ai.web.visit import COOKIE
from tests.support.reader_desk import HOST, PASSWORD, answer, csrf, decided, opened


def said(rows: list) -> list[tuple[str, str]]:
    return [(row.operator, row.outcome) for row in rows]


def test_a_sign_in_is_an_entry_of_the_log_and_the_cookie_is_for_this_site_alone(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        made.desk.accounts.add("anna", PASSWORD, ["reader"])
        answered = made.client().post("/sign-in", data={"name": "anna", "password": PASSWORD})

        cookie = answered.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert said(made.rows("access")) == [("anna", AccessAction.SIGNED_IN)]
        assert verify(made.db).ok


def test_cookies_travel_over_tls_alone_where_there_is_some(tmp_path: Path) -> None:
    secure = Entrance(hosts=(HOST,), secure=True)
    with opened(tmp_path, [decided(tmp_path, 1)], entrance=secure) as made:
        made.desk.accounts.add("anna", PASSWORD, ["reader"])
        answered = made.client().post("/sign-in", data={"name": "anna", "password": PASSWORD})

        assert "secure" in answered.headers["set-cookie"].lower()
        assert "max-age" in answered.headers["strict-transport-security"]


def test_a_wrong_name_and_a_wrong_password_read_alike_and_are_noted(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        made.desk.accounts.add("anna", PASSWORD, ["reader"])
        client = made.client()
        wrong = [
            client.post("/sign-in", data={"name": name, "password": "something else"}) for name in ("anna", "nobody")
        ]

        assert [each.status_code for each in wrong] == [403, 403]
        assert wrong[0].text == wrong[1].text
        assert said(made.rows("access")) == [
            ("anna", AccessAction.SIGN_IN_REFUSED),
            ("nobody", AccessAction.SIGN_IN_REFUSED),
        ]


def test_after_many_tries_even_the_right_password_waits(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        made.desk.accounts.add("anna", PASSWORD, ["reader"])
        client = made.client()
        for _ in range(TRIES_MOST["account"]):
            client.post("/sign-in", data={"name": "anna", "password": "something else"})

        assert client.post("/sign-in", data={"name": "anna", "password": PASSWORD}).status_code == 429


def test_no_password_is_stored_in_clear_and_none_is_short(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        made.desk.accounts.add("anna", PASSWORD, ["reader"])
        with pytest.raises(UsageError, match="12 to 256"):
            made.desk.accounts.add("ben", "short", ["reader"])
        files = [path.read_bytes() for path in tmp_path.glob("log.db*") if path.is_file()]

        assert not any(PASSWORD.encode() in content for content in files)
        assert (made.desk.store.path.stat().st_mode & 0o077) == 0


def test_the_token_of_the_terminal_signs_in_once(tmp_path: Path) -> None:
    start = StartToken()
    with opened(tmp_path, [decided(tmp_path, 1)], start=start) as made:
        first = made.client().get(f"/start?token={start.text}")
        second = made.client().get(f"/start?token={start.text}")

        assert (first.status_code, second.status_code) == (303, 403)


def test_a_guessed_token_does_not_spoil_the_right_one(tmp_path: Path) -> None:
    start = StartToken()
    with opened(tmp_path, [decided(tmp_path, 1)], start=start) as made:
        assert made.client().get("/start?token=guess\u00fc").status_code == 403
        assert made.client().get(f"/start?token={start.text}").status_code == 303


def test_a_stolen_cookie_is_worth_nothing_after_sign_out(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        client = made.client("reader")
        stolen = client.cookies[COOKIE]
        thief = made.client()
        thief.cookies.set(COOKIE, stolen)
        before = thief.get("/").status_code
        client.post("/sign-out", data={"csrf": csrf(client)})
        after = thief.get("/")

        assert before == 200
        assert (after.status_code, after.headers["location"]) == (303, "/sign-in")
        assert stolen.encode() not in made.desk.store.path.read_bytes()


def test_a_stopped_account_is_signed_out(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        client = made.client("reader")
        made.desk.accounts.change("reader", active=False)

        assert client.get("/").status_code == 303
        refused = made.client().post("/sign-in", data={"name": "reader", "password": PASSWORD})
        assert refused.status_code == 403


@pytest.mark.parametrize("forged", [{}, {"csrf": "guess"}])
def test_a_forged_answer_writes_nothing(tmp_path: Path, forged: dict[str, str]) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        client = made.client("reader")
        answered = client.post("/cases/1/answer", data={"verdict": "negative", **forged})

        assert answered.status_code == 403
        assert not made.rows("review")


def test_an_answer_from_another_site_is_refused_even_with_the_token(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        client = made.client("reader")
        data = {"verdict": "negative", "csrf": csrf(client)}
        answered = client.post("/cases/1/answer", data=data, headers={"origin": "http://elsewhere.test"})

        assert answered.status_code == 403
        assert not made.rows("review")


def test_the_desk_answers_for_its_own_host_names_alone(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        assert made.client("reader").get("/", headers={"host": "rebound.test"}).status_code == 421


def test_a_reader_who_tries_a_leads_move_is_refused_and_noted(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        client = made.client("reader")
        token = csrf(client)
        tried = [
            client.post("/cases/1/assign", data={"csrf": token, "to": "reader"}),
            client.post("/performance/proposal", data={"csrf": token, "task": "metal_surface", "at": "0.1"}),
            client.post("/log/export", data={"csrf": token}),
            client.post("/accounts", data={"csrf": token, "name": "eve", "password": PASSWORD, "roles": "lead"}),
            client.get("/log"),
            client.get("/performance"),
            client.get("/accounts"),
        ]

        assert {each.status_code for each in tried} == {403}
        refused = [row for row in made.rows("access") if row.outcome == AccessAction.MOVE_REFUSED]
        assert len(refused) == len(tried)
        assert made.desk.accounts.find("eve") is None


def test_an_auditor_looks_and_cannot_answer(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        client = made.client("auditor")

        assert client.get("/cases/1").status_code == 200
        assert client.get("/log").status_code == 200
        assert client.post("/cases/1/answer", data={"verdict": "negative", "csrf": csrf(client)}).status_code == 403
        assert not made.rows("review")


def test_nobody_changes_the_roles_of_their_own_account(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        client = made.client("administrator")
        data = {"csrf": csrf(client, "/accounts"), "what": "roles", "roles": "lead"}

        assert client.post("/accounts/administrator", data=data).status_code == 409


def test_every_look_is_an_entry_before_the_page(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1), decided(tmp_path, 2)]) as made:
        client = made.client("reader")
        client.get("/cases/2")

        looks = [row for row in made.rows("access") if row.outcome == AccessAction.LOOKED]
        assert [(row.operator, row.refers) for row in looks] == [("reader", 2)]


def test_a_trusted_proxy_signs_in_whom_the_desk_knows(tmp_path: Path) -> None:
    import ipaddress

    proxies = (ipaddress.ip_network("10.1.0.0/16"),)
    entrance = Entrance(hosts=(HOST,), proxy_header="x-remote-user", proxies=proxies)
    with opened(tmp_path, [decided(tmp_path, 1)], entrance=entrance) as made:
        from starlette.testclient import TestClient

        from inspect_ai.web.app import create_app

        made.desk.accounts.add("anna", "", ["reader"])
        near, far = (
            TestClient(create_app(made.desk), base_url=f"http://{HOST}", client=(address, 1), follow_redirects=False)
            for address in ("10.1.2.3", "192.0.2.7")
        )
        known = near.get("/sign-in", headers={"x-remote-user": "anna"})
        unknown = near.get("/sign-in", headers={"x-remote-user": "eve"})
        forged = far.get("/sign-in", headers={"x-remote-user": "anna"})

        assert (known.status_code, unknown.status_code) == (303, 403)
        assert forged.status_code == 200  # the form, and no session
        assert "set-cookie" not in forged.headers


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (Address(host="0.0.0.0"), "--tls-cert"),  # noqa: S104 - what is refused
        (Address(tls_cert=Path("a.pem")), "--tls-key"),
        (Address(proxy_header="x-remote-user"), "--trusted-proxy"),
        (Address(proxy_header="x-remote-user", proxies=("nowhere",)), "--trusted-proxy"),
    ],
)
def test_an_address_that_would_carry_passwords_in_clear_is_refused(address: Address, words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        address.entrance()


def test_pages_carry_a_strict_policy_and_hold_no_script_of_their_own(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        client = made.client("lead", "administrator", name="all")
        for path in ("/", "/cases/1", "/performance", "/log", "/log/1", "/accounts", "/sign-in"):
            page = client.get(path)
            assert page.status_code == 200, path
            assert "default-src 'none'" in page.headers["content-security-policy"]
            assert page.headers["cache-control"] == "no-store"
            assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=", page.text), path


@pytest.mark.parametrize(
    "path",
    [
        "/static/../store.py",
        "/static/%2e%2e/store.py",
        "/static/..%2f..%2faudit/log.py",
        "/cases/1/..%2f..%2fsecret.png",
        "/cases/1/pictures/..%2f0.png",
        "/cases/1/log.png",
    ],
)
def test_a_path_leads_nowhere_else(tmp_path: Path, path: str) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        client = made.client("reader")
        client.get("/cases/1")

        assert client.get(path).status_code in (404, 422)


def test_a_body_that_is_too_large_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        client = made.client("reader")
        data = {"csrf": csrf(client), "verdict": "negative", "drawn": "x" * (3 << 20)}

        assert client.post("/cases/1/answer", data=data).status_code == 413
        assert answer(client, 1, "negative") == 303


def test_an_address_may_not_guess_over_many_accounts_and_a_whole_clinic_may_sign_in_from_it(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        client = made.client()
        statuses = [
            client.post("/sign-in", data={"name": f"account {number}", "password": PASSWORD}).status_code
            for number in range(TRIES_MOST["address"] + 1)
        ]

    assert statuses == [403] * TRIES_MOST["address"] + [429]
