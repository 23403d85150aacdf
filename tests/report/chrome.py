"""A headless Chrome or Chromium that is told what to do through a pipe, in its DevTools protocol."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kexport_shared.js.browser import FLAGS, find_browser

LAUNCH = (
    "import os, sys; r, w = map(int, sys.argv[1:3]); os.dup2(r, 3); os.dup2(w, 4); os.execv(sys.argv[3], sys.argv[3:])"
)
"""The protocol's ends have to be the descriptors 3 and 4."""


class Chrome:
    """One page. `complaints` are errors and warnings of its console, `requests` the addresses that it asked for."""

    def __init__(self) -> None:
        program = find_browser()
        if program is None:
            pytest.skip("there is no Chrome or Chromium here")
        self._profile = tempfile.TemporaryDirectory(prefix="kexport-chrome-", ignore_cleanup_errors=True)
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        root = ["--no-sandbox"] if os.geteuid() == 0 else []
        flags = [*FLAGS, *root, "--remote-debugging-pipe", f"--user-data-dir={self._profile.name}", "about:blank"]
        command = [sys.executable, "-c", LAUNCH, str(theirs_in), str(theirs_out), program, *flags]
        self._process = subprocess.Popen(
            command, pass_fds=(theirs_in, theirs_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._out = os.fdopen(ours_out, "wb", 0)
        self._in = os.fdopen(ours_in, "rb", 0)
        self._buffer = b""
        self._last = 0
        self._session = ""
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._loaded = False
        self._attach()

    def close(self) -> None:
        """End it."""
        self._out.close()
        self._process.terminate()
        self._process.wait(20)
        self._in.close()
        self._profile.cleanup()

    def open(self, path: Path, width: int = 1280, dark: bool = False) -> None:
        """Load a file into a window of this width."""
        self.complaints = []
        self.requests = []
        self._loaded = False
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.call("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.call("Page.navigate", {"url": path.absolute().as_uri()})
        while not self._loaded:
            self._receive()

    def value(self, expression: str) -> Any:
        """What a JavaScript expression gives."""
        found = self.call("Runtime.evaluate", {"expression": expression, "returnByValue": True})
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def call(self, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send a command, and wait for its answer."""
        self._last += 1
        number = self._last
        message = {"id": self._last, "method": method, "params": params or {}}
        if self._session:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    def _attach(self) -> None:
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(t["targetId"] for t in targets if t["type"] == "page")
        self._session = self.call("Target.attachToTarget", {"targetId": page, "flatten": True})["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            data = self._in.read(65536)
            assert data, "the browser has ended"
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        method = message.get("method")
        params = message.get("params", {})
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(params["exceptionDetails"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(params["entry"]["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.complaints.append(json.dumps(params["args"]))
        return message
