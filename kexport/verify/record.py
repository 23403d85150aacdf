"""Makes a reference: runs Keras on batches, and the captured graph in float64 and float32 beside it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

from kexport.deadline import Clock
from kexport.errors import GraphError, KexportError, VerifyError
from kexport.evidence.batches import SEEDS, Batch, make_batch, make_batches
from kexport.evidence.ranges import Range, input_ranges, narrower
from kexport.evidence.reference_file import Environment, Recording, Reference, with_recordings
from kexport.evidence.sizes import Hint, SizePlan, Sizes, choose_sizes, drawn, enlarged, smaller
from kexport.evidence.words import Words, text_inputs
from kexport.ir.contract import Contract
from kexport.ir.evaluator import bind_inputs
from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport.ir.types import DType
from kexport.verify.compare import is_discrete, is_float
from kexport.verify.draws import draws_of, random_outputs
from kexport.verify.oracles import BUDGET, MORE_RUNS, evaluated, perturbed, roundings, work
from kexport.verify.perturb import Rounding, all_nodes, sums_halves
from kexport.verify.told import Tell, nobody, told
from kexport.verify.tolerance import Noise, capture_problem, measure

COSTLY = 3e9
"""Multiply-adds of one evaluation from which on a model is judged on fewer and smaller batches."""
SHARES = {"Keras": 0.2, "float64": 0.4, "rounding": 0.75}
"""The part of the time that is left which each stage of a recording may take. What is left then is for the engines."""
EVERY = "*"
"""Stands for every output in tolerances given by the user."""
T = TypeVar("T")
Run = Callable[[list[Array]], Sequence[Array]]
"""Keras' predict: takes arrays in the order of the contract's inputs, returns arrays in the order of its outputs."""
Drawing = Callable[[list[Array]], tuple[Sequence[Array], Mapping[int, Array]]]
"""Like `Run`, but also returns the random numbers that were drawn, by the number of the draw."""


def plan_batches(
    contract: Contract,
    graph: Graph,
    run: Run | None = None,
    *,
    hints: Mapping[str, Hint] | None = None,
    seeds: Sequence[int] = SEEDS,
    draw: int | None = None,
) -> tuple[list[Batch], SizePlan]:
    """Plan batches that suit a captured graph: valid indices, image ranges, sizes that graph and model (`run`) accept.

    With a number `draw`, one of them has a batch size derived from it, which cannot be guessed.

    Raises:
        ConfigError: hints for unknown dims, or text inputs.
        VerifyError: no sizes are accepted.
    """
    ranges = input_ranges(graph)
    words = text_inputs(graph)
    try:
        return _planned(contract, graph, {**ranges, **words}, run, hints, seeds, draw)
    except VerifyError:
        for narrow in narrower(graph, ranges) if run is not None else ():
            with suppress(VerifyError):
                return _planned(contract, graph, {**narrow, **words}, run, hints, seeds, draw)
        raise


def _planned(
    contract: Contract,
    graph: Graph,
    ranges: Mapping[str, Range | Words],
    run: Run | None,
    hints: Mapping[str, Hint] | None,
    seeds: Sequence[int],
    draw: int | None,
) -> tuple[list[Batch], SizePlan]:
    def accepts(sizes: Sizes) -> None:
        check_sizes(graph, sizes)
        if run is not None:
            run(list(make_batch(contract, sizes, seeds[0], ranges).inputs.values()))

    plan = choose_sizes(contract, accepts, hints)
    if not hints:
        plan = enlarged(plan, contract, lambda sizes: count_elements(graph, sizes), accepts)
        with suppress(Exception):  # a graph that cannot be costed is judged as usual
            if work(graph, plan.choices[0]) > COSTLY:
                plan = smaller(plan, contract)
                seeds = seeds[:2]
    batches = make_batches(contract, ranges, plan, seeds)
    if draw is not None and not hints:
        sizes = drawn(plan, contract, draw, lambda one: int(BUDGET // max(work(graph, one), 1)))
        with suppress(Exception):  # a size that the model rejects says nothing about it
            if sizes is not None:
                accepts(sizes)
                batches.append(make_batch(contract, sizes, draw, ranges, name="drawn"))
    return batches, plan


def record(
    contract: Contract,
    graph: Graph,
    batches: Sequence[Batch],
    run: Run,
    environment: Environment = Environment(),  # noqa: B008  frozen
    drawing: Drawing | None = None,
    tell: Tell = nobody,
    clock: Clock | None = None,
) -> Reference:
    """Run Keras and the graph on every batch; by `drawing`, where the graph draws random numbers.

    Where a `clock` says that the time does not suffice, the last batches are left out.

    Raises:
        VerifyError: Keras fails on a batch, or returns other shapes than the graph.
    """
    in_time = _within(told(batches, tell, "Keras"), len(batches), "Keras", clock)
    if drawing is not None and draws_of(graph):
        recordings = [_recorded_with_draws(contract, b, graph, drawing) for b in in_time]
    else:
        recordings = [Recording(b, answer(contract, b, run)) for b in in_time]
    return with_oracles(Reference(contract, tuple(recordings), environment), graph, tell, clock)


def _within(items: Iterable[T], count: int, stage: str, clock: Clock | None) -> Iterable[T]:
    return items if clock is None else clock.within(items, count, SHARES[stage])


def answer(contract: Contract, batch: Batch, run: Run) -> dict[str, Array]:
    """Keras' outputs for one batch by public name, in the contract's element types.

    Raises:
        VerifyError: Keras fails, or returns another number of outputs.
    """
    try:
        outputs = list(run(list(batch.inputs.values())))
    except KexportError:
        raise
    except Exception as e:
        raise VerifyError(f"Keras fails on batch {batch.name!r}: {type(e).__name__}: {e}") from e
    return named_outputs(contract, batch, outputs)


def named_outputs(contract: Contract, batch: Batch, outputs: Sequence[Array]) -> dict[str, Array]:
    """Outputs in the contract's order, by name; other widths of the same kind of number are converted.

    Raises:
        VerifyError: another number of outputs than the contract says.
    """
    if len(outputs) != len(contract.outputs):
        raise VerifyError(
            f"Keras gave {len(outputs)} outputs on batch {batch.name!r}, the contract has {len(contract.outputs)}"
        )
    return {p.name: _as_type(a, p.type.dtype) for p, a in zip(contract.outputs, outputs, strict=True)}


def with_oracles(reference: Reference, graph: Graph, tell: Tell = nobody, clock: Clock | None = None) -> Reference:
    """The reference with the graph's float64 and float32 results.

    Runs with random rounding join the plain float32 one, fewer where they cost much, and more where Keras is farther
    off than they explain. Where that does not explain it, and there are sums in 16 bits, these are taken to be added
    up in 16 bits.

    Raises:
        VerifyError: the graph's outputs have other names or shapes than Keras'.
    """
    reference = dataclasses.replace(reference, compute=coarsest_float(graph), random=random_outputs(graph))
    count = len(reference.recordings)
    wide = _within(told(reference.recordings, tell, "float64"), count, "float64", clock)
    reference = with_recordings(reference, [evaluated(r, graph) for r in wide])
    count = len(reference.recordings)
    rounding = _within(told(reference.recordings, tell, "rounding"), count, "rounding", clock)
    reference = with_recordings(reference, [perturbed(r, graph, roundings(graph, r.batch)) for r in rounding])
    if capture_problems(reference):
        rounding = told(reference.recordings, tell, "more rounding")
        more = [perturbed(r, graph, roundings(graph, r.batch, MORE_RUNS)) for r in rounding]
        reference = with_recordings(reference, more)
    if not sums_halves(graph) or not capture_problems(reference):
        return reference
    runs = [Rounding(seed, sums=True) for seed in range(MORE_RUNS)]
    return with_recordings(reference, [perturbed(r, graph, runs) for r in reference.recordings])


def complete(
    reference: Reference, contract: Contract, graph: Graph, tell: Tell = nobody, clock: Clock | None = None
) -> Reference:
    """A reference recorded without capture, brought to the captured contract and given its oracle.

    Raises:
        VerifyError: it is of a model with other inputs or outputs.
    """
    for part in ("inputs", "outputs"):
        ours, theirs = ([p.name for p in getattr(c, part)] for c in (contract, reference.contract))
        if ours != theirs:
            what = f"the reference has the {part} {', '.join(theirs)}, the model {', '.join(ours)}"
            raise VerifyError(what, hint="record it again from this model")
    if draws_of(graph):
        what = "the reference does not tell which random numbers the model drew"
        raise VerifyError(what, hint="leave out --reference: the model is then run here, and its numbers are seen")
    recordings = [_fitted(r, contract) for r in reference.recordings]
    fitted = dataclasses.replace(reference, contract=contract, recordings=tuple(recordings))
    return with_oracles(fitted, graph, tell, clock)


def check_sizes(graph: Graph, sizes: Sizes) -> None:
    """Raise GraphError if the graph is invalid at these sizes."""
    for node in graph.bind(sizes).nodes:
        for value in node.outputs:
            if any(isinstance(d, int) and d < 1 for d in value.type.shape):
                raise GraphError(f"{node.op.name} gives {value.type}", where=node.origin)


def count_elements(graph: Graph, sizes: Sizes) -> int:
    """Count the elements of the inputs and all computed values of a graph."""
    bound = graph.bind(sizes)
    shapes = [value.type.shape for values in (bound.inputs, *(n.outputs for n in bound.nodes)) for value in values]
    return sum(math.prod(d for d in shape if isinstance(d, int)) for shape in shapes)


def coarsest_float(graph: Graph) -> str:
    """The float type with the fewest mantissa bits among the graph's values."""
    found = {v.type.dtype for n in all_nodes(graph) for v in (*n.inputs, *n.outputs)}
    return next((str(d) for d in (DType.BF16, DType.F16) if d in found), "f32")


