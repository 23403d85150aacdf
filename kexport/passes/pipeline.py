"""The passes by name, and the pipeline that every target starts from."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from kexport.errors import ConfigError
from kexport.ir.graph import Graph
from kexport.ir.verifier import verify_graph
from kexport.names import suggest
from kexport.passes import (
    absorb_moves,
    algebra,
    choices,
    cse,
    dead_code,
    fold_batch_norm,
    fold_constants,
    fold_sizes,
    fuse_activation,
    fuse_bias,
    fuse_pad,
    layout,
    narrow_integers,
    patches,
    prune_loops,
    recognize,
    recognize_norms,
    sink_transposes,
)
from kexport.passes.sink_transposes import SinkTransposes
from kexport.rewrite import Log, Pass, RulePass

PASSES: dict[str, Pass] = {
    module.PASS.name: module.PASS
    for module in (
        dead_code, fold_sizes, fold_constants, narrow_integers, cse, choices, prune_loops, layout, absorb_moves,
        sink_transposes, patches, recognize, recognize_norms, algebra, fuse_pad, fold_batch_norm, fuse_bias,
        fuse_activation,
    )
}  # fmt: skip
"""Every pass by its name, which is the name of its file."""

_FOR_SOME = {fuse_activation.PASS.name}
OPTIMIZE: tuple[str, ...] = tuple(name for name in PASSES if name not in _FOR_SOME)
"""The passes that every target starts from, in order."""

_MAX_ROUNDS = 8


def run_passes(graph: Graph, names: Sequence[str], log: Log | None = None, verify: bool = False) -> bool:
    """Run passes in order, repeatedly, until none changes the graph; True if any did.

    Warn where some still change it after the last round: the graph is right, but may be larger than it has to be.

    Args:
        graph: edited in place.
        names: keys of `PASSES`.
        log: gets what fired and why rules skipped.
        verify: check the graph after every pass.

    Raises:
        ConfigError: there is no such pass.
        GraphError: the graph is malformed after a pass (with `verify`), or rules reach no fixed point.
    """
    unknown = [name for name in names if name not in PASSES]
    if unknown:
        raise ConfigError(f"there is no pass {unknown[0]!r}", hint=suggest(unknown[0], PASSES, "passes"))
    changed = False
    results: list[bool] = []
    for _ in range(_MAX_ROUNDS):
        results = [_run(graph, PASSES[name], log, verify) for name in names]
        if not any(results):
            return changed
        changed = True
    restless = ", ".join(name for name, result in zip(names, results, strict=True) if result)
    what = f"graph {graph.name!r} is still changed after {_MAX_ROUNDS} rounds of passes, by {restless}"
    warnings.warn(what, RuntimeWarning, stacklevel=2)
    return changed


def _run(graph: Graph, pass_: Pass, log: Log | None, verify: bool) -> bool:
    own = Log()
    changed = pass_.run(graph, own)
    if not isinstance(pass_, RulePass | SinkTransposes):  # these publish what their rules did
        own.publish(pass_.name)
    if log is not None:
        log.add(own)
    if changed and verify:
        verify_graph(graph)
    return changed
