"""Which engines judge the artifacts of each target, and what those say that no judgement has touched."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kexport.engines.runner import RunResult, run_artifact
from kexport.engines.worker import find_runtime
from kexport.errors import NotApplicable
from kexport.ir.op import Array
from kexport.proof.artifact import Check
from kexport.target import Runtime, find_target
from tests.faults.bench import Bench, Known
from tests.faults.effect import ULP, output_effect

RUNTIMES: dict[str, tuple[str, ...]] = {
    "onnx": ("onnxruntime-cpu",),
    "tflite": ("litert-reference", "litert-xnnpack"),
    "tfjs": ("tfjs-node-wasm",),
    "savedmodel": ("tensorflow-cpu",),
    "coreml": ("mil-evaluator",),
}
"""The engines of a target; some that only take longer to say the same are left out."""


def in_process(target: str, precision: str = "float32") -> Check:
    """Verification as it is, but that engines run in this process: a thousand times, that is the cheaper way."""
    return Check(runtimes=RUNTIMES[target], precision=precision, run=run_here)


def is_there(target: str) -> bool:
    """Whether the target can be written and run here."""
    found = find_target(target)
    return not found.missing() and all(find_runtime(found, name).version() for name in RUNTIMES[target])


def run_here(
    path: Path, target: str, runtime: Runtime, batches: Sequence[Mapping[str, Array]], **limits: Any
) -> RunResult:
    """What `run_artifact` gives, without its process, its files and its time limit."""
    if runtime.version() is None:
        return RunResult("missing", f"{runtime.name} is not installed")
    outputs: list[Mapping[str, Array]] = []
    try:
        session = runtime.load(path, 1)
        for batch in batches:
            outputs.append({k: np.array(v) for k, v in session.run(batch).items()})
    except NotApplicable as e:
        return RunResult("not applicable", e.what)
    except Exception as e:  # noqa: BLE001  whatever an engine raises is the result
        return RunResult("error", f"{type(e).__name__}: {e}", tuple(outputs))
    return RunResult("ok", "", tuple(outputs))


def outputs_of(path: Path, target: str, bench: Bench, alone: bool = False) -> RunResult:
    """What the first engine makes of an artifact on all batches of a bench; `alone`: in a process of its own."""
    runtime = find_runtime(find_target(target), RUNTIMES[target][0])
    run = run_artifact if alone else run_here
    return run(path, target, runtime, [known.inputs for known in bench.known])


def engine_effect(
    path: Path, target: str, bench: Bench, known: Sequence[Known] = (), ulp: float = ULP, alone: bool = False
) -> float:
    """`effect` of what is in a file: its largest change on any batch, infinite if no engine takes it."""
    result = outputs_of(path, target, bench, alone)
    if not result.ok:
        return math.inf
    return max(output_effect(k, outputs, ulp) for k, outputs in zip(known or bench.known, result.outputs, strict=True))
