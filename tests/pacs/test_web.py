"""DICOMweb: secrets travel in the header alone, and answers that are none end in a sentence."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from inspect_ai.pacs.destinations import Web
from inspect_ai.pacs.sending import NotReached
from inspect_ai.pacs.web import WebSender, offered
from tests.support.dicom_factory import save
from tests.support.pacs import free_port, photograph

pytest.importorskip("dicomweb_client", reason="needs the extra pacs")


class Answers(BaseHTTPRequestHandler):
    """Keeps what it is asked, and answers with one status and body."""

    status, body = 200, b"[]"
    asked: list[tuple[str, str, str]]

    def do_GET(self) -> None:
        self.asked.append((self.command, self.path, self.headers.get("Authorization", "")))
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(self.status)
        self.send_header("Content-Type", "application/dicom+json")
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    do_POST = do_GET

    def log_message(self, *args: Any) -> None: ...


@pytest.fixture
def server() -> Iterator[tuple[type[Answers], str]]:
    class Own(Answers):
        asked: list[tuple[str, str, str]] = []  # noqa: RUF012 - one a test

    made = HTTPServer(("127.0.0.1", 0), Own)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield Own, f"http://127.0.0.1:{made.server_port}/dicom-web"
    made.shutdown()
    made.server_close()


def test_a_token_and_a_password_travel_in_the_header_alone(
    server: tuple[type[Answers], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, url = server
    monkeypatch.setenv("OUR_SECRET", "hidden")

    assert list(offered(Web(name="w", url=url, secret=("token_variable", "OUR_SECRET")))) == []
    assert list(offered(Web(name="w", url=url, user="us", secret=("password_variable", "OUR_SECRET")))) == []

    assert [header.split()[0] for _, _, header in answers.asked] == ["Bearer", "Basic"]
    assert answers.asked[0][2] == "Bearer hidden"
    assert not any("hidden" in path for _, path, _ in answers.asked)


@pytest.mark.parametrize("status", [400, 401, 409, 500, 503])
def test_a_refusal_is_an_answer_and_is_not_repeated_here(
    server: tuple[type[Answers], str], tmp_path: Path, status: int
) -> None:
    answers, url = server
    answers.status = status

    (sent,) = WebSender(Web(name="w", url=url)).send([save(photograph(1), tmp_path / "a.dcm")])

    assert (sent.stored, sent.status) == (False, status)
    assert len(answers.asked) == 1


def test_an_answer_that_is_no_dicomweb_ends_in_a_sentence_without_its_content(
    server: tuple[type[Answers], str],
) -> None:
    answers, url = server
    answers.body = b"<html>Secret</html>"

    with pytest.raises(NotReached, match="Destination w") as error:
        list(offered(Web(name="w", url=url)))

    assert "Secret" not in str(error.value)


def test_a_server_that_knows_no_offset_is_not_asked_for_ever(
    server: tuple[type[Answers], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, url = server
    monkeypatch.setattr("inspect_ai.pacs.web.PAGE", 1)
    answers.body = b'[{"0020000D": {"vr": "UI", "Value": ["1.2.3"]}}]'

    assert [found.uid for found in offered(Web(name="w", url=url))] == ["1.2.3"]
    assert len(answers.asked) == 2


def test_a_failed_instance_in_the_answer_is_not_stored(server: tuple[type[Answers], str], tmp_path: Path) -> None:
    answers, url = server
    answers.body = b'{"00081198": {"vr": "SQ", "Value": [{"00081197": {"vr": "US", "Value": [42752]}}]}}'

    (sent,) = WebSender(Web(name="w", url=url)).send([save(photograph(1), tmp_path / "a.dcm")])

    assert not sent.stored


def test_a_server_that_is_away_is_said_by_its_name() -> None:
    with pytest.raises(NotReached, match="Destination w cannot be reached"):
        list(offered(Web(name="w", url=f"http://127.0.0.1:{free_port()}/x")))
