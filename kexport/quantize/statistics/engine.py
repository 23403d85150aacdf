"""Computes all float values of a graph on batches: in a real engine where one is there, else by the evaluator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from kexport.errors import KexportError
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Array
from kexport.lowered import lower_for
from kexport.target import Runtime, Session, Target, targets
from kexport.temporary import TemporaryFolder

EVALUATOR = "evaluator"
"""The name of the engine that is always there."""


@dataclass
class Engine:
    """Gives the wanted values of a graph for a batch of its inputs.

    `name` is that of the engine that computes; `close` it when done. It changes to the evaluator for good where the
    engine refuses a batch.
    """

    graph: Graph
    wanted: Sequence[Value]
    name: str = EVALUATOR
    session: Session | None = None
    _held: ExitStack = field(default_factory=ExitStack)

    def values(self, inputs: Mapping[str, Array]) -> Iterator[tuple[Value, Array]]:
        """The wanted values, each with its array.

        Raises:
            GraphError: the graph cannot be computed on this batch.
        """
        if self.session is not None:
            try:
                found = self.session.run(inputs)
            except Exception:  # noqa: BLE001  whatever an engine raises, the evaluator says what is wrong
                self.session = None
                self.name = EVALUATOR
            else:
                yield from ((v, found.pop(_name(i))) for i, v in enumerate(self.wanted))
                return
        yield from self._evaluated(inputs)

    def _evaluated(self, inputs: Mapping[str, Array]) -> list[tuple[Value, Array]]:
        found: list[tuple[Value, Array]] = []
        wanted = set(self.wanted)

        def observe(node: Node, results: Sequence[Array]) -> None:
            found.extend((v, a) for v, a in zip(node.outputs, results, strict=True) if v in wanted)

        evaluate(self.graph, inputs, observe=observe)
        return found

    def close(self) -> None:
        """Let go of the engine and its files."""
        self.session = None
        self._held.close()


def open_engine(graph: Graph, wanted: Sequence[Value], threads: int = 1) -> Engine:
    """An engine that gives results of nodes of a graph; the first that is installed and takes the graph."""
    engine = Engine(graph, wanted)
    for target, runtime in _engines() if wanted else ():
        folder = TemporaryFolder()
        try:
            engine.session = _load(target, runtime, graph, wanted, folder, threads)
        except Exception:  # noqa: BLE001  a target or an engine that cannot is passed over
            folder.close()
            continue
        engine.name = runtime.name
        engine._held.callback(folder.close)
        break
    return engine


def _engines() -> Iterator[tuple[Target, Runtime]]:
    """The engines of this machine that compute in float32 in a process that asks them to."""
    for target in targets().values():
        for runtime in target.runtimes() if not target.missing() else ():
            foreign = runtime.on_request or runtime.starts_anew or runtime.simulated or runtime.budget
            if not foreign and runtime.device == "cpu" and runtime.version() is not None:
                yield target, runtime


def _load(
    target: Target, runtime: Runtime, graph: Graph, wanted: Sequence[Value], folder: TemporaryFolder, threads: int
) -> Session:
    """The graph with the wanted values as its only outputs, as an artifact in an engine.

    Raises:
        KexportError: the target cannot write it.
    """
    lowered = lower_for(target, target.options(), _with_outputs(graph, wanted))
    if len(lowered.graph.outputs) != len(wanted):
        raise KexportError("outputs were lost")
    return runtime.load(lowered.write(folder.path / f"observed{target.suffix}"), threads)


def _with_outputs(graph: Graph, wanted: Sequence[Value]) -> Graph:
    copy = graph.copy()
    copy.keep_outputs(())
    pairs: dict[Value, Value] = {}
    for old, new in zip(graph.nodes, copy.nodes, strict=True):
        pairs |= dict(zip(old.outputs, new.outputs, strict=True))
    for i, value in enumerate(wanted):
        copy.output(_name(i), pairs[value])
    return copy


def _name(index: int) -> str:
    return f"observed/{index}"
