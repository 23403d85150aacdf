"""What underflows on the way is open: some engines stop at 0 early, and others flush what is subnormal."""

from __future__ import annotations

import numpy as np
import pytest

from kexport.evidence.batches import Batch
from kexport.ir.contract import Contract, Port
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.op import Op
from kexport.ops import Exp, Log, Mul, Sigmoid, Softplus
from kexport.verify.perturb import Rounding
from kexport.verify.record import record
from tests import toy
from tests.verify.test_perturb import IMAGE, graph_of


@pytest.mark.parametrize("op", [Sigmoid(), Softplus()])
def test_some_functions_stop_at_zero(op: Op) -> None:
    """ONNX Runtime's sigmoid is 0 from -18 on, LiteRT's softplus from -17 on: what becomes of 0 behind it is open."""
    arrays = {"x": np.full((1, 8, 8, 2), -20, np.float32)}
    kept, stopped = (evaluate(graph_of(op, IMAGE), arrays, perturb=Rounding(0, flush=f))["y"] for f in (False, True))
    assert (kept > 0).all()
    assert (stopped == 0).all()


def test_what_is_undefined_in_float32_alone_is_doubtful() -> None:
    graph = Graph()
    x = graph.input("x", toy.X)
    p = graph.add(Exp(), x).output
    graph.output("y", graph.add(Mul(), p, graph.add(Log(), p).output).output)
    contract = Contract((Port("x", toy.X),), (Port("y", toy.X),))
    values = np.full((1, toy.FEATURES), -1, np.float32)
    values[0, 0] = -200
    want = evaluate(graph, {"x": values})["y"]
    reference = record(contract, graph, [Batch("one", "random", {"batch": 1}, {"x": values})], lambda a: [want])
    assert np.isnan(want).sum() == 1
    assert np.array_equal(reference.recordings[0].doubtful["y"], np.isnan(want))
