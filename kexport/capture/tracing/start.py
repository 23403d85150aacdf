"""Starts a trace. TensorFlow and Keras are loaded here and not before."""

from __future__ import annotations

from kexport.capture.tracing.trace import Source, Trace
from kexport.capture.versions import lacking


def trace(source: Source) -> Trace:
    """Run the model once on symbolic inputs, in inference mode, recording frames.

    No GPU is seen meanwhile, so that the graph is the same on any machine. The model is left as it was.

    Raises:
        CaptureError: the model cannot be traced; names the layer. Or what kexport imports of Keras or TensorFlow is not
            there in a version that was not tested.
    """
    try:
        from kexport.capture.tracing.run import trace_model, trace_signature
    except ImportError as e:
        raise lacking(e) from e

    return trace_signature(source) if source.kind == "savedmodel" else trace_model(source)
