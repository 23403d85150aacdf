"""The table of emitters: its keys are the ops that this target supports."""

from __future__ import annotations

from kexport.passes.channels_first import ChannelsFirst
from kexport_emit.table import Emitters
from kexport_onnx.context import Context, Ref
from kexport_onnx.rules.recurrent import TimeFirst

EMIT = Emitters[Context, Ref]()
EMIT.unwrap(ChannelsFirst, TimeFirst)
