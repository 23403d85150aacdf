"""Ops that emitters treat alike, as types."""

from __future__ import annotations

from typing import TypeAlias

from kexport import ops

Convolution: TypeAlias = ops.Conv | ops.DepthwiseConv | ops.ConvTranspose
Sliding: TypeAlias = ops.Conv | ops.DepthwiseConv
Recurrent: TypeAlias = ops.SimpleRnn | ops.Gru | ops.Lstm
