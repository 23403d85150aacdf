"""Keeps the logs of native libraries off stderr; they have no setting for it."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from kexport.cli.plain import Plain
from kexport.printable import printable

NOISE = re.compile(
    rb"[IWE]\d{4} [\d:.]+\s+\d+ \S+:\d+\] "  # absl: I0000 00:00:1795356760.700560 16309 port.cc:153] ...
    rb"|\d{4}-\d\d-\d\d [\d:.]+: [IWE] "  # TensorFlow: 2026-11-22 14:26:00.700560: I tensorflow/core/...
    rb"|WARNING: All log messages before absl::InitializeLog"
    rb"|To enable the following instructions: "
    rb"|(INFO|WARNING): \[\w+\.cc:\d+\] "  # LiteRT: INFO: [cpu_registry.cc:75] XNNPACK CPU accelerator registered.
    rb"|INFO: Created TensorFlow Lite XNNPACK delegate"
)
"""Matches lines to drop: notes, warnings and errors logged by C++ code, but not fatal ones."""


@contextmanager
def without_noise() -> Iterator[None]:
    """Filters the file descriptor of stderr while the block runs; Python's own `sys.stderr` is not filtered."""
    python_stderr = sys.stderr
    try:
        descriptor = python_stderr.fileno()
    except (AttributeError, OSError):  # no stderr, or not a file: native code writes elsewhere
        yield
        return
    python_stderr.flush()
    original = os.dup(descriptor)
    source, sink = os.pipe()
    os.dup2(sink, descriptor)
    os.close(sink)
    thread = threading.Thread(target=_filter, args=(source, original), daemon=True)
    thread.start()
    with open(original, "w", buffering=1, closefd=False, encoding=python_stderr.encoding) as direct:
        sys.stderr = Plain(direct)  # type: ignore[assignment]
        try:
            yield
        finally:
            sys.stderr = python_stderr
            os.dup2(original, descriptor)  # closes the pipe's last end, unless a child process still has it
            thread.join(timeout=1)


def _filter(source: int, sink: int) -> None:
    with open(source, "rb") as lines:
        for line in lines:
            if not NOISE.match(line):
                os.write(sink, printable(line.decode(errors="backslashreplace")).encode())
