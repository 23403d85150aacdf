"""Limits the connections of strangers: their number, their duration, and the bytes of each."""

from __future__ import annotations

import io
import math
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MAX_CONNECTIONS = 128
"""Open connections at a time; further ones are closed."""
MAX_PER_ADDRESS = 48
"""Open connections per address; a browser opens six."""
HEAD_SIZE = 32 << 10
"""Bytes of a request before its body."""
HEAD_SECONDS = 15.0
"""Seconds for a request and its headers to arrive."""
SLOWEST = 16 << 10
"""Bytes per second at which a body must be sent or received, after `GRACE`."""
GRACE = 30.0
"""Seconds that every body may take, however small it is."""
CHUNK = 256 << 10
"""Bytes per read or write."""


class TooLong(Exception):
    """A request has too many headers."""


class Incoming(io.RawIOBase):
    """Reads from a socket, as long as the data is neither too much nor too slow."""

    def __init__(self, connection: socket.socket):
        super().__init__()
        self._socket = connection
        self._left = 0.0
        self._end = 0.0

    def allow(self, size: float, seconds: float) -> None:
        """Set the limits of the next part."""
        self._left = size
        self._end = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Read a part.

        Raises:
            TimeoutError: the data comes too slowly.
            TooLong: there is too much of it.
        """
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("too slow")
        if self._left <= 0:
            raise TooLong
        self._socket.settimeout(seconds)
        count = self._socket.recv_into(buffer)
        self._left -= count
        return count


class Budget:
    """A number of bytes that several requests share."""

    def __init__(self, size: int):
        self._left = size
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Take an amount, if that much is left; return whether it was."""
        with self._lock:
            fits = size <= self._left
            self._left -= size * fits
            return fits

    def give(self, size: int) -> None:
        """Return an amount that was taken."""
        with self._lock:
            self._left += size


class BoundedServer(ThreadingHTTPServer):
    """Runs a thread per connection, up to a limit."""

    daemon_threads = True

    def __init__(self, *args: Any):
        self._open: Counter[str] = Counter()
        self._counting = threading.Lock()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        address = client_address[0]
        with self._counting:
            free = self._open.total() < MAX_CONNECTIONS and self._open[address] < MAX_PER_ADDRESS
            self._open[address] += free
        if not free:
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # the system has no thread left
            self._leave(address)
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._leave(client_address[0])

    def _leave(self, address: str) -> None:
        with self._counting:
            self._open[address] -= 1
            self._open += Counter()  # drops addresses without connections

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore browsers that hang up; anything else is a bug."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class BoundedHandler(BaseHTTPRequestHandler):
    """Reads requests and writes answers within the limits; a malformed request gets a bare status."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    request_version = default_request_version = "HTTP/1.1"
    requestline = command = path = ""

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self._incoming = Incoming(self.connection)
        self.rfile = io.BufferedReader(self._incoming)

    def handle_one_request(self) -> None:
        self._incoming.allow(HEAD_SIZE, HEAD_SECONDS)
        try:
            super().handle_one_request()
        except TooLong:
            self.send_error(431)
        except ConnectionError:
            self.close_connection = True

    def length(self) -> int | None:
        """Return the length of this request's body; None if its headers do not state one length."""
        lengths = self.headers.get_all("Content-Length") or []
        text = lengths[0].strip() if len(lengths) == 1 else ""
        known = text.isascii() and text.isdecimal() and len(text) < 16 and "Transfer-Encoding" not in self.headers
        return int(text) if known else None

    def body(self, length: int) -> bytes:
        """Read the body of this request.

        Raises:
            TimeoutError: the body comes too slowly.
            ConnectionError: the body ends early.
        """
        self._incoming.allow(math.inf, GRACE + length / SLOWEST)
        parts: list[bytes] = []
        while length:
            part = self.rfile.read(min(length, CHUNK))
            if not part:
                raise ConnectionAbortedError("a body ended too early")
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def write(self, parts: Iterator[bytes]) -> None:
        """Send the body of an answer."""
        for part in parts:
            self.connection.settimeout(GRACE)
            self.wfile.write(part)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse a request and close its connection."""
        self.close_connection = True
        self.reply(code)

    def reply(self, code: int) -> None:
        """Answer with a bare status."""
        raise NotImplementedError

    def version_string(self) -> str:
        return "kexport"

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""
