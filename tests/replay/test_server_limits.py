"""The server answers what makes no sense with a number, and nobody can keep it busy for long."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from kexport.replay import connection
from kexport.replay.connection import MAX_CONNECTIONS, MAX_PER_ADDRESS, Budget
from kexport.replay.policy import engine_policy, page_policy, with_nonce
from kexport.replay.server import PAGE, Server
from kexport.replay.visit import Opened, Visit
from kexport.target import Page
from tests.replay.visitor import ask

Say = Callable[..., bytes]


@pytest.fixture
def server(capfd: pytest.CaptureFixture[str]) -> Iterator[Server]:
    """A server that must not have said anything by the end."""
    made = Server()
    yield made
    made.close()
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def say(server: Server) -> Say:
    """What the server answers to bytes, until it closes the connection or is silent for a time."""

    def talk(data: bytes, seconds: float = 5.0) -> bytes:
        with connect(server) as client:
            client.settimeout(seconds)
            client.sendall(data)
            return heard(client)

    return talk


@pytest.fixture
def opened(server: Server, tmp_path: Path) -> Opened:
    """A page of an engine, open in a visit; `folder/` is served."""
    visit = server.arrive("", "")
    assert visit
    return open_page(visit, tmp_path)


def open_page(visit: Visit, folder: Path) -> Opened:
    page = Opened(f"{visit.base}0/", Page("1", {"folder/": folder}, "page.html"), time.monotonic() + 60, visit.left)
    visit.opened[page.base] = page
    return page


def connect(server: Server) -> socket.socket:
    url = urlsplit(server.url)
    return socket.create_connection((str(url.hostname), url.port or 0), timeout=10)


def heard(client: socket.socket) -> bytes:
    found = b""
    try:
        while part := client.recv(65536):
            found += part
    except (TimeoutError, ConnectionError):
        pass
    return found


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (b"GET http://[ HTTP/1.1\r\n\r\n", 400),
        (b"POST http://[ HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 400),
        (b"GET //[::1 HTTP/1.1\r\n\r\n", 404),
        (b"GET /%ff%fe HTTP/1.1\r\n\r\n", 400),
        (b"GET\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 505),
        (b"GET / HTTP/x\r\n\r\n", 400),
        (b"GET / HTTP/1.1" + b"0" * 5000 + b"\r\n\r\n", 400),
        (b"BREW / HTTP/1.1\r\n\r\n", 501),
        (b"\x00\xff\x16\x03\x01\r\n\r\n", 400),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 30_000 + b"\r\n" * 1 + b"Z: " + b"y" * 30_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n\r\n", 404),
        (b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", 404),
    ],
)
def test_malformed_requests(say: Say, request_: bytes, code: int) -> None:
    answer = say(request_)
    assert status(answer) == code
    assert b"Traceback" not in answer
    assert b"Content-Security-Policy: default-src 'none'" in answer


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ("Content-Length: " + "9" * 5000, 400),
        ("Content-Length: -1", 400),
        ("Content-Length: \u00b2", 400),
        ("Content-Length: 1\r\nContent-Length: 2", 400),
        ("Transfer-Encoding: chunked", 400),
        ("Content-Length: 0\r\nTransfer-Encoding: chunked", 400),
        ("X: y", 400),
        ("Content-Length: 1", 413),
        ("Content-Length: 999999999999999", 413),
        ("Content-Length: 0", 200),
    ],
)
def test_lengths_of_bodies(server: Server, say: Say, headers: str, code: int) -> None:
    answer = say(f"POST {server.root}visit HTTP/1.1\r\n{headers}\r\n\r\n".encode("latin-1"), 1.0)
    assert status(answer) == code


@pytest.mark.parametrize("headers", ["Content-Length: 5", "Transfer-Encoding: chunked"])
def test_a_question_has_no_body(server: Server, say: Say, headers: str) -> None:
    answer = say(f"GET {server.root} HTTP/1.1\r\n{headers}\r\n\r\nGET / HTTP/1.1\r\n\r\n".encode())
    assert status(answer) == 400
    assert answer.count(b"HTTP/1.1") == 1, "what follows is not taken for another request"


@pytest.mark.parametrize(
    "path", ["%00", "a" * 500, "..%5c..", "a//b", "CON", "x" * 5000, "", "%2e%2e/x", "C:/x", "a%0d%0ab"]
)
def test_strange_paths_of_files(server: Server, opened: Opened, path: str) -> None:
    origin = server.url.removesuffix(server.root)
    assert ask(f"{origin}{opened.base}folder/{path}")[0] == 404


@pytest.mark.parametrize("seen", ["", "x", "-1", "9" * 5000, "\u0663", "1&seen=2"])
def test_strange_turns(server: Server, opened: Opened, seen: str) -> None:
    visit = next(iter(server._visits.values()))
    visit.tell("hello")
    with connect(server) as client:
        client.settimeout(5)
        client.sendall(f"GET {visit.base}news?seen={seen} HTTP/1.1\r\n\r\n".encode())
        assert status(client.recv(65536)) == 200


def test_links_out_of_a_folder_are_not_followed(server: Server, opened: Opened, tmp_path: Path) -> None:
    folder = opened.folders["folder/"] = tmp_path / "inner"
    folder.mkdir()
    (tmp_path / "secret").write_text("secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "file").write_text("here")
    origin = server.url.removesuffix(server.root)
    assert ask(f"{origin}{opened.base}folder/link")[0] == 404
    assert ask(f"{origin}{opened.base}folder/file") == (200, b"here")


def test_what_comes_slowly_is_cut_off(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.6)
    with connect(server) as client:
        start = time.monotonic()
        try:
            for byte in b"GET / HTTP/1.1\r\nX: " + b"y" * 100:
                client.sendall(bytes([byte]))
                time.sleep(0.05)
        except ConnectionError:
            pass
        assert heard(client) == b""
        assert time.monotonic() - start < 4


def test_a_body_that_comes_slowly_is_cut_off(server: Server, opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "GRACE", 0.5)
    with connect(server) as client:
        start = time.monotonic()
        client.sendall(f"POST {opened.base}answer HTTP/1.1\r\nContent-Length: 1000\r\n\r\nxx".encode())
        assert heard(client) == b""
        assert time.monotonic() - start < 4
    assert opened.answers.empty()
    assert server.waiting.take(1 << 30), "nothing is kept for it"


def test_a_body_that_ends_early_is_none(server: Server, opened: Opened) -> None:
    with connect(server) as client:
        client.sendall(f"POST {opened.base}answer HTTP/1.1\r\nContent-Length: 1000\r\n\r\nxx".encode())
        client.shutdown(socket.SHUT_WR)
        assert heard(client) == b""
    assert opened.answers.empty()


def test_a_body_of_several_parts_is_whole(server: Server, opened: Opened) -> None:
    body = bytes(range(256)) * 4000
    origin = server.url.removesuffix(server.root)
    assert ask(f"{origin}{opened.base}answer", body)[0] == 204
    assert opened.answers.get(timeout=1) == body


def test_one_address_cannot_take_all_connections(server: Server) -> None:
    clients = [connect(server) for _ in range(MAX_PER_ADDRESS)]
    try:
        deadline = time.monotonic() + 5
        while server._http._open.total() < MAX_PER_ADDRESS and time.monotonic() < deadline:
            time.sleep(0.01)
        with connect(server) as one_more:
            one_more.settimeout(5)
            assert one_more.recv(1) == b"", "it is closed at once"
    finally:
        for client in clients:
            client.close()
    deadline = time.monotonic() + 5
    while server._http._open and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ask(server.url)[0] == 200
    assert MAX_PER_ADDRESS < MAX_CONNECTIONS


def test_all_messages_share_one_budget() -> None:
    budget = Budget(10)
    assert budget.take(6)
    assert not budget.take(5)
    assert budget.take(4)
    budget.give(10)
    assert budget.take(10)


def test_messages_beyond_the_budget_are_turned_away(server: Server, opened: Opened) -> None:
    assert server.waiting.take((1 << 30) - 10)
    origin = server.url.removesuffix(server.root)
    assert ask(f"{origin}{opened.base}answer", b"x" * 11)[0] == 503
    assert ask(f"{origin}{opened.base}answer", b"x" * 10)[0] == 204


def test_pages_may_do_what_they_need_and_no_more(server: Server, opened: Opened, tmp_path: Path, say: Say) -> None:
    page = say(f"GET {server.root} HTTP/1.1\r\n\r\n".encode(), 1.0)
    policy = re.search(rb"Content-Security-Policy: (.*)\r\n", page)
    assert policy
    assert policy[1].decode() == page_policy(PAGE.read_bytes())
    assert b"unsafe" not in policy[1]
    assert policy[1].count(b"'sha256-") == 2
    for part in (b"default-src 'none'", b"frame-ancestors 'none'", b"base-uri 'none'", b"form-action 'none'"):
        assert part in policy[1]
    for header in (b"X-Content-Type-Options: nosniff", b"Referrer-Policy: no-referrer"):
        assert header in page
    (tmp_path / "e.html").write_text("<script type=module>1</script>")
    first, second = (say(f"GET {opened.base}folder/e.html HTTP/1.1\r\n\r\n".encode(), 1.0) for _ in range(2))
    nonces = [re.findall(rb"nonce[-=]['\"]?([\w-]+)", answer) for answer in (first, second)]
    assert nonces[0][0] == nonces[0][1] != nonces[1][0]
    assert b"frame-ancestors 'self'" in first


def test_policies() -> None:
    assert "'sha256-" not in page_policy(b"<p>none</p>")
    assert "script-src 'none'" in page_policy(b"<p>none</p>")
    assert "'unsafe-eval'" not in engine_policy("x")
    assert with_nonce(b"<script a><script>", "n") == b'<script nonce="n" a><script nonce="n">'
