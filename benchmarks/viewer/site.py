"""A small HTTP server with one page that holds the viewer, under the security policy of the desk."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

import inspect_ai.web

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "font-src 'self'; worker-src 'self' blob:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
STATIC = Path(inspect_ai.web.__file__).parent / "static"
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Viewer</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/static/viewer.css"><link rel="stylesheet" href="/page.css">
<body><div id="desk"></div><script src="/static/viewer.js"></script><script src="/page.js"></script></body></html>
"""
STYLE = "html, body { margin: 0; height: 100%; background: #14171a; } #desk { height: 100vh; }"
SCRIPT = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
});
window.chosen = [];
window.mountViewer = async (manifest, options = {}) => {
  const started = performance.now();
  const onMark = (mark) => window.chosen.push(mark.number);
  window.viewer = await InspectViewer.mount(document.getElementById("desk"), manifest, { onMark, ...options });
  await new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown)));
  return performance.now() - started;
};
"""
KINDS = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".png": "image/png", ".txt": "text/plain"}

Answer = Callable[[str], bytes]


class QuietServer(ThreadingHTTPServer):
    """Server that says nothing of a browser that closes its window in the middle of an answer."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Leave out what a closed connection raises, and print the rest."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Site:
    """Server of the page, of the files of the viewer and of what a test adds by `answer`."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: dict[str, tuple[str, Answer]] = {}
        self.page("/", ".html", PAGE)
        self.page("/page.css", ".css", STYLE)
        self.page("/page.js", ".js", SCRIPT)
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                """Keep the terminal of the tests quiet."""

            def do_GET(self) -> None:
                site.serve(self)

        self.server = QuietServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://127.0.0.1:{self.server.server_address[1]}/"

    def page(self, path: str, kind: str, text: str) -> None:
        """Serve a text that does not change."""
        self.answers[path] = (KINDS[kind], lambda _rest: text.encode())

    def answer(self, prefix: str, kind: str, made: Answer) -> None:
        """Serve what `made` gives for the rest of a path after `prefix`."""
        self.answers[prefix] = (kind, made)

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request; a LookupError of a maker is a 404."""
        self.asked.append(handler.path)
        try:
            kind, body = self.found(handler.path)
            handler.send_response(200)
        except LookupError:
            kind, body = "text/plain", b"not here"
            handler.send_response(404)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        handler.send_header("Content-Security-Policy", POLICY)
        handler.end_headers()
        handler.wfile.write(body)

    def found(self, path: str) -> tuple[str, bytes]:
        """Kind and bytes of the answer to a path."""
        if path in self.answers:
            kind, made = self.answers[path]
            return kind, made("")
        if path.startswith("/static/"):
            file = STATIC / path.removeprefix("/static/")
            return KINDS[file.suffix], file.read_bytes()
        prefix = next(known for known in self.answers if known != "/" and path.startswith(known))
        kind, made = self.answers[prefix]
        return kind, made(path.removeprefix(prefix))

    def __enter__(self) -> Site:
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.shutdown()
        self.server.server_close()
