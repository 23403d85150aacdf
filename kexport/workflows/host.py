"""Describes this machine, with what its speed depends on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from kexport.engines.host import host

_CPUINFO = Path("/proc/cpuinfo")


def describe_host() -> dict[str, str]:
    """Return board or system, processor, number of cores and Python version."""
    return {
        "system": host(),
        "processor": _processor(),
        "cores": str(os.cpu_count() or ""),
        "python": platform.python_version(),
    }


def _processor() -> str:
    """Return the processor's name if the system tells; else empty."""
    try:
        lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model", "Hardware"))]
    return names[0] if names else platform.processor()
