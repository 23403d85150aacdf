"""Blocks: what stands outside of them, what they are handed, and how precise they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kexport.errors import EmitError
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.parser import parse_graph
from kexport.lowered import contract_of
from kexport_coreml import TARGET
from kexport_coreml.dtypes import CODES, DTYPES
from kexport_coreml.float16 import keep_float32
from kexport_coreml.lint import lint
from kexport_coreml.reader import read_model
from kexport_coreml.runtime import MilEvaluator, load_with_coremltools
from tests.coreml.helper import export, kinds, operations, run
from tests.coreml.test_lint import change, operation

LOOP = """graph "main" (%n: i32[], %x: f32[batch,3]) {
%zero: i32[] = const 0
%step: f32[3] = const [0.5, 1.0, 2.0]
%i, %m, %y, %s = while(%zero, %n, %x, %step) {
  cond=graph "more" (%i: i32[], %n: i32[], %x: f32[batch,3], %s: f32[3]) { %more = less(%i, %n) return "more": %more },
  body=graph "step" (%i: i32[], %n: i32[], %x: f32[batch,3], %s: f32[3]) {
    %one: i32[] = const 1
    %j = add(%i, %one)
    BODY
    return "i": %j, "n": %n, "y": %y, "s": %s
  }
}
return "y": %y, "s": %s
}"""
ADD = "%y = add(%x, %s)"
SENTINEL = "%far: f32[] = const 1e9\n%z = mul(%x, %far)\n%y = div(%z, %far)"


def loop(body: str = ADD) -> Graph:
    return parse_graph(LOOP.replace("BODY", body))


BRANCH = """graph "main" (%p: bool[], %x: f32[batch,3], %y: f32[batch,3]) {
%two: f32[] = const 2.0
%a = mul(%x, %two)
%u, %v = if(%p, %a, %y, %two) {
  then=graph "then" (%a: f32[batch,3], %y: f32[batch,3], %t: f32[]) {
    %f = full() {shape=[batch, 3], value=7.0, dtype=f32}
    return "u": %a, "v": %f
  },
  orelse=graph "orelse" (%a: f32[batch,3], %y: f32[batch,3], %t: f32[]) {
    %z = mul(%y, %t)
    return "u": %z, "v": %z
  }
}
return "a": %a, "u": %u, "v": %v
}"""


def agrees(path: Path, graph: Graph, inputs: dict[str, Any], mode: str = "float32", rtol: float = 1e-6) -> None:
    want = evaluate(graph, inputs, wide=True)
    found = run(path, inputs, mode)
    assert found.keys() == want.keys()
    for name, got in found.items():
        np.testing.assert_allclose(got, want[name], rtol=rtol)


def numbers(n: int = 3) -> dict[str, Any]:
    return {"n": np.int32(n), "x": np.random.default_rng(0).standard_normal((2, 3)).astype(np.float32)}


@pytest.mark.parametrize("n", [0, 3])
def test_a_loop_is_handed_what_changes(n: int, tmp_path: Path) -> None:
    graph = loop()
    path = export(graph, tmp_path / "m.mlpackage")
    (made,) = (o for o in operations(path) if o.type == "while_loop")
    assert [len(b.inputs) for b in made.blocks] == [2, 2]
    assert [v.name for v in made.blocks[0].inputs] == [v.name for v in made.blocks[1].inputs]
    assert not [o for b in made.blocks for o in b.operations if o.type == "const"]
    agrees(path, graph, numbers(n))


@pytest.mark.parametrize("p", [True, False])
def test_a_branch_makes_what_it_returns(p: bool, tmp_path: Path) -> None:
    """Also what comes from outside, is a constant size, or is returned twice; `a` is an output and read inside."""
    graph = parse_graph(BRANCH)
    path = export(graph, tmp_path / "m.mlpackage")
    (made,) = (o for o in operations(path) if o.type == "cond")
    for block in made.blocks:
        inside = {v.name for o in block.operations for v in o.outputs}
        assert not block.inputs
        assert len(set(block.outputs)) == 2
        assert set(block.outputs) <= inside
    assert "shape" not in {o.type for b in made.blocks for o in b.operations}
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal((2, 3)).astype(np.float32) for _ in "xy")
    agrees(path, graph, {"p": np.bool_(p), "x": x, "y": y})
    assert len(load_with_coremltools(path).functions["main"].outputs) == 3


def test_coremltools_opens_a_package_with_blocks(tmp_path: Path) -> None:
    import coremltools

    path = export(loop(), tmp_path / "m.mlpackage")
    model = coremltools.models.MLModel(str(path), skip_model_load=True)
    (main,) = model.get_spec().mlProgram.functions["main"].block_specializations.values()
    assert "while_loop" in {o.type for o in main.operations}


def test_a_loop_is_float16_as_a_whole(tmp_path: Path) -> None:
    graph = loop()
    path = export(graph, tmp_path / "m.mlpackage", precision="float16")
    (made,) = (o for o in operations(path) if o.type == "while_loop")
    values = [v for b in made.blocks for v in (*b.inputs, *(o for s in b.operations for o in s.outputs))]
    assert CODES[next(d for d in DTYPES.values() if d.value == "f32")] not in {
        v.type.tensorType.dataType for v in values
    }
    agrees(path, graph, numbers(), "float16", rtol=1e-2)


def test_a_loop_with_numbers_out_of_range_is_float32_as_a_whole(tmp_path: Path) -> None:
    graph = loop(SENTINEL)
    kept = [n.op.name for n in keep_float32(graph)]
    assert kept == ["while", "less", "add", "mul", "div"]
    path = export(graph, tmp_path / "m.mlpackage", precision="float16")
    agrees(path, graph, numbers(), "float16", rtol=1e-3)


def test_what_a_step_makes_large_the_next_step_reads() -> None:
    """The state is the constant only after the first step, and the output after it."""
    text = LOOP.replace("BODY", "%far: f32[3] = const [1e9, 1e9, 1e9]\n%y = add(%x, %s)").replace(
        '"s": %s\n  }', '"s": %far\n  }'
    )
    graph = parse_graph(text.replace('return "y"', '%after = neg(%s)\nreturn "after": %after, "y"'))
    assert [n.op.name for n in keep_float32(graph)] == ["while", "less", "add", "add", "neg"]


def test_inner_values_are_those_of_the_graph_itself(tmp_path: Path) -> None:
    graph = loop()
    path = export(graph, tmp_path / "m.mlpackage")
    copy = graph.copy()
    options = TARGET.options()
    TARGET.legalize(copy, options)
    named = TARGET.tensors(copy, contract_of(graph), options)
    own = {v for n in copy.nodes for v in n.outputs}
    assert set(named) <= own | set(copy.inputs)
    session = MilEvaluator().tap(path, list(named.values()))
    found = session.run(numbers())
    assert "y" in found


NESTED = """graph "main" (%n: i32[], %x: f32[batch,length,3]) {
%zero: i32[] = const 0
%i, %m, %y = while(%zero, %n, %x) {
  cond=graph "more" (%i: i32[], %n: i32[], %x: f32[batch,length,3]) { %more = less(%i, %n) return "more": %more },
  body=graph "step" (%i: i32[], %n: i32[], %x: f32[batch,length,3]) {
    %one: i32[] = const 1
    %j = add(%i, %one)
    %k, %l, %z = while(%i, %n, %x) {
      cond=graph "more" (%i: i32[], %n: i32[], %x: f32[batch,length,3]) { %more = less(%i, %n) return "more": %more },
      body=graph "step" (%i: i32[], %n: i32[], %x: f32[batch,length,3]) {
        %two: i32[] = const 2
        %j = add(%i, %two)
        %odd = greater(%j, %n)
        %z = if(%odd, %x) {
          then=graph "then" (%x: f32[batch,length,3]) {
            %rows = iota() {length=length, dtype=f32}
            %column = reshape(%rows) {shape=[length, 1]}
            %z = sub(%x, %column)
            return "z": %z
          },
          orelse=graph "orelse" (%x: f32[batch,length,3]) { %z = tanh(%x) return "z": %z }
        }
        return "i": %j, "n": %n, "z": %z
      }
    }
    return "i": %j, "n": %n, "z": %z
  }
}
return "y": %y
}"""


@pytest.mark.parametrize(("precision", "rtol"), [("float32", 1e-6), ("float16", 2e-2)])
def test_blocks_in_blocks(precision: str, rtol: float, tmp_path: Path) -> None:
    """Sizes and constants of the innermost block stand before all of them."""
    graph = parse_graph(NESTED)
    path = export(graph, tmp_path / "m.mlpackage", precision=precision)
    assert (kinds(path)["while_loop"], kinds(path)["cond"]) == (2, 1)
    (outer,) = (
        o for o in read_model(path).mlProgram.functions["main"].block_specializations["CoreML6"].operations if o.blocks
    )
    inside = [o.type for o in walk(outer)]
    assert "tanh" in inside
    assert not {"const", "shape", "slice_by_size"} & set(inside)
    inputs = {"n": np.int32(4), "x": np.random.default_rng(0).standard_normal((2, 5, 3)).astype(np.float32)}
    agrees(path, graph, inputs, precision, rtol)
    assert len(load_with_coremltools(path).functions["main"].outputs) == 1


def walk(operation: Any) -> list[Any]:
    inside = [o for b in operation.blocks for o in b.operations]
    return inside + [o for i in inside for o in walk(i)]


def lost_block(model: Any) -> None:
    del operation(model, "while_loop").blocks[1]


def lost_input(model: Any) -> None:
    del operation(model, "while_loop").blocks[0].inputs[1]


def lost_result(model: Any) -> None:
    operation(model, "while_loop").blocks[1].outputs[0] = "nowhere"


def results_swapped(model: Any) -> None:
    outputs = operation(model, "while_loop").blocks[1].outputs
    outputs[0], outputs[1] = outputs[1], outputs[0]


def no_condition(model: Any) -> None:
    loop = operation(model, "while_loop")
    loop.blocks[0].outputs[0] = loop.blocks[0].inputs[0].name


def reads_another_block(model: Any) -> None:
    loop = operation(model, "while_loop")
    name = loop.blocks[0].operations[0].outputs[0].name
    loop.blocks[1].operations[0].inputs["x"].arguments[0].name = name


def block_of_a_plain_operation(model: Any) -> None:
    operation(model, "squeeze").blocks.add()


FAULTS: dict[Callable[[Any], None], str] = {
    lost_block: "while_loop has 1 blocks, not 2",
    lost_input: "block 0 takes (i32[]), it is given (i32[], f32[?,3])",
    lost_result: "block 1 returns 'nowhere', which nothing makes",
    results_swapped: "block 1 makes (f32[?,3], i32[]), not (i32[], f32[?,3])",
    no_condition: "block 0 makes (i32[]), not (bool[])",
    reads_another_block: "which nothing makes before",
    block_of_a_plain_operation: "squeeze has 1 blocks, not 0",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.__name__)
def test_faults_are_found(fault: Callable[[Any], None], tmp_path: Path) -> None:
    path = export(loop(), tmp_path / "m.mlpackage")
    assert list(lint(path)) == []
    found = change(path, fault)
    assert any(FAULTS[fault] in line for line in found), found
    with pytest.raises(EmitError, match="the package is not valid"):
        TARGET.validate(path)


def test_same_bytes(tmp_path: Path) -> None:
    first, second = (read_model(export(loop(), tmp_path / f"{i}.mlpackage")) for i in range(2))
    assert first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)
    assert kinds(tmp_path / "0.mlpackage")["while_loop"] == 1
