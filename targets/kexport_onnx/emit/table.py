"""The table of emitters: its keys are the ops that this target supports."""

from __future__ import annotations

from kexport.passes.channels_first import ChannelsFirst
from kexport_onnx.context import Context
from kexport_onnx.refs import Ref
from kexport_shared.emit.recurrent import TimeFirst
from kexport_shared.emit.table import Emitters

EMIT = Emitters[Context, Ref]()
EMIT.unwrap(ChannelsFirst, TimeFirst)
