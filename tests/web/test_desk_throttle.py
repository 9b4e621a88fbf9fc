"""Limit on requests: who floods the desk waits, and nobody who reads."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from inspect_ai.web import throttle
from inspect_ai.web.app import create_app
from inspect_ai.web.throttle import SESSION, Buckets, Limit
from inspect_ai.web.visit import COOKIE
from tests.support.reader_desk import HOST, Opened, decided, opened


class Clock:
    """Clock that stands until it is moved."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def browser(made: Opened, buckets: Buckets, token: str) -> TestClient:
    app = create_app(made.desk, buckets)
    return TestClient(app, base_url=f"http://{HOST}", cookies={COOKIE: token}, follow_redirects=False)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that a test reaches with a few requests."""
    monkeypatch.setattr(throttle, "SESSION", Limit(burst=20, per_s=0.5))
    monkeypatch.setattr(throttle, "ADDRESS", Limit(burst=60, per_s=1))


@pytest.mark.usefixtures("few")
def test_a_session_that_floods_the_desk_waits_and_others_do_not(tmp_path: Path) -> None:
    clock = Clock()
    buckets = Buckets(clock)
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        anna, ben = (made.client("reader", name=name).cookies[COOKIE] for name in ("anna", "ben"))
        flooding, reading = browser(made, buckets, anna), browser(made, buckets, ben)
        answered = [flooding.get("/static/icon.svg").status_code for _ in range(20)]
        refused = flooding.get("/")
        other = reading.get("/")
        clock.now_s += float(refused.headers["retry-after"])

        assert set(answered) == {200}
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
        assert "Wait 2 s" in refused.text
        assert "default-src 'none'" in refused.headers["content-security-policy"]
        assert other.status_code == 200
        assert flooding.get("/").status_code == 200


@pytest.mark.usefixtures("few")
def test_made_up_cookies_do_not_get_around_the_limit_of_an_address(tmp_path: Path) -> None:
    buckets = Buckets(Clock())
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        answered = [browser(made, buckets, f"made{number}").get("/sign-in").status_code for number in range(61)]

    assert answered == [200] * 60 + [429]


def test_a_reader_at_full_speed_never_waits() -> None:
    clock = Clock()
    buckets = Buckets(clock)
    for _ in range(1200):  # cases, one a second, each with the files of its page
        clock.now_s += 1.0
        requests = 40 + 40 + 12  # slices, those of the next case ahead of time, page and files
        assert not any(buckets.wait_s("session", SESSION) for _ in range(requests))


def test_two_long_series_at_once_never_wait() -> None:
    buckets = Buckets(Clock())

    assert not any(buckets.wait_s("session", SESSION) for _ in range(2 * 1000))


def test_buckets_of_those_who_left_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "BUCKETS_MOST", 10)
    clock = Clock()
    buckets = Buckets(clock)
    for number in range(10):
        buckets.wait_s(f"session {number}", SESSION)
    clock.now_s += SESSION.burst / SESSION.per_s
    buckets.wait_s("session new", SESSION)

    assert list(buckets._left) == ["session new"]
