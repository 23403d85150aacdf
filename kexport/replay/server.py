"""The server that browsers visit. Everything is below a path that cannot be guessed; nothing else is answered."""

from __future__ import annotations

import json
import mimetypes
import queue
import secrets
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from kexport.errors import ConfigError
from kexport.replay.visit import Opened, Visit

LOCAL, EVERYWHERE = "127.0.0.1", "0.0.0.0"
PAGE = Path(__file__).parent / "page.html"
MAX_BODY = 512 << 20
"""Bytes of one message from a page."""
MAX_VISITS = 64
"""Visits that are kept at a time; more are turned away."""
_POLL = 20.0
"""Seconds after which a page that waits is told to ask again."""
_TYPES = {".wasm": "application/wasm", ".mjs": "text/javascript", ".js": "text/javascript", ".html": "text/html"}
_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Server:
    """Hands out the page, and a `Visit` in `arrivals` for every browser that opens it.

    Args:
        host: the address to listen at.
        port: 0 for any free one.

    Raises:
        ConfigError: it cannot listen there.
    """

    def __init__(self, host: str = LOCAL, port: int = 0):
        self.root = f"/{secrets.token_urlsafe(12)}/"
        self.arrivals: queue.Queue[Visit] = queue.Queue()
        self._visits: dict[str, Visit] = {}
        self._lock = threading.Lock()
        server = self

        class Handler(_Handler):
            owner = server

        try:
            self._http = _Http((host, port), Handler)
        except (OSError, OverflowError) as e:
            what = f"cannot listen at {host}:{port}: {getattr(e, 'strerror', None) or e}"
            raise ConfigError(what, hint="choose another --host or --port") from e
        self._host = host
        threading.Thread(target=self._http.serve_forever, args=(0.1,), daemon=True).start()

    @property
    def url(self) -> str:
        """The address for a browser, on the local network if it can be reached from there."""
        host = lan_address() if self._host == EVERYWHERE else self._host
        return f"http://{host}:{self._http.server_port}{self.root}"

    def arrive(self, agent: str, address: str) -> Visit | None:
        """A new visit; None if there are too many."""
        with self._lock:
            self._visits = {base: v for base, v in self._visits.items() if not v.left.is_set()}
            if len(self._visits) >= MAX_VISITS:
                return None
            visit = Visit(f"{self.root}{secrets.token_urlsafe(6)}/", agent, address)
            self._visits[visit.base] = visit
        self.arrivals.put(visit)
        return visit

    def find(self, path: str) -> tuple[Visit | None, Opened | None, str]:
        """The visit and the open page that a path is below, and what is left of the path."""
        parts = path.removeprefix(self.root).split("/", 2)
        visit = self._visits.get(f"{self.root}{parts[0]}/")
        opened = visit.opened.get(f"{visit.base}{parts[1]}/") if visit and len(parts) == 3 else None
        return visit, opened, parts[-1]

    def close(self) -> None:
        """Stop serving."""
        self._http.shutdown()
        self._http.server_close()


def lan_address() -> str:
    """This machine's address on the network that leads out; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return LOCAL


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of browsers that hang up; all else is a bug."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60
    owner: Server

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        path = unquote(url.path)
        if not path.startswith(self.owner.root):
            self._reply(404)
        elif path == self.owner.root:
            self._reply(200, PAGE.read_bytes(), "text/html; charset=utf-8")
        else:
            visit, opened, rest = self.owner.find(path)
            if opened and rest == "request":
                self._hand_over(opened)
            elif opened:
                self._send_file(opened, rest)
            elif visit and rest == "news":
                seen = parse_qs(url.query).get("seen", ["0"])[0]
                self._send_news(visit, int(seen) if seen.isdecimal() else 0)
            else:
                self._reply(404)

    def do_POST(self) -> None:
        path, body = unquote(urlsplit(self.path).path), self._body()
        if body is None:
            return
        if path == f"{self.owner.root}visit":
            visit = self.owner.arrive(self.headers.get("User-Agent", ""), self.client_address[0])
            self._reply(200, visit.base.encode(), "text/plain") if visit else self._reply(503)
            return
        visit, opened, rest = self.owner.find(path) if path.startswith(self.owner.root) else (None, None, "")
        if opened and rest == "answer":
            try:
                opened.answers.put(body, timeout=_POLL)
                self._reply(204)
            except queue.Full:
                self._reply(429)
        elif visit and rest == "left":
            visit.left.set()
            self._reply(204)
        else:
            self._reply(404)

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "")
        known = self.path.startswith(self.owner.root)
        if not length.isdecimal() or int(length) > (MAX_BODY if known else 0):
            self.close_connection = True
            self._reply(413 if known else 404)
            return None
        return self.rfile.read(int(length))

    def _hand_over(self, opened: Opened) -> None:
        try:
            self._reply(200, opened.requests.get(timeout=_POLL))
        except queue.Empty:
            self._reply(204)

    def _send_news(self, visit: Visit, seen: int) -> None:
        news = visit.news(seen, _POLL)
        if news is None:
            self._reply(204)
            return
        self._reply(200, json.dumps(news).encode(), "application/json")
        if news["done"]:
            visit.read.set()

    def _send_file(self, opened: Opened, rest: str) -> None:
        for prefix, folder in list(opened.folders.items()):
            if rest.startswith(prefix):
                file = (folder / rest.removeprefix(prefix)).resolve()
                if file.is_file() and file.is_relative_to(folder.resolve()):
                    kind = _TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0]
                    self._reply(200, file.read_bytes(), kind or "application/octet-stream")
                    return
        self._reply(404)

    def _reply(self, code: int, body: bytes = b"", kind: str = "application/octet-stream") -> None:
        self.send_response(code)
        for name, value in {**_HEADERS, "Content-Type": kind, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        return "kexport"

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
