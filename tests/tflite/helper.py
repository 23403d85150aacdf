"""Exports a graph to TF Lite, runs it in LiteRT, and asks what XNNPACK took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport.lowered import lower_for
from kexport_tflite import TARGET
from kexport_tflite.options import TfliteOptions

RUNTIMES = {r.name: r for r in TARGET.runtimes() if type(r).__module__ == "kexport_tflite.runtime"}
"""The engines of this process; browsers have tests of their own."""


def legalized(graph: Graph) -> Graph:
    """A legalized copy, checked to be emittable."""
    return lower_for(TARGET, TfliteOptions(), graph).graph


def export(graph: Graph, path: Path, **options: Any) -> Path:
    """Legalize a copy of `graph`, write and validate it."""
    lower_for(TARGET, TfliteOptions(**options), graph).write(path)
    TARGET.validate(path)
    return path


def run(path: Path, inputs: Mapping[str, Array], runtime: str = "litert-xnnpack") -> dict[str, Array]:
    """The outputs of an artifact in one of the target's runtimes."""
    return RUNTIMES[runtime].load(path).run(inputs)


class Partitions(NamedTuple):
    """How many parts XNNPACK took, and how often each operator is left outside of them."""

    count: int
    left: Counter[str]


def partitions(path: Path, sizes: Mapping[str, tuple[int, ...]] | None = None) -> Partitions:
    """What XNNPACK takes of a model; `sizes` are shapes by input, for dynamic ones.

    An operator is taken if a delegate's outputs depend on it without passing the delegate's inputs.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))
    for detail in interpreter.get_input_details():
        if sizes and detail["name"] in sizes:
            interpreter.resize_tensor_input(detail["index"], list(sizes[detail["name"]]))
    interpreter.allocate_tensors()
    operators = interpreter._get_ops_details()
    delegates = [o for o in operators if o["op_name"] == "DELEGATE"]
    plain = [o for o in operators if o["op_name"] != "DELEGATE"]
    maker = {int(t): o for o in plain for t in o["outputs"]}
    taken: set[int] = set()
    for delegate in delegates:
        border = {int(t) for t in delegate["inputs"]}
        work = [int(t) for t in delegate["outputs"]]
        while work:
            operator = maker.get(work.pop())
            if operator is None or operator["index"] in taken:
                continue
            taken.add(operator["index"])
            work += [int(t) for t in operator["inputs"] if int(t) not in border]
    return Partitions(len(delegates), Counter(o["op_name"] for o in plain if o["index"] not in taken))


def operators(path: Path) -> Counter[str]:
    """How often each operator occurs in a file."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_path=str(path), experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    return Counter(o["op_name"] for o in interpreter._get_ops_details())


def assert_matches(found: Mapping[str, Array], expected: Mapping[str, Array], rounding: float = 2e-6) -> None:
    """Outputs equal the float64 oracle's, up to `rounding` of the greatest magnitude; integers exactly."""
    assert found.keys() == expected.keys()
    for name, want in expected.items():
        got = found[name]
        assert got.shape == want.shape, name
        if got.dtype.kind in "iub":
            np.testing.assert_array_equal(got, want, err_msg=name)
            continue
        finite = np.abs(want[np.isfinite(want)])
        limit = max(rounding, float(np.finfo(np.float16).eps) / 2 if got.dtype == np.float16 else 0.0)
        atol = limit * max(1.0, float(finite.max(initial=0)))
        np.testing.assert_allclose(got.astype(np.float64), want, rtol=0, atol=atol, err_msg=name)
