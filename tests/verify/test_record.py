"""References from a run and a graph, made in either order."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from kexport.errors import VerifyError
from kexport.evidence.batches import Batch, make_batches
from kexport.evidence.reference_file import Recording, Reference, save_reference, with_recordings
from kexport.ir.contract import Contract, Port
from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport.ir.types import DType, TensorType
from kexport.ops import Cast, Gather
from kexport.verify.record import answer, capture_problems, coarsest_float, complete, record
from tests import toy

BATCH = Batch("random-0", "random", {"batch": 2}, {"x": np.ones((2, toy.FEATURES), np.float32)}, 0)


def bare(reference: Reference) -> Reference:
    """As a machine without TensorFlow records it: no oracle, other names for open sizes, wider integers."""
    outputs = tuple(
        Port(p.name, TensorType(DType.I64 if p.name == "label" else p.type.dtype, p.type.shape))
        for p in reference.contract.outputs
    )
    recordings = [
        Recording(dataclasses.replace(r.batch, sizes={}), {**r.outputs, "label": r.outputs["label"].astype(np.int64)})
        for r in reference.recordings
    ]
    contract = Contract(reference.contract.inputs, outputs)
    return dataclasses.replace(with_recordings(reference, recordings), contract=contract)


def test_a_reference_from_elsewhere_is_completed(reference: Reference, tmp_path: object) -> None:
    completed = complete(bare(reference), toy.CONTRACT, toy.graph())
    assert completed.contract == toy.CONTRACT
    assert capture_problems(completed) == []
    for a, b in zip(completed.recordings, reference.recordings, strict=True):
        assert a.batch.sizes == b.batch.sizes
        assert a.outputs["label"].dtype == np.int32
        assert np.array_equal((a.oracle or {})["probs"], (b.oracle or {})["probs"])


def test_a_reference_of_another_model_is_not_completed(reference: Reference) -> None:
    renamed = dataclasses.replace(toy.CONTRACT, inputs=(Port("image", toy.X),))
    with pytest.raises(VerifyError, match="the reference has the inputs x, the model image"):
        complete(reference, renamed, toy.graph())
    larger = dataclasses.replace(toy.CONTRACT, inputs=(Port("x", TensorType.parse("f32[batch,99]")),))
    with pytest.raises(VerifyError, match=r"batch 'random-0' of the reference does not fit the model: input 'x'"):
        complete(reference, larger, toy.graph())


def test_keras_failing_is_told_with_the_batch() -> None:
    def broken(arrays: Sequence[Array]) -> list[Array]:
        raise RuntimeError("out of memory")

    with pytest.raises(VerifyError, match="Keras fails on batch 'random-0': RuntimeError: out of memory"):
        answer(toy.CONTRACT, BATCH, broken)
    with pytest.raises(VerifyError, match="Keras gave 1 outputs on batch 'random-0', the contract has 3"):
        answer(toy.CONTRACT, BATCH, lambda arrays: [arrays[0]])


def test_outputs_of_another_kind_are_not_converted_in_silence() -> None:
    def floats(arrays: Sequence[Array]) -> list[Array]:
        hidden, probs, label = toy.keras(arrays)
        return [hidden, probs, label.astype(np.float32)]

    reference = record(toy.CONTRACT, toy.graph(), make_batches(toy.CONTRACT), floats)
    with pytest.raises(VerifyError, match=r"output 'label': the contract says i32\[1\], the array is float32"):
        save_reference(reference, toy.Path("unused"))


def test_the_coarsest_float_is_found() -> None:
    assert coarsest_float(toy.graph()) == "f32"
    graph = Graph()
    half = graph.add(Cast(dtype=DType.F16), graph.input("x", toy.X)).output
    graph.output("y", graph.add(Cast(dtype=DType.F32), half).output)
    assert coarsest_float(graph) == "f16"


def test_inputs_of_the_plan_are_valid_indices() -> None:
    from kexport.verify.record import plan_batches

    graph = Graph()
    ids = graph.input("ids", TensorType.parse("i32[batch,4]"))
    graph.output("y", graph.add(Gather(axis=0), graph.constant(np.ones((3, 2), np.float32)), ids).output)
    contract = Contract((Port("ids", ids.type),), (Port("y", graph.outputs[0].value.type),))
    batches, _ = plan_batches(contract, graph)
    assert all(b.inputs["ids"].max() <= 2 for b in batches)
    assert any(b.inputs["ids"].max() == 2 for b in batches)
