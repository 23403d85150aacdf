"""What the processor lacks of what LiteRT's libraries are compiled for."""

from __future__ import annotations

import platform
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")


def lacks_atomics() -> bool:
    """Whether this is a 64-bit Arm without the atomic instructions of Armv8.1, such as the Raspberry Pi 3 and 4."""
    if platform.system() != "Linux" or platform.machine() != "aarch64":
        return False
    try:
        lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    features = [line.partition(":")[2].split() for line in lines if line.startswith("Features")]
    return bool(features) and not all("atomics" in f for f in features)
