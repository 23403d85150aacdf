"""Describes this machine."""

from __future__ import annotations

import platform
from pathlib import Path

_MODEL = Path("/proc/device-tree/model")
"""Files in which Linux names the board."""


def host() -> str:
    """Return the board, if it has a name, and the system: `Raspberry Pi 4 Model B Rev 1.4, Linux aarch64`."""
    system = f"{platform.system()} {platform.machine()}"
    try:
        model = _MODEL.read_text(encoding="utf-8", errors="replace").strip("\0 \n")
    except OSError:
        return system
    return f"{model}, {system}" if model else system
