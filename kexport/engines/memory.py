"""Measures the peak memory of this process and its children."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak_bytes() -> int:
    """Return the peak resident size in bytes; 0 if the system does not tell.

    On Linux it is read from /proc: getrusage would start at the peak of the parent process.
    """
    try:
        return _high_water(_STATUS)
    except (OSError, StopIteration):
        return _from_usage()


def _high_water(status: Path) -> int:
    lines = status.read_text(encoding="ascii", errors="replace").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def _from_usage() -> int:
    try:
        import resource
    except ImportError:  # Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def family_peak_bytes() -> int:
    """Add up the peak resident sizes of this process and its children."""
    return peak_bytes() + sum(_peak_of(pid) for pid in _descendants(os.getpid()))


def _descendants(root: int) -> list[int]:
    """List the processes below `root`; none if the system has no /proc."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = []
    waiting = [root]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def _peak_of(pid: int) -> int:
    try:
        return _high_water(Path(f"/proc/{pid}/status"))
    except (OSError, StopIteration):
        return 0
