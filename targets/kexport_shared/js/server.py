"""A small server on this machine alone: folders, requests for a page, and answers from it."""

from __future__ import annotations

import mimetypes
import queue
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

_TYPES = {".wasm": "application/wasm", ".mjs": "text/javascript", ".js": "text/javascript", ".html": "text/html"}
_ISOLATION = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Headers that let a page use threads. None forbids caching: TensorFlow.js asks for all shards before it reads one, and
from the seventh on Chromium then waits for ever, as it keeps six connections and has nowhere to put what comes in."""
_WAIT = 20.0
"""Seconds after which a page that waits for a request is told to ask again."""


class Server:
    """Serves folders by the prefix of their path; `requests` go to the page, `answers` come from it."""

    def __init__(self, folders: Mapping[str, Path]):
        self.folders = dict(folders)
        self.requests: queue.Queue[bytes] = queue.Queue()
        self.answers: queue.Queue[bytes] = queue.Queue()
        server = self

        class Handler(_Handler):
            owner = server

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, args=(0.1,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def mount(self, folder: Path) -> str:
        """Serve another folder; returns its path."""
        prefix = f"/models/{len(self.folders)}/"
        self.folders[prefix] = folder
        return prefix

    def find(self, path: str) -> Path | None:
        """The file behind a path, if it lies in one of the folders."""
        if "\0" in path:
            return None
        for prefix, folder in self.folders.items():
            if path.startswith(prefix):
                file = (folder / path.removeprefix(prefix)).resolve()
                return file if file.is_file() and file.is_relative_to(folder.resolve()) else None
        return None

    def close(self) -> None:
        """Stop serving."""
        self._http.shutdown()
        self._http.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or the page's delayed acknowledgements cost 40 ms a request
    owner: Server

    def do_GET(self) -> None:
        path = self._path()
        if path == "/request":
            self._hand_over()
            return
        file = self.owner.find(path)
        if file is None:
            self._reply(404, b"")
            return
        kind = _TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        self._reply(200, file.read_bytes(), kind)

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if self._path() != "/answer" or self._is_foreign() or not (length.isascii() and length.isdecimal()):
            self.close_connection = True
            self._reply(404, b"")
            return
        body = self.rfile.read(int(length[:12]))
        self._reply(204, b"")
        self.owner.answers.put(body)

    def _path(self) -> str:
        """Return what is requested; empty if the request is malformed."""
        try:
            return unquote(urlparse(self.path).path)
        except ValueError:
            return ""

    def _is_foreign(self) -> bool:
        """Return whether a foreign page sent this, as any page in any browser of this machine can."""
        return self.headers.get("Origin", self.owner.url) != self.owner.url

    def _hand_over(self) -> None:
        try:
            self._reply(200, self.owner.requests.get(timeout=_WAIT))
        except queue.Empty:
            self._reply(204, b"")

    def _reply(self, code: int, body: bytes, kind: str = "application/octet-stream") -> None:
        self.send_response(code)
        for name, value in {**_ISOLATION, "Content-Type": kind, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""
