"""Scopes: one FuncGraph each, whose ops are lowered in the order in which they were made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import tensorflow as tf

from kexport.capture import lowering
from kexport.capture.lowering.ancestors import ancestors
from kexport.capture.lowering.body import Body
from kexport.capture.lowering.constant_ops import evaluate_op, require_size
from kexport.capture.lowering.context import Context, Found, Handle, Items, Pair
from kexport.capture.lowering.float8 import is_float8
from kexport.capture.not_lowered import Consequence, NotLowered
from kexport.capture.tracing.calls import call_lowering
from kexport.capture.tracing.frames import Frame, local, path_of
from kexport.capture.tracing.trace import Trace
from kexport.capture.versions import all_tested
from kexport.capture.weights import as_text
from kexport.errors import CaptureError, GraphError, KexportError, Unsupported, UnsupportedError
from kexport.ir.dim import Dim, UndecidableDim, is_symbol, symbol
from kexport.ir.graph import Graph, Value
from kexport.ir.types import DType, TensorType
from kexport.ops import DimConflict

OPAQUE = (tf.resource, tf.variant)
CALLS = ("PartitionedCall", "StatefulPartitionedCall")
REPORT = "this is a bug in kexport: please report it together with the layer"

T = TypeVar("T")
Lowering = Callable[..., Any]
"""`(scope, ctx, op, inputs) -> results`, for ops that hold functions."""


class Run:
    """State shared by all scopes of one lowering."""

    def __init__(self, trace: Trace, paths: Mapping[int, str], regions: Mapping[str, Lowering]):
        self.trace = trace
        self.paths = paths
        self.regions = regions
        self.graph = Graph(trace.source.name)
        self.foreign: list[Unsupported] = []
        self.unknown: dict[str, Unsupported] = {}
        self._variables: dict[int, tuple[Any, Value]] = {}

    def variable(self, tensor: Any) -> Value:
        """The one value of a variable, by its handle, or of an eager tensor."""
        if id(tensor) not in self._variables:
            value = self.graph.constant(self.trace.constant_of(tensor), self.paths.get(id(tensor), ""))
            self._variables[id(tensor)] = tensor, value
        return self._variables[id(tensor)][1]

    def new_dim(self) -> Dim:
        """Make a symbol for an unknown size in the result of the last foreign op."""
        name = f"unknown_{len(self.unknown) + 1}"
        self.unknown[name] = self.foreign[-1]
        return symbol(name)

    def may_be_consequence(self, error: DimConflict) -> bool:
        """Return whether an error can stem from the unknown result of an op without a lowering."""
        if is_symbol(error.left) and is_symbol(error.right):
            return any(str(d) in self.unknown for d in (error.left, error.right))
        return bool(self.foreign)


class Scope:
    """One FuncGraph being lowered: the model's own, or one call of a function. `frames` lead to the call.

    Nodes go into the model's graph, or into that of a `body`; `given` are the values around the body that its
    tensors stand for.
    """

    def __init__(
        self, run: Run, graph: Any, frames: tuple[Frame, ...] = (), outer: Scope | None = None, body: Body | None = None
    ):
        self.run = run
        self.graph = graph
        self.frames = frames
        self.outer = outer
        self.body = body or (outer.body if outer else None)
        self.into = self.body.graph if self.body else run.graph
        self.given: dict[int, Found] = {}
        self.env: dict[int, Found] = {}
        self._lowered: dict[Frame, bool] = {}
        self._covered: dict[Frame, bool] = {}
        self._paths: dict[Frame, str] = {}
        self._inner: dict[int, Any] | None = None

    def lower(self, outputs: Sequence[Any]) -> None:
        """Lower everything that `outputs` need."""
        needed = {id(op) for op in ancestors(outputs)}
        for op in self.graph.get_operations():
            if id(op) in needed and not self._is_covered(self.run.trace.frame_of(op)):
                self._lower_op(op)

    def data(self, tensor: Any) -> Value:
        """The value of a tensor that must not be a resource."""
        found = self.resolve(tensor)
        if isinstance(found, Handle) and found.maker is not None:
            raise UnsupportedError([u for u in self.run.foreign if u.reason] or self.run.foreign)
        if not isinstance(found, Value):
            what = "complex numbers" if isinstance(found, Pair) else "a resource"
            raise CaptureError(f"the result {tensor.name} is {what}", hint="return real tensors")
        return found

    def resolve(self, x: Any) -> Found:
        """Return the value of any argument of a frame, lowering it if that has not happened yet."""
        if isinstance(x, (Value, Pair, Items)):
            return x
        if isinstance(x, Handle):
            if x.maker is not None:
                raise Consequence
            return self._variable(x.tensor)
        if isinstance(x, tf.Tensor) and not hasattr(x, "_numpy"):
            return self._resolve_tensor(x)
        variable = getattr(x, "_value", x)
        if isinstance(variable, tf.Variable):
            return self._variable(variable.handle)
        return self.into.constant(as_text(x._numpy() if hasattr(x, "_numpy") else x))

    def _variable(self, handle: Any) -> Value:
        value = self.run.variable(handle)
        return self.body.constant(value) if self.body else value

    def _resolve_tensor(self, tensor: Any) -> Found:
        found = self.env.get(id(tensor))
        if found is not None:
            return found
        if self.body is not None and id(tensor) in self.given:
            self.env[id(tensor)] = self.body.bring(self.given[id(tensor)])
            return self.env[id(tensor)]
        if tensor.graph is self.graph:
            self._lower_with_inputs(tensor.op)
            return self.env[id(tensor)]
        if self._inner is None:
            self._inner = {id(outer): inner for outer, inner in self.graph.captures}
        if id(tensor) in self._inner:
            return self.resolve(self._inner[id(tensor)])
        if self.outer is None:
            raise CaptureError(f"the tensor {tensor.name} belongs to another model", hint=REPORT)
        found = self.outer.resolve(tensor)
        return found if self.body is self.outer.body or self.body is None else self.body.bring(found)

    def _lower_with_inputs(self, op: Any) -> None:
        """Lower an op that was skipped because its frame was lowered as a whole."""
        stack = [op]
        while stack:
            missing = [t.op for t in stack[-1].inputs if id(t) not in self.env]
            if missing:
                stack.extend(missing)
            else:
                self._lower_op(stack.pop())

    # --- frames

    def _is_covered(self, frame: Frame) -> bool:
        """Return whether a frame lies in one that is lowered as a whole, trying the outermost first."""
        if frame not in self._covered:
            self._covered[frame] = any(self._try_frame(f) for f in local(frame, self.graph))
        return self._covered[frame]

    def _try_frame(self, frame: Frame) -> bool:
        if frame not in self._lowered:
            self._lowered[frame] = self._lower_frame(frame)
        return self._lowered[frame]

    def _lower_frame(self, frame: Frame) -> bool:
        function = next((f for k in frame.kinds if (f := lowering.TABLE.frames.get(k))), None)
        if function is None or not frame.tensors:
            return False
        ctx = Context(self.into, self.resolve, self._path(frame), frame.tensors[0])
        try:
            results = _guarded(lambda: call_lowering(function, ctx, frame), ctx.origin, frame.label)
        except CaptureError:
            if all_tested():
                raise
            return False  # arguments of an untested version may mean something else, but its ops do not
        except DimConflict as e:
            if self.run.may_be_consequence(e):
                return False
            raise
        except (NotLowered, GraphError):
            return False
        self._bind(frame.tensors, results, ctx.origin, frame.label)
        return True

    # --- ops

    def _lower_op(self, op: Any) -> None:
        if not op.outputs or id(op.outputs[0]) in self.env or id(op.outputs[0]) in self.given:
            return
        inputs = [self.resolve(t) for t in op.inputs]
        ctx = Context(self.into, self.resolve, self._origin(op), op.outputs[0])
        before = len(self.run.foreign)
        try:
            results = _guarded(lambda: self._results(ctx, op, inputs), ctx.origin, op.type)
        except NotLowered as e:
            results = self._foreign(ctx, op, e.reason, inputs, before)
        except DimConflict as e:
            if not self.run.may_be_consequence(e):
                raise
            results = self._foreign(ctx, op, "", inputs, before)
        except GraphError as e:
            results = self._foreign(ctx, op, "" if self.run.foreign else e.what, inputs, before)
        self._bind(op.outputs, results, ctx.origin, op.type)

    def _results(self, ctx: Context, op: Any, inputs: list[Found]) -> Any:
        if all(isinstance(v, Value) and v.is_constant for v in inputs):
            require_size(op)
        operands = [lowering.as_pair(ctx, v) for v in inputs]
        function = self._function_for(op, operands)
        if function is not None:
            return function(ctx, op, *operands)
        if op.type in CALLS or self.graph._is_function(op.type):
            return self.inline(self.run.trace.function_graph(op), op, inputs)
        if op.type in self.run.regions:
            return self.run.regions[op.type](self, ctx, op, inputs)
        known = _known(op, inputs)
        if known:
            return tuple(map(ctx.constant, evaluate_op(op, known)))
        raise NotLowered(lowering.reason(op))

    def _function_for(self, op: Any, operands: Sequence[Found]) -> Lowering | None:
        """Return the lowering of an op for real operands, or for partly complex ones; None if it has none."""
        function = lowering.TABLE.ops.get(op.type)
        if any(isinstance(v, Pair) for v in operands):
            if function is not None and op.type not in lowering.COMPLEX:
                raise NotLowered(lowering.COMPLEX_REASON)
            function = lowering.COMPLEX.get(op.type)
        elif op.type in lowering.COMPLEX and any(map(_is_unknown_complex, operands)):
            raise Consequence if self.run.foreign else NotLowered(lowering.COMPLEX_REASON)
        if function is not None and any(isinstance(v, Handle) and v.maker is not None for v in operands):
            raise Consequence
        return function

    def inline(self, graph: Any, op: Any, inputs: Sequence[Found]) -> tuple[Found, ...]:
        """Lower the function that an op calls, in place of the op."""
        scope = Scope(self.run, graph, self.frames_of(op), self)
        scope.env = {id(t): v for t, v in zip(graph.inputs, inputs, strict=True)}
        scope.lower(graph.outputs)
        return tuple(map(scope.resolve, graph.outputs))

    def frames_of(self, op: Any) -> tuple[Frame, ...]:
        """Return the frames that lead to an op of this scope, outermost first."""
        return (*self.frames, *local(self.run.trace.frame_of(op), self.graph))

    def _foreign(self, ctx: Context, op: Any, reason: str, inputs: Sequence[Found], before: int) -> list[Found]:
        """Return a placeholder for an op without a lowering; it has no reason if another op is to blame.

        `before` ops had none when this one was begun: what was found since is in its bodies, and to blame.
        """
        blame = next((u for u in self.run.foreign[before:] if u.reason), self._blame(ctx.origin, op, reason))
        makers = [v.maker for v in inputs if isinstance(v, Handle) and v.maker is not None]
        self.run.foreign.append(blame)
        operands = [v for v in inputs if isinstance(v, Value)] + makers
        operands += [v.value for v in inputs if isinstance(v, Items) and v.value is not None]
        ctx.origin = blame.where
        values = ctx.foreign(blame.op, blame.reason, [self._type(t) for t in op.outputs], *operands)
        return [Handle(t, v) if _is_opaque(t) else v for t, v in zip(op.outputs, values, strict=True)]

    def _blame(self, origin: str, op: Any, reason: str) -> Unsupported:
        """Describe an op for the report: its whole layer, if that is of a class that works outside of the graph."""
        frames = self.frames_of(op) if reason else ()
        for i, frame in enumerate(frames):
            name = type(frame.layer).__name__ if frame.layer is not None else ""
            if name in lowering.HOST_LAYERS:
                return Unsupported(path_of(frames[: i + 1]), name, lowering.HOST_LAYERS[name])
        return Unsupported(origin, op.type, reason)

    def _type(self, tensor: Any) -> TensorType:
        if _is_opaque(tensor):
            return TensorType(DType.BOOL, ())
        sizes = (self.run.new_dim() if d is None else d for d in tensor.shape.as_list())
        return TensorType(DType.of(tensor.dtype.as_numpy_dtype), tuple(sizes))

    def _origin(self, op: Any) -> str:
        """The layer path of an op; in a SavedModel, which knows no layers, TensorFlow's name scope."""
        if self.run.trace.source.kind == "savedmodel":
            return op.name.rpartition("/")[0]
        return self._path(self.run.trace.frame_of(op))

    def _path(self, frame: Frame) -> str:
        if frame not in self._paths:
            self._paths[frame] = path_of((*self.frames, *local(frame, self.graph)))
        return self._paths[frame]

    def _bind(self, tensors: Sequence[Any], results: Any, origin: str, what: str) -> None:
        results = results if isinstance(results, (tuple, list)) else (results,)
        if len(results) != len(tensors):
            raise CaptureError(
                f"{what} gives {len(tensors)} results, lowered to {len(results)}", where=origin, hint=REPORT
            )
        for tensor, found in zip(tensors, results, strict=True):
            if not isinstance(found, (Handle, Items)):
                _check_type(tensor, found, origin, what)
            self.env.setdefault(id(tensor), found)


