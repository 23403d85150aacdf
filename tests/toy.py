"""A small model, its target and a runtime for every way to behave badly."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from kexport.errors import EmitError, NotApplicable
from kexport.ir.contract import Contract, Port
from kexport.ir.dim import symbol
from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport.ir.types import DType, TensorType
from kexport.ops import ArgMax, Dense, Softmax
from kexport.rewrite import Log
from kexport.target import EmitterTable, Runtime, Session, Target

FEATURES = 12
HIDDEN = 16
CLASSES = 5
SPEC = "tests.toy:TARGET"
"""How the worker finds the toy target."""

X = TensorType(DType.F32, (symbol("batch"), FEATURES))
CONTRACT = Contract(
    (Port("x", X),),
    (
        Port("hidden", X.with_shape((symbol("batch"), HIDDEN))),
        Port("probs", X.with_shape((symbol("batch"), CLASSES))),
        Port("label", TensorType(DType.I32, (symbol("batch"),))),
    ),
)


def weights(seed: int = 7) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    shapes = {"w": (FEATURES, HIDDEN), "b": (HIDDEN,), "v": (HIDDEN, CLASSES), "c": (CLASSES,)}
    return {k: rng.standard_normal(s).astype(np.float32) / 2 for k, s in shapes.items()}


def graph(params: Mapping[str, Array] | None = None) -> Graph:
    """softmax(tanh(x w + b) v + c), with its hidden layer and its label."""
    p = params or weights()
    g = Graph("toy")
    x = g.input("x", X)
    hidden = g.add(Dense(activation="tanh"), x, g.constant(p["w"]), g.constant(p["b"]), origin="hidden").output
    logits = g.add(Dense(), hidden, g.constant(p["v"]), g.constant(p["c"]), origin="logits").output
    probs = g.add(Softmax(), logits, origin="logits").output
    label = g.add(ArgMax(axis=-1, dtype=DType.I32), probs, origin="label").output
    for name, value in (("hidden", hidden), ("probs", probs), ("label", label)):
        g.output(name, value)
    return g


def compute(x: Array, p: Mapping[str, Array]) -> dict[str, Array]:
    """The same in float32 by another order of summation than numpy's matmul."""

    def dense(a: Array, w: Array, b: Array) -> Array:
        total = np.zeros((a.shape[0], w.shape[1]), np.float32)
        for k in reversed(range(w.shape[0])):
            total += a[:, k, None] * w[k]
        return total + b

    hidden = np.tanh(dense(x, p["w"], p["b"]))
    logits = dense(hidden, p["v"], p["c"])
    e = np.exp(logits - logits.max(-1, keepdims=True))
    probs = e / e.sum(-1, keepdims=True)
    return {"hidden": hidden, "probs": probs, "label": probs.argmax(-1).astype(np.int32)}


def keras(arrays: Sequence[Array]) -> list[Array]:
    """Stands for Keras' predict."""
    return list(compute(arrays[0], weights()).values())


class ToySession(Session):
    """Computes the artifact's weights, then lets the runtime spoil the outputs."""

    def __init__(self, params: dict[str, Array], spoil: Callable[[dict[str, Array]], Any]):
        self.params = params
        self.spoil = spoil

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        return self.spoil(compute(inputs["x"], self.params))


class ToyRuntime(Runtime):
    """A runtime whose behaviour is a function on the right outputs."""

    extra = "toy"
    budget = 0.0

    def __init__(self, name: str, spoil: Callable[[dict[str, Array]], Any], installed: bool = True):
        self.name = name  # type: ignore[misc]
        self.spoil = spoil
        self.installed = installed

    def version(self) -> str | None:
        return "1.2.3" if self.installed else None

    def load(self, path: Path, threads: int = 1) -> Session:
        return ToySession(load_weights(path), self.spoil)


class Profiled(ToyRuntime):
    """Tells the time of its layers, or fails to."""

    starts_anew = True

    def profile(self, path: Path, inputs: Mapping[str, Array], runs: int, threads: int = 1) -> Mapping[str, float]:
        if self.name == "unprofilable":
            raise RuntimeError("the profiler is broken")
        return {"hidden": 0.5, "": 0.25}


