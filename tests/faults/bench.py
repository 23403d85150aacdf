"""One model ready for faults: captured and optimized, its reference recorded once, and inputs of its user's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from kexport.capture.capturing import Captured, capture
from kexport.evidence.reference_file import Reference
from kexport.evidence.samples import Samples
from kexport.ir.contract import Contract
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport.lowered import optimize
from kexport.workflows.progress import silent
from kexport.workflows.recording import make_reference
from tests.faults.models import MODELS, build

Arrays = Mapping[str, Array]
PROBES = 3
"""Batches of the user's own kind, besides those of the reference, on which effects are measured."""


@dataclass(frozen=True)
class Known:
    """One batch, and what the right graph makes of it in float64 and float32."""

    inputs: Arrays
    wide: Arrays
    narrow: Arrays


@dataclass(frozen=True)
class Bench:
    """A model under test."""

    name: str
    captured: Captured
    graph: Graph
    reference: Reference
    known: tuple[Known, ...]

    @property
    def contract(self) -> Contract:
        return self.captured.contract


@cache
def bench(name: str) -> Bench:
    """The model called `name`, made once."""
    captured = capture(build(name))
    graph = optimize(captured.graph)
    reference = make_reference(captured, Samples(), silent)
    rng = np.random.default_rng(99)
    inputs = [r.batch.inputs for r in reference.recordings]
    inputs += [MODELS[name][1](rng) for _ in range(PROBES)]
    known = tuple(Known(i, evaluate(graph, i, wide=True), evaluate(graph, i)) for i in inputs)
    return Bench(name, captured, graph, reference, known)
