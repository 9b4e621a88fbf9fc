"""Signing in at an identity provider: whom it vouches for, and every way in which its answer may be wrong."""

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.testclient import TestClient

from inspect_ai.errors import InputError, SetupError
from inspect_ai.web.desk import Entrance
from inspect_ai.web.people.identity_provider import Provider
from inspect_ai.web.people.sessions import TRIES_MOST
from inspect_ai.web.people.single_sign_on import KEPT_MOST, KEPT_S, SingleSignOn
from tests.support.identity_provider import CLIENT, SECRET, MadeProvider, made_provider
from tests.support.reader_desk import HOST, Opened, decided, opened

BACK = "http://desk.test/sign-in/back"


@pytest.fixture
def provider() -> Iterator[MadeProvider]:
    with made_provider() as made:
        yield made


@pytest.fixture
def desk(provider: MadeProvider, tmp_path: Path) -> Iterator[Opened]:
    there = SingleSignOn(registered(provider))
    with opened(tmp_path, [decided(tmp_path, 1)], entrance=Entrance(hosts=(HOST,), single_sign_on=there)) as made:
        made.desk.accounts.add("anna", "", ["reader"])
        yield made


def registered(provider: MadeProvider, secret: str = SECRET) -> Provider:
    return Provider(issuer=provider.issuer, client=CLIENT, secret=secret)


def sent_there(browser: TestClient) -> str:
    """Address at the provider that the desk sends a browser to."""
    assert "/sign-in/elsewhere" in browser.get("/sign-in").text
    sent = browser.get("/sign-in/elsewhere")
    assert sent.status_code == 303
    return sent.headers["location"]


def came_back(there: str) -> str:
    """Path at the desk that the provider sends a browser to which asks for `there`."""
    parts = urlsplit(requests.get(there, allow_redirects=False, timeout=10).headers["Location"])
    return f"{parts.path}?{parts.query}"


def test_a_person_whom_the_provider_vouches_for_works_under_the_desks_account_of_that_name(desk: Opened) -> None:
    browser = desk.client()

    answer = browser.get(came_back(sent_there(browser)))

    assert answer.status_code == 200
    assert 'content="0; url=/"' in answer.text
    assert "anna" in browser.get("/").text
    assert browser.get("/accounts").status_code == 403  # the roles are the desk's
    (entry,) = [entry.access() for entry in desk.rows("access") if entry.access().action == "signed_in"]
    assert (entry.account, entry.statement) == ("anna", "signed in by the identity provider")


def test_whom_the_desk_does_not_know_is_refused_and_logged(provider: MadeProvider, desk: Opened) -> None:
    provider.name = "mallory"
    browser = desk.client()

    answer = browser.get(came_back(sent_there(browser)))

    assert answer.status_code == 403
    assert browser.get("/").status_code == 303
    assert [entry.access().account for entry in desk.rows("access")] == ["mallory"]


def test_an_answer_in_another_browser_signs_nobody_in(desk: Opened) -> None:
    victim, attacker = desk.client(), desk.client()

    answer = victim.get(came_back(sent_there(attacker)))

    assert answer.status_code == 403
    assert victim.get("/").status_code == 303


def test_an_answer_counts_once(desk: Opened) -> None:
    browser = desk.client()
    path = came_back(sent_there(browser))
    cookies = dict(browser.cookies)
    browser.get(path)

    again = desk.client()
    again.cookies.update(cookies)

    assert again.get(path).status_code == 403


def test_many_wrong_answers_of_one_address_are_stopped(desk: Opened) -> None:
    browser = desk.client()

    statuses = [browser.get("/sign-in/back?state=a&code=b").status_code for _ in range(TRIES_MOST["address"] + 1)]

    assert (statuses[0], statuses[-1]) == (403, 429)


