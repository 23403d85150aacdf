"""The server that browsers visit. It answers only below a path that cannot be guessed."""

from __future__ import annotations

import json
import mimetypes
import os
import queue
import re
import secrets
import socket
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

from kexport.errors import ConfigError
from kexport.replay.connection import CHUNK, GRACE, BoundedHandler, BoundedServer, Budget
from kexport.replay.policy import NOTHING, engine_policy, page_policy, with_nonce
from kexport.replay.visit import Opened, Visit

LOCAL = "127.0.0.1"
EVERYWHERE = "0.0.0.0"
PAGE = Path(__file__).parent / "page.html"
MAX_BODY = 512 << 20
"""The most bytes of one message from a page."""
MAX_WAITING = 1 << 30
"""The most bytes of all messages in transit."""
MAX_VISITS = 64
"""The most visits at a time; further ones are turned away."""
_POLL = 20.0
"""Seconds after which a waiting page is told to ask again."""
_TYPES = {".wasm": "application/wasm", ".mjs": "text/javascript", ".js": "text/javascript", ".html": "text/html"}
_BYTES = "application/octet-stream"
_TURN = re.compile(r"seen=(\d{1,9})", re.ASCII)
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
        self.waiting = Budget(MAX_WAITING)
        self._visits: dict[str, Visit] = {}
        self._lock = threading.Lock()
        server = self

        class Handler(_Handler):
            owner = server

        try:
            self._http = BoundedServer((host, port), Handler)
        except (OSError, OverflowError) as e:
            what = f"cannot listen at {host}:{port}: {getattr(e, 'strerror', None) or e}"
            raise ConfigError(what, hint="choose another --host or --port") from e
        self._host = host
        threading.Thread(target=self._http.serve_forever, args=(0.1,), daemon=True).start()

    @property
    def url(self) -> str:
        """The address for a browser; one on the local network if the server can be reached from there."""
        host = lan_address() if self._host == EVERYWHERE else self._host
        return f"http://{host}:{self._http.server_port}{self.root}"

    def arrive(self, agent: str, address: str) -> Visit | None:
        """Start a visit; None if there are too many."""
        with self._lock:
            self._visits = {base: v for base, v in self._visits.items() if not v.left.is_set()}
            if len(self._visits) >= MAX_VISITS:
                return None
            visit = Visit(f"{self.root}{secrets.token_urlsafe(6)}/", agent, address)
            self._visits[visit.base] = visit
        self.arrivals.put(visit)
        return visit

    def find(self, path: str) -> tuple[Visit | None, Opened | None, str]:
        """Split a path into its visit, its open page, and the rest."""
        parts = path.removeprefix(self.root).split("/", 2)
        visit = self._visits.get(f"{self.root}{parts[0]}/")
        opened = visit.opened.get(f"{visit.base}{parts[1]}/") if visit and len(parts) == 3 else None
        return visit, opened, parts[-1]

    def close(self) -> None:
        """Stop the server."""
        self._http.shutdown()
        self._http.server_close()


def lan_address() -> str:
    """Return this machine's address on the default route; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return LOCAL


class _Handler(BoundedHandler):
    owner: Server

    def do_GET(self) -> None:
        found = self._place()
        if found is None:
            return
        visit, opened, rest, query = found
        if self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers:
            self.send_error(400)
        elif visit is None:
            self._answer(200, PAGE.read_bytes(), "text/html; charset=utf-8", page_policy(PAGE.read_bytes()))
        elif opened and rest == "request":
            self._hand_over(opened)
        elif opened:
            self._send_file(opened, rest)
        elif rest == "news":
            self._send_news(visit, query)
        else:
            self.reply(404)

    def do_POST(self) -> None:
        found = self._place()
        if found is None:
            return
        visit, opened, rest, _ = found
        body = self._body(MAX_BODY if opened and rest == "answer" else 0)
        if body is None:
            return
        if visit is None and rest == "visit":
            arrived = self.owner.arrive(self.headers.get("User-Agent", ""), self.client_address[0])
            self._answer(200, arrived.base.encode(), "text/plain") if arrived else self.reply(503)
        elif opened and rest == "answer":
            self._take(opened, body)
        elif visit and not opened and rest == "left":
            visit.left.set()
            self.reply(204)
        else:
            self.reply(404)

    def _place(self) -> tuple[Visit | None, Opened | None, str, str] | None:
        """Find what the request is for; None if there is no such thing and the visitor has been told."""
        try:
            url = urlsplit(self.path)
            path = unquote(url.path, errors="strict")
            query = url.query
        except ValueError:
            self.send_error(400)
            return None
        if path == self.owner.root + ("visit" if self.command == "POST" else ""):
            return None, None, path.removeprefix(self.owner.root), query
        if path.startswith(self.owner.root):
            visit, opened, rest = self.owner.find(path)
            if visit:
                return visit, opened, rest, query
        self.send_error(404)
        return None

    def _body(self, longest: int) -> bytes | None:
        """Read the body of a request; None if it cannot be accepted and the visitor has been told."""
        length = self.length()
        if length is None or length > longest:
            self.send_error(400 if length is None else 413)
            return None
        if not self.owner.waiting.take(length):
            self.send_error(503)
            return None
        try:
            return self.body(length)
        finally:
            self.owner.waiting.give(length)

    def _take(self, opened: Opened, body: bytes) -> None:
        try:
            opened.answers.put(body, timeout=_POLL)
            self.reply(204)
        except queue.Full:
            self.reply(429)

    def _hand_over(self, opened: Opened) -> None:
        try:
            self._answer(200, opened.requests.get(timeout=_POLL))
        except queue.Empty:
            self.reply(204)

    def _send_news(self, visit: Visit, query: str) -> None:
        turn = _TURN.fullmatch(query)
        news = visit.news(int(turn[1]) if turn else 0, _POLL)
        if news is None:
            self.reply(204)
            return
        self._answer(200, json.dumps(news).encode(), "application/json")
        if news["done"]:
            visit.read.set()

    def _send_file(self, opened: Opened, rest: str) -> None:
        file = opened.file(rest)
        if file is None:
            self.reply(404)
            return
        kind = _TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or _BYTES
        nonce = secrets.token_urlsafe(16)
        policy = engine_policy(nonce)
        if kind == _TYPES[".html"]:
            self._answer(200, with_nonce(file.read_bytes(), nonce), kind, policy)
            return
        with file.open("rb") as source:
            self._start(200, os.fstat(source.fileno()).st_size, kind, policy)
            self.write(iter(lambda: source.read(CHUNK), b""))

    def _answer(self, code: int, body: bytes, kind: str = _BYTES, policy: str = NOTHING) -> None:
        self._start(code, len(body), kind, policy)
        self.write(body[at : at + CHUNK] for at in range(0, len(body), CHUNK))

    def _start(self, code: int, size: int, kind: str, policy: str) -> None:
        """Send the headers of an answer."""
        facts = {"Content-Type": kind, "Content-Length": str(size), "Content-Security-Policy": policy}
        self.send_response(code)
        for name, value in {**_HEADERS, **facts, **({"Connection": "close"} if self.close_connection else {})}.items():
            self.send_header(name, value)
        self.connection.settimeout(GRACE)
        self.end_headers()

    def reply(self, code: int) -> None:
        self._answer(code, b"")
