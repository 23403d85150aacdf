"""Loops and branches in TensorFlow.js: what bodies return, sizes they cannot see, tensors that must not stay behind."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kexport.errors import EmitError
from kexport.ir.dim import Dim, symbol
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.lowered import contract_of
from kexport_shared.js.engine import Engine
from kexport_tfjs import TARGET
from kexport_tfjs.options import TfjsOptions
from kexport_tfjs.rules.control import ROUND, WRITTEN_OUT
from kexport_tfjs.runtime import HERE, LIBRARY, PACKAGES, open_session
from tests.ops.cases_control import CASES as CONTROL
from tests.ops.cases_recurrent import CASES as RECURRENT
from tests.tfjs.conftest import NOT_INSTALLED
from tests.tfjs.helper import export, run
from tests.tfjs.loops import branch_of_sizes, halved, loop_of_sizes, running_sum, strained

X = np.array([[1, 2], [3, 4], [5, 6]], np.float32)


def document(path: Path) -> dict[str, Any]:
    return json.loads((path / "model.json").read_text())


@pytest.mark.parametrize("make", [halved, strained, loop_of_sizes])
def test_a_loop_computes_the_same_again_and_again(
    make: Callable[[], Graph], tmp_path: Path, node_wasm: Engine, node_cpu: Engine
) -> None:
    graph = make()
    inputs = {"x": X}
    path = export(graph, tmp_path / "m.tfjs")
    want = evaluate(graph, inputs)
    for engine in (node_wasm, node_cpu):
        for _ in range(2):
            found = run(engine, path, inputs)
            for name in want:
                np.testing.assert_allclose(found[name], want[name], rtol=1e-6, err_msg=name)


def test_a_size_that_a_branch_cannot_see_comes_in_as_an_argument(tmp_path: Path, node_wasm: Engine) -> None:
    path = export(branch_of_sizes(), tmp_path / "m.tfjs")
    for flag in (True, False):
        found = run(node_wasm, path, {"flag": np.array(flag), "x": X})["y"]
        np.testing.assert_array_equal(found, np.full_like(X, flag))


def test_inner_tensors_of_a_model_with_a_loop_are_shown(tmp_path: Path, node_wasm: Engine) -> None:
    graph = running_sum(symbol("length"))
    contract = contract_of(graph)
    options = TfjsOptions()
    TARGET.legalize(graph, options)
    TARGET.write(graph, contract, tmp_path / "m.tfjs", options)
    named = TARGET.tensors(graph, contract, options)
    path = tmp_path / "m.tfjs"
    inputs = {"start": X, "x": np.ones((3, ROUND + 7, 2), np.float32)}
    found = open_session(node_wasm, path, str(path), list(named.values())).run(inputs)
    assert found.keys() == set(named.values())
    (last,) = (named[o.value] for o in graph.outputs if o.name == "last")
    np.testing.assert_array_equal(found[last], X + ROUND + 7)


def test_no_list_of_tensors_and_no_frame(tmp_path: Path) -> None:
    for case in (*RECURRENT, *CONTROL):
        topology = document(export(case.graph(), tmp_path / f"{case.id}.tfjs"))["modelTopology"]
        bodies = (n for f in topology["library"].get("function", ()) for n in f["nodeDef"])
        kinds = {n["op"] for n in (*topology["node"], *bodies)}
        assert not {k for k in kinds if k.startswith("Tensor") and k != "TensorScatterUpdate"}
        assert not kinds & {"Switch", "Merge", "Enter", "Exit", "While", "If"}


def _loops(path: Path) -> int:
    return sum(n["op"] == "StatelessWhile" for n in document(path)["modelTopology"]["node"])


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    ("length", "loops"), [(1, 0), (WRITTEN_OUT, 0), (9 * ROUND, 1), (131, 2), (symbol("length"), 3)], ids=str
)
def test_short_scans_are_written_out_and_long_ones_run_in_rounds(
    length: Dim, loops: int, reverse: bool, tmp_path: Path, node_wasm: Engine
) -> None:
    graph = running_sum(length, reverse)
    path = export(graph, tmp_path / "m.tfjs")
    assert _loops(path) == loops
    rng = np.random.default_rng(3)
    for steps in [length] if isinstance(length, int) else [1, ROUND - 1, 2 * ROUND + 5]:
        inputs = {"start": rng.normal(size=(2, 2)), "x": rng.normal(size=(2, steps, 2))}
        inputs = {name: array.astype(np.float32) for name, array in inputs.items()}
        found = run(node_wasm, path, inputs)
        for name, want in evaluate(graph, inputs, wide=True).items():
            np.testing.assert_allclose(found[name], want, atol=3e-6 * np.abs(want).max(), err_msg=f"{name} {steps}")


def _request(graph: Graph, inputs: dict[str, Any], path: Path) -> dict[str, Any]:
    export(graph, path)
    names = {"float32": "float32", "bool": "bool", "int32": "int32"}
    tensors = [
        {"name": n, "dtype": names[str(a.dtype)], "shape": a.shape, "data": a.ravel().tolist()}
        for n, a in inputs.items()
    ]
    return {"path": str(path), "inputs": tensors, "outputs": [o.name for o in graph.outputs]}


@pytest.mark.parametrize("backend", ["wasm", "cpu"])
def test_no_tensor_stays_behind(backend: str, tmp_path: Path) -> None:
    if PACKAGES.version(LIBRARY) is None:
        pytest.skip(NOT_INSTALLED)
    graphs = [(make(), {"x": X}) for make in (halved, strained, loop_of_sizes)]
    graphs += [(running_sum(131), {"start": X, "x": np.ones((3, 131, 2), np.float32)})]
    graphs += [(case.graph(), dict(case.inputs())) for case in (*RECURRENT, *CONTROL)]
    requests = [_request(g, inputs, tmp_path / f"{i}.tfjs") for i, (g, inputs) in enumerate(graphs)]
    script = Path(__file__).with_name("leaks.mjs")
    command = ["node", str(script), str(HERE / "js" / "node.mjs"), str(PACKAGES.folder), backend]
    lines = "".join(json.dumps(r) + "\n" for r in requests)
    done = subprocess.run(
        [*command, str(PACKAGES.folder), backend], input=lines, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    counts = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(counts) == len(requests)
    assert [after - before for before, after in counts] == [0] * len(counts)


def _edit(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        loaded = document(path)
        change({f["signature"]["name"]: f for f in loaded["modelTopology"]["library"]["function"]})
        (path / "model.json").write_text(json.dumps(loaded))

    return damage


def _body(functions: dict[str, Any]) -> Any:
    return functions["half/step"]


def _node(functions: dict[str, Any], kind: str) -> Any:
    return next(n for n in _body(functions)["nodeDef"] if n["op"] == kind)


DAMAGE: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "operand": (lambda f: _node(f, "Mul").update(input=["gone", "gone"]), "reads gone, which does not exist"),
    "op": (lambda f: _node(f, "Mul").update(op="Gelu"), "no op 'Gelu'"),
    "result": (lambda f: _body(f)["ret"].update(out_1="gone:0"), "half/step returns gone:0, which does not exist"),
    "call": (lambda f: _body(f)["signature"].update(name="other"), "calls half/step, which does not exist"),
    "weight": (lambda f: _node(f, "Mul").update(name=_node(f, "Const")["name"]), "has the name of a weight"),
    "lost": (lambda f: _body(f).pop("ret"), "model.json is damaged: KeyError"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_in_a_function_is_found(kind: str, tmp_path: Path) -> None:
    path = export(halved(), tmp_path / "m.tfjs")
    change, message = DAMAGE[kind]
    _edit(change)(path)
    with pytest.raises(EmitError, match=message):
        TARGET.validate(path)