def noises(reference: Reference) -> dict[str, list[Noise]]:
    """Return the noise of every output on every batch.

    Raises:
        VerifyError: the reference has no oracle.
    """
    found: dict[str, list[Noise]] = {p.name: [] for p in reference.contract.outputs}
    for r in reference.recordings:
        if r.oracle is None or r.eval32 is None:
            raise VerifyError(
                f"the reference has no float64 oracle for batch {r.batch.name!r}, so no tolerance can be derived",
                hint="export the model with this reference once: that adds it",
            )
        for port in reference.contract.outputs:
            arrays = (r.outputs[port.name], r.oracle[port.name], r.eval32[port.name])
            extreme = r.batch.kind == "extreme"
            how = {"dtype": str(port.type.dtype), "extreme": extreme, "doubtful": r.doubtful.get(port.name)}
            found[port.name].append(measure(port.name, r.batch.name, *arrays, **how))
    return found


def capture_problems(reference: Reference, overrides: Mapping[str, float] | None = None) -> list[str]:
    """Return where the captured graph differs from the Keras model: a sentence per output, none if all agree."""
    own = overrides or {}
    found = [capture_problem(n, own.get(name, own.get(EVERY))) for name, n in noises(reference).items()]
    return [p for p in found if p]


def require_capture(reference: Reference, overrides: Mapping[str, float] | None = None) -> None:
    """Raise VerifyError unless the captured graph computes what Keras computes."""
    problems = capture_problems(reference, overrides)
    if problems:
        raise VerifyError(
            "capture disagrees with Keras:\n" + "\n".join(f"  {p}" for p in problems),
            hint="this is a fault of kexport, not of the artifact: please report the model",
        )


