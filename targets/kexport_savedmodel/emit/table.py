"""The table of emitters: its keys are the ops that this target supports."""

from __future__ import annotations

from kexport_shared.graphdef.emit import COMMON
from kexport_shared.graphdef.table import OpTable

EMIT = OpTable(COMMON)
