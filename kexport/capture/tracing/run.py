"""How a Source becomes a Trace: one call on placeholders, under the patches."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tensorflow.python.framework.func_graph import FuncGraph, func_graph_from_py_func

from kexport.capture.sources.structure import flatten, paths, unique
from kexport.capture.symbols import BATCH, Symbols
from kexport.capture.tracing.autograph import converting, is_python_branch
from kexport.capture.tracing.opaque import NeedsOps
from kexport.capture.tracing.patches import KERAS2_PATCHES, PATCHES, Patch, function_patches, patched
from kexport.capture.tracing.recorder import Recorder
from kexport.capture.tracing.trace import Frame, Input, Output, Source, Trace
from kexport.errors import CaptureError
from kexport.ir.dim import symbols


def trace_model(source: Source, needs_ops: bool = False) -> Trace:
    """Trace a Keras model. A layer that branches on a tensor's value in Python is converted by AutoGraph.

    What fails where stand-ins were placed for calls is tried once more with all of TensorFlow's ops (`needs_ops`).
    """
    converted: list[type] = []
    while True:
        graph = FuncGraph("kexport")
        recorder = Recorder(graph, source.model, needs_ops)
        try:
            with converting(converted):
                leaves, structure = _call(source, graph, recorder)
            return _finish(source, recorder, leaves, structure)
        except CaptureError:
            raise
        except NeedsOps:
            needs_ops = True
        except Exception as e:
            if recorder.whole and not is_python_branch(e):
                needs_ops = True
                continue
            layer = recorder.failed.layer_type if recorder.failed else None
            if not is_python_branch(e) or layer is None or layer in converted:
                raise _explain(e, recorder, source) from e
            converted.append(layer)
        finally:
            _forget_losses(source.model)


def trace_signature(source: Source) -> Trace:
    """The Trace of a SavedModel's signature, which is a graph already; nothing but the root frame is known."""
    function = source.model
    graph = function.graph
    by_name = _placeholders(function)
    inputs = [Input(s.name, by_name[s.name], s.dtype, s.shape) for s in source.inputs]
    made = dict(zip(sorted(function.structured_outputs), graph.outputs, strict=True))
    own = source.output_names or []
    names = unique(own, [i.name for i in inputs])
    outputs = [Output(name, made[n]) for name, n in zip(names, own, strict=True)]
    root = Frame("model", 0, graph=graph, kinds=("model",))
    structure = {n: i for i, n in enumerate(own)}
    return Trace(graph, inputs, outputs, source.input_structure, structure, source, root)


def _placeholders(function: Any) -> dict[str, Any]:
    """The placeholder of each input of a signature: they come in the order of a sorted nest."""
    names = sorted(function.structured_input_signature[1])
    return dict(zip(names, function.graph.inputs, strict=False))


def _call(source: Source, graph: FuncGraph, recorder: Recorder) -> tuple[list[Any], Any]:
    result: list[Any] = []

    def body(*tensors: Any) -> list[Any]:
        leaves, structure = flatten(source.call(tensors))
        result.append(structure)
        return [_dense(leaf) for leaf in leaves]

    specs = [tf.TensorSpec(s.shape, s.dtype, f"input_{i}") for i, s in enumerate(source.inputs)]
    with patched(recorder, patches_for(source.kind)), tf.device("/CPU:0"):
        func_graph_from_py_func("kexport", body, tuple(specs), {}, func_graph=graph, add_control_dependencies=False)
    return graph.outputs, result[0]


def patches_for(kind: str) -> tuple[Patch, ...]:
    """The patches to apply while a model of this kind is traced."""
    return KERAS2_PATCHES if kind == "keras2" else (*PATCHES, *function_patches())


def _finish(source: Source, recorder: Recorder, tensors: Sequence[Any], structure: Any) -> Trace:
    graph = recorder.root.graph
    placeholders = graph.inputs[: len(source.inputs)]
    inputs = [Input(s.name, t, s.dtype, s.shape) for s, t in zip(source.inputs, placeholders, strict=True)]
    names = unique(source.output_names or output_names(structure), [i.name for i in inputs])
    outputs = [Output(n, t) for n, t in zip(names, tensors, strict=True)]
    tags = recorder.tags
    graphs = dict(recorder.graphs)
    loops = recorder.stand_ins
    return Trace(graph, inputs, outputs, source.input_structure, structure, source, recorder.root, tags, graphs, loops)


def output_names(structure: Any) -> list[str]:
    """Names for outputs that have none: the dict keys that lead there, else `output_0`, `output_1` …"""
    names = []
    for i, path in enumerate(paths(structure)):
        by_key = any(isinstance(p, str) for p in path)
        names.append("_".join(map(str, path)) if by_key else f"output_{i}")
    return unique(names)


def _dense(leaf: Any) -> Any:
    if isinstance(leaf, (tf.SparseTensor, tf.RaggedTensor)):
        raise CaptureError(
            f"the model returns a {type(leaf).__name__}",
            hint="return a dense tensor: x.to_tensor() or tf.sparse.to_dense(x)",
        )
    return tf.convert_to_tensor(leaf)


def _explain(error: Exception, recorder: Recorder, source: Source) -> CaptureError:
    where = recorder.failed.path if recorder.failed else ""
    lines = [line.strip() for line in re.sub(r"\x1b\[\d*m", "", str(error)).splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].startswith("Exception encountered when calling"):
        lines.pop(0)  # Keras says what failed after it
    own = [line.partition(": ")[2] for line in lines if line.startswith(f"{type(error).__name__}: ")]  # under AutoGraph
    text = (own or lines or [type(error).__name__])[0]
    hint = f"the layer's call must work inside a tf.function{_open_sizes(source)}; run the model there to see the error"
    return CaptureError(
        f"tracing the model failed: {type(error).__name__}: {text}", where=where or "<model>", hint=hint
    )


def _open_sizes(source: Source) -> str:
    """What to try where a layer's Python code may want an open size, other than the batch, as a number."""
    names = sorted({n for t in Symbols(source.inputs).types() for d in t.shape for n in symbols(d)} - {BATCH})
    return " on open sizes: fix them with dims, as in " + " ".join(f"--dim {n}=128" for n in names) if names else ""


def _forget_losses(model: Any) -> None:
    """Activity regularizers leave tensors of the trace in the live model's list of losses."""
    if hasattr(model, "_clear_losses"):
        model._clear_losses()