def _is_unknown_complex(found: Found) -> bool:
    """Return whether a tensor is complex without known parts: an input, or a result of an op without a lowering."""
    return isinstance(found, Value) and found.type.dtype is DType.C64


def _is_opaque(tensor: Any) -> bool:
    """Return whether a tensor cannot be a Value: a resource, or one of unknown rank."""
    return tensor.dtype in OPAQUE or tensor.shape.rank is None


def _known(op: Any, inputs: Sequence[Found]) -> list[Any]:
    """Return the operands of an op that can be evaluated at capture, else none."""
    if any(t.dtype in OPAQUE for t in op.outputs) or op.op_def.is_stateful:
        return []
    if "Random" in op.type and any(o.type in ("ReadVariableOp", "Placeholder") for o in ancestors(op.inputs)):
        return []  # the state of a seed generator, which moves on at every call
    data = [v.data for v in inputs if isinstance(v, Value) and v.data is not None]
    return data if len(data) == len(inputs) else []


def _check_type(tensor: Any, found: Value | Pair, origin: str, what: str) -> None:
    """Compare a type with what TensorFlow knows."""
    type = found.type if isinstance(found, Value) else found.real.type.with_dtype(DType.C64)
    expected = None if tensor.shape.rank is None else tensor.shape.as_list()
    fits = expected is None or len(expected) == type.rank
    fits = fits and all(
        not isinstance(d, int) or e in (None, d) for d, e in zip(type.shape, expected or (), strict=False)
    )
    held = is_float8(tensor.dtype) and type.dtype.is_float
    if not fits or not (held or DType.of(tensor.dtype.as_numpy_dtype) == type.dtype):
        raise CaptureError(
            f"{what} gives {tensor.dtype.name}{expected}, lowered to {type}", where=origin or None, hint=REPORT
        )


def _guarded(function: Callable[[], T], origin: str, what: str) -> T:
    """Call a lowering function; an undecidable question makes it NotLowered, any other failure is a bug."""
    try:
        return function()
    except (KexportError, NotLowered):
        raise
    except UndecidableDim as e:
        raise NotLowered(str(e)) from e
    except Exception as e:
        raise CaptureError(f"lowering {what} failed: {type(e).__name__}: {e}", where=origin or None, hint=REPORT) from e