def test_without_a_provider_there_is_no_such_page(tmp_path: Path) -> None:
    with opened(tmp_path, [decided(tmp_path, 1)]) as made:
        browser = made.client()
        assert "/sign-in/elsewhere" not in browser.get("/sign-in").text
        assert browser.get("/sign-in/elsewhere").status_code == 404
        assert browser.get("/sign-in/back?state=a&code=b").status_code == 404


def test_a_provider_that_is_away_is_said_on_the_page_and_passwords_still_work(
    provider: MadeProvider, desk: Opened
) -> None:
    provider.is_away = True

    answer = desk.client().get("/sign-in/elsewhere")

    assert answer.status_code == 503
    assert "identity provider answered with 503" in answer.text
    assert desk.client("lead").get("/").status_code == 200


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"aud": "another program"}, "InvalidAudienceError"),
        ({"iss": "https://elsewhere.example"}, "InvalidIssuerError"),
        ({"exp": int(time.time()) - 3600}, "ExpiredSignatureError"),
        ({"nonce": "of another sign-in"}, "another sign-in"),
        ({"azp": "another program"}, "another program"),
        ({"preferred_username": ""}, "sent no preferred_username"),
        ({"preferred_username": ["anna"]}, "sent no preferred_username"),
    ],
)
def test_a_token_that_is_not_for_this_sign_in_is_refused(
    provider: MadeProvider, claims: dict[str, object], why: str
) -> None:
    provider.claims = claims
    with pytest.raises(InputError, match=why):
        signed_in(provider)


def test_a_token_of_another_key_is_refused(provider: MadeProvider) -> None:
    provider.signs_with = rsa.generate_private_key(65537, 2048)
    with pytest.raises(InputError, match="InvalidSignatureError"):
        signed_in(provider)


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_token_that_needs_no_secret_of_the_provider_is_refused(provider: MadeProvider, algorithm: str) -> None:
    """Unsigned, or "signed" with the provider's public key as if it were a secret."""
    provider.forges = algorithm
    with pytest.raises(InputError, match="does not hold"):
        signed_in(provider)


def test_a_client_with_a_wrong_secret_gets_no_token(provider: MadeProvider) -> None:
    with pytest.raises(InputError, match="answered with 400"):
        signed_in(provider, secret=f"not {SECRET}")


def test_a_handshake_is_forgotten_after_ten_minutes_and_when_too_many_are_open(provider: MadeProvider) -> None:
    now = [0.0]
    there = SingleSignOn(registered(provider), clock=lambda: now[0])
    old, cookie = begun(there)
    now[0] = KEPT_S + 1
    with pytest.raises(InputError, match="too long ago"):
        there.finish(*answer_to(old), cookie)

    first, cookie = begun(there)
    for _ in range(KEPT_MOST):
        there.begin(BACK)
    with pytest.raises(InputError, match="not begun in this browser"):
        there.finish(*answer_to(first), cookie)


def test_a_provider_that_calls_itself_otherwise_is_refused(provider: MadeProvider) -> None:
    there = SingleSignOn(Provider(issuer=f"{provider.issuer}/", client=CLIENT))
    with pytest.raises(InputError, match="another address than --oidc-issuer"):
        there.begin(BACK)


def test_a_provider_without_tls_is_asked_on_this_machine_alone() -> None:
    with pytest.raises(SetupError, match="https"):
        SingleSignOn(Provider(issuer="http://login.example", client=CLIENT))


def signed_in(provider: MadeProvider, secret: str = SECRET) -> str:
    there = SingleSignOn(registered(provider, secret))
    address, cookie = begun(there)
    return there.finish(*answer_to(address), cookie)


def begun(there: SingleSignOn) -> tuple[str, str]:
    return there.begin(BACK)


def answer_to(address: str) -> tuple[str, str]:
    """State and code with which the provider sends a browser back."""
    query = dict(part.split("=", 1) for part in came_back(address).split("?")[1].split("&"))
    return query["state"], query["code"]