def _recorded_with_draws(contract: Contract, batch: Batch, graph: Graph, drawing: Drawing) -> Recording:
    drawn: dict[int, Array] = {}

    def run(arrays: list[Array]) -> Sequence[Array]:
        outputs, draws = drawing(arrays)
        drawn.update(draws)
        return outputs

    outputs = answer(contract, batch, run)
    draws: dict[str, Array] = {}
    for key, node in draws_of(graph.bind(batch.sizes)).items():
        array = drawn.get(int(key))
        if array is None or math.prod(array.shape) != node.output.type.numel:
            what = "Keras draws other random numbers when the model is called than when it is traced"
            raise VerifyError(what, where=node.origin, hint="make them an input of the model")
        draws[key] = array
    return Recording(batch, outputs, draws=draws)


def _fitted(recording: Recording, contract: Contract) -> Recording:
    inputs = {p.name: _as_type(recording.batch.inputs[p.name], p.type.dtype) for p in contract.inputs}
    try:
        sizes = bind_inputs([(p.name, p.type) for p in contract.inputs], list(inputs.values()))
    except GraphError as e:
        what = f"batch {recording.batch.name!r} of the reference does not fit the model: {e.what}"
        raise VerifyError(what, hint="record it again from this model") from e
    bound = {name: size for name, size in sizes.items() if isinstance(size, int)}
    batch = dataclasses.replace(recording.batch, inputs=inputs, sizes=bound)
    outputs = named_outputs(contract, batch, list(recording.outputs.values()))
    return dataclasses.replace(recording, batch=batch, outputs=outputs)


def _as_type(array: Array, dtype: DType) -> Array:
    same_kind = is_float(array) if dtype.is_float else is_discrete(array) and array.dtype.kind in "iu" and dtype.is_int
    return array.astype(dtype.numpy, copy=False) if same_kind else array