class Simulator(ToyRuntime):
    """Does not use the real engine."""

    simulated = True


def load_weights(path: Path) -> dict[str, Array]:
    return {k: np.asarray(v, np.float32) for k, v in json.loads(path.read_text())["weights"].items()}


def save_weights(path: Path, params: Mapping[str, Array], contract: Contract = CONTRACT) -> Path:
    data = {"weights": {k: v.tolist() for k, v in params.items()}, "contract": contract.to_json()}
    path.write_text(json.dumps(data))
    return path


def _kill(outputs: Any) -> Any:
    sys.stderr.write("about to die\n")
    sys.stderr.flush()
    os.kill(os.getpid(), signal.SIGSEGV)


def _junk(outputs: Any) -> Any:
    Path("out-0.safetensors").write_bytes(b"junk")
    Path("result.json").write_text('{"phase": "done", "runs": [], "seconds": {}, "error": null, "peak_bytes": 1}')
    os._exit(0)


def _decline(outputs: Any) -> Any:
    raise NotApplicable("this engine is for smaller models")


def _raise(outputs: Any) -> Any:
    raise RuntimeError("the engine refuses op 7")


def _swap(outputs: dict[str, Array]) -> dict[str, Array]:
    return outputs | {"hidden": outputs["hidden"][:, [1, 0, *range(2, HIDDEN)]]}


def _chatter(outputs: dict[str, Array]) -> dict[str, Array]:
    sys.stdout.write("noise on the standard output\n" * 100)
    return outputs


BEHAVIOURS: dict[str, Callable[[dict[str, Array]], Any]] = {
    "good": lambda outputs: outputs,
    "chatty": _chatter,
    "segfault": _kill,
    "hang": lambda outputs: time.sleep(60),
    "exit": lambda outputs: os._exit(3),
    "junk": _junk,
    "raise": _raise,
    "decline": _decline,
    "list": lambda outputs: list(outputs.values()),
    "objects": lambda outputs: outputs | {"probs": np.array([b"hello"], object)},
    "partial": lambda outputs: {"probs": outputs["probs"]},
    "relative": lambda outputs: outputs | {"probs": outputs["probs"] * np.float32(1.001)},
    "swap": _swap,
    "nan": lambda outputs: outputs | {"probs": outputs["probs"] * np.float32("nan")},
    "wide": lambda outputs: outputs | {"probs": outputs["probs"].astype(np.float64)},
    "transposed": lambda outputs: outputs | {"hidden": outputs["hidden"].T},
}
"""What a runtime makes of the right outputs."""


class ToyTarget(Target):
    """Artifacts are JSON."""

    name = "toy"
    title = "Toy JSON"
    suffix = ".json"
    extra = "toy"
    emitters: ClassVar[EmitterTable] = EmitterTable()

    def missing(self) -> list[str]:
        return []

    def legalize(self, graph: Graph, options: Any, log: Log | None = None) -> None:
        raise NotImplementedError

    def write(self, graph: Graph, contract: Contract, path: Path, options: Any) -> None:
        raise NotImplementedError

    def validate(self, path: Path) -> None:
        if "weights" not in path.read_text():
            raise EmitError("no weights", where=str(path))

    def read_contract(self, path: Path) -> Contract:
        return Contract.from_json(json.loads(path.read_text())["contract"])

    def runtimes(self) -> Sequence[Runtime]:
        found: list[Runtime] = [ToyRuntime(name, spoil) for name, spoil in BEHAVIOURS.items()]
        found.append(ToyRuntime("absent", BEHAVIOURS["good"], installed=False))
        profiled = [Profiled(name, BEHAVIOURS["good"]) for name in ("profiled", "unprofilable")]
        return [*found, Simulator("simulator", BEHAVIOURS["good"]), *profiled]


TARGET = ToyTarget()
