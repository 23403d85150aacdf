"""The table of emitters: its keys are the ops that this target supports."""

from __future__ import annotations

from kexport.passes.channels_first import ChannelsFirst
from kexport_emit.recurrent import TimeFirst
from kexport_emit.table import Emitters
from kexport_onnx.context import Context, Ref

EMIT = Emitters[Context, Ref]()
EMIT.unwrap(ChannelsFirst, TimeFirst)
