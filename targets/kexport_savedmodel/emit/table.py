"""The table of emitters: its keys are the ops that this target supports."""

from __future__ import annotations

from kexport_graphdef.emit import COMMON
from kexport_graphdef.table import OpTable

EMIT = OpTable(COMMON)
