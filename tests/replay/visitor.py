"""Stands for a browser: opens the page of a server and answers as the engine in it would."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from kexport.ir.op import Array
from kexport_shared.js.message import pack, unpack

AGENT = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
Engine = Callable[[Mapping[str, Any], Mapping[str, Array]], dict[str, Array]]
"""The outputs for the header and the tensors of a request to run."""


def ask(url: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Status and body of an answer; with a body of one's own it is a POST."""
    request = Request(url, data=body, headers={"User-Agent": AGENT})
    try:
        with urlopen(request, timeout=30) as reply:
            return reply.status, reply.read()
    except HTTPError as e:
        return e.code, e.read()


class Visitor(threading.Thread):
    """A visit from arrival to verdict; `shown` is the last news.

    Args:
        url: the server's.
        engine: computes outputs, or raises what the page then reports.
        about: what the engine says when it starts.
        leave: whether to close the page as soon as something is to be run.
    """

    def __init__(self, url: str, engine: Engine, about: bytes = b"{}", leave: bool = False):
        super().__init__(daemon=True)
        self._url = url
        self._engine = engine
        self._about = about
        self._leave = leave
        self._origin = "/".join(url.split("/")[:3])
        self.shown: dict[str, Any] = {}
        self.start()

    def run(self) -> None:
        base = self._origin + ask(f"{self._url}visit", b"")[1].decode()
        seen = 0
        opened = ""
        while not self.shown.get("done"):
            status, body = ask(f"{base}news?seen={seen}")
            if status == 204:
                continue
            self.shown = json.loads(body)
            seen = self.shown["turn"]
            page = self.shown["page"]
            if page and self._leave:
                ask(f"{base}left", b"")
                return
            if page and page != opened:
                threading.Thread(target=self._page, args=(self._origin + page,), daemon=True).start()
            opened = page

    def _page(self, address: str) -> None:
        assert b"session.mjs" in ask(address)[1]
        base = address.partition("js/page.html")[0]
        try:
            ask(f"{base}answer", self._about)
            while True:
                status, request = ask(f"{base}request")
                if status == 200:
                    ask(f"{base}answer", self._answer(request))
                elif status != 204:
                    return
        except OSError:  # the server has gone, as it does when it has its verdict
            return

    def _answer(self, request: bytes) -> bytes:
        header, tensors = unpack(request)
        if header["do"] == "load":
            return pack({}, {})
        try:
            return pack({}, self._engine(header, tensors))
        except RuntimeError as e:
            return str(e).encode() if str(e).startswith("raw ") else pack({"error": str(e)}, {})
