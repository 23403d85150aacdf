"""Makes child processes end with their parent, even on SIGKILL, which runs no cleanup."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence

_LAUNCHER = """
import ctypes, os, sys
try:
    ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)
except (OSError, AttributeError):
    pass
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
os.execvp(sys.argv[2], sys.argv[2:])
"""
"""Asks Linux for a SIGKILL when the parent ends (PR_SET_PDEATHSIG), which outlives exec, and becomes the program. It is
done by a process of its own because nothing may be done between fork and exec where there are threads."""
_PERIOD = 1.0
"""Seconds."""


def leashed(command: Sequence[str]) -> list[str]:
    """Wrap a command so that its process ends with ours, on Linux; return it unchanged elsewhere.

    The thread that starts it must live as long as the process is needed.
    """
    if sys.platform != "linux" or not sys.executable:
        return list(command)
    return [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), *command]


def follow_parent() -> None:
    """End this process soon after its parent, on systems that do not do so."""
    if sys.platform == "linux" or not hasattr(os, "getppid") or os.name == "nt":
        return
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PERIOD)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
