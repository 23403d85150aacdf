"""Random rounding: small where nothing is at stake, large where values tie or kernels are coarse."""

from __future__ import annotations

import numpy as np
import pytest

from kexport.evidence.batches import Batch, make_batches
from kexport.evidence.reference_file import Reference
from kexport.ir.dim import symbol
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph, Value
from kexport.ir.op import OPS, Op
from kexport.ir.parser import parse_graph
from kexport.ir.types import DType, TensorType
from kexport.ops import (
    Add,
    ArgMax,
    Cast,
    Dense,
    Elu,
    Erf,
    Exp,
    Gelu,
    Greater,
    If,
    Less,
    Log,
    MatMul,
    Mish,
    Mul,
    ReduceMax,
    Relu,
    Reshape,
    Resize,
    Round,
    Selu,
    Sigmoid,
    Silu,
    Softplus,
    Tanh,
    TopK,
    While,
)
from kexport.verify import floors, oracles, perturb, spread
from kexport.verify.oracles import roundings
from kexport.verify.perturb import Rounding, farther, needs_perturbing, rounding_noise, sums_halves
from kexport.verify.record import capture_problems, coarsest_float, noises, record
from kexport.verify.tolerance import coarser
from tests import toy

EPS = float(np.finfo(np.float32).eps)
IMAGE = TensorType(DType.F32, (symbol("batch"), 8, 8, 2))
X = np.random.default_rng(0).standard_normal((2, 8, 8, 2)).astype(np.float32)


def graph_of(op: Op, type: TensorType = IMAGE, *constants: object) -> Graph:
    graph = Graph()
    x = graph.input("x", type)
    graph.output("y", graph.add(op, x, *(graph.constant(c) for c in constants)).output)
    return graph


def moved(graph: Graph, seed: int = 0, factor: int = 1) -> tuple[np.ndarray, np.ndarray]:
    plain = evaluate(graph, {"x": factor * X})["y"]
    return plain, evaluate(graph, {"x": factor * X}, observe=rounding_noise(seed))["y"]


def test_results_move_by_their_last_place() -> None:
    plain, other = moved(graph_of(Mul(), IMAGE, np.float32(3)))
    assert plain.dtype == other.dtype
    assert 0 < np.abs(plain - other).max() <= EPS * np.abs(plain).max()


def test_the_same_seed_moves_the_same_way() -> None:
    graph = graph_of(Mul(), IMAGE, np.float32(3))
    assert np.array_equal(moved(graph, 1)[1], moved(graph, 1)[1])
    assert not np.array_equal(moved(graph, 1)[1], moved(graph, 2)[1])


@pytest.mark.parametrize("op", [Gelu(approximate=False), Elu(alpha=1.0)])
def test_what_is_a_difference_is_rounded_as_one(op: Op) -> None:
    """Of 1 + erf(x), or of exp(x) - 1, near 0: TensorFlow computes these, and they are not as exact as the result."""
    graph = graph_of(op)
    x = np.full((1, 8, 8, 2), -4.5 if op.name == "gelu" else -1e-5, np.float32)
    plain, other = (evaluate(graph, {"x": x}, observe=o)["y"] for o in (None, rounding_noise(0)))
    assert 4 * EPS * np.abs(plain).max() < np.abs(plain - other).max() <= 3 * EPS


@pytest.mark.parametrize("op", [Tanh(), Sigmoid(), Erf()])
def test_what_saturates_may_end_before_1(op: Op) -> None:
    plain, other = moved(graph_of(op), factor=100)
    last = np.abs(plain) == 1
    assert last.any()
    assert set(np.abs(other[last]).tolist()) == {1, 1 - EPS / 2}
    assert np.array_equal(plain == 0, other == 0) or op.name == "sigmoid", "some stop at sigmoid(-18)"


@pytest.mark.parametrize("op", [Relu(), Reshape(shape=(symbol("batch") * 128,)), Round()])
def test_copies_do_not_move(op: Op) -> None:
    plain, other = moved(graph_of(op))
    assert np.array_equal(plain, other)


def test_neither_inputs_nor_constants_change() -> None:
    weights = np.ones((2, 3), np.float32)
    before = X.copy()
    moved(graph_of(Dense(), IMAGE, weights))
    assert (weights == 1).all()
    assert np.array_equal(X, before)


@pytest.mark.parametrize(
    ("size", "method", "low", "high"),
    [
        ((16, 16), "bicubic", 1e-7, 1e-5),
        ((13, 13), "bicubic", 5e-4, 2e-3),
        ((13, 13), "bilinear", 5e-7, 1e-5),
        ((16, 16), "nearest", 0, 1e-7),
    ],
)
def test_coarse_kernels_move_more(size: tuple[int, int], method: str, low: float, high: float) -> None:
    plain, other = moved(graph_of(Resize(size=size, method=method)))
    assert low <= np.abs(plain - other).max() / np.abs(plain).max() <= high


@pytest.mark.parametrize(
    ("op", "constants", "expected"),
    [
        (ArgMax(axis=1), (), True),
        (Round(), (), True),
        (Greater(), (np.float32(0),), True),
        (Cast(dtype=DType.I32), (), True),
        (Resize(size=(16, 16)), (), True),
        (Cast(dtype=DType.F64), (), False),
        (Add(), (np.float32(1),), False),
    ],
)
def test_what_needs_perturbing(op: Op, constants: tuple[object, ...], expected: bool) -> None:
    assert needs_perturbing(graph_of(op, IMAGE, *constants)) is expected


def test_integer_comparisons_are_no_steps() -> None:
    assert not needs_perturbing(graph_of(Less(), TensorType(DType.I32, (2, 8, 8, 2)), np.int32(3)))


def test_names_of_ops_exist() -> None:
    named = floors.FLOORS.keys() | spread.SPREADS.keys()
    assert OPS.keys() >= named


def test_farther_takes_the_worse_element() -> None:
    b = np.array([1.25, 1, np.nan], np.float32)
    assert farther(np.array([1, 1.5, 2], np.float32), b, np.ones(3)).tolist() == [1.25, 1.5, 2]
    assert farther(np.array([1, 2]), np.array([1, 3]), np.array([1, 2])).tolist() == [1, 3]


# --- a tie that one run decides by luck


def tied() -> Graph:
    """One hundred times the place of the largest of two equal sums."""
    graph = Graph()
    x = graph.input("x", toy.X)
    half = np.tile(np.float32(1 / 3), (toy.FEATURES, 1))
    sums = graph.add(Dense(), x, graph.constant(np.concatenate([half, half], 1))).output
    place = graph.add(ArgMax(axis=-1), sums).output
    scaled: Value = graph.add(Cast(dtype=DType.F32), place).output
    graph.output("hidden", graph.add(Mul(), scaled, graph.constant(np.float32(100))).output)
    return graph


def recorded(answer: float) -> Reference:
    from kexport.ir.contract import Contract, Port

    contract = Contract((Port("x", toy.X),), (Port("hidden", TensorType(DType.F32, (symbol("batch"),))),))
    batches: list[Batch] = make_batches(contract)
    return record(contract, tied(), batches, lambda arrays: [np.full(len(arrays[0]), answer, np.float32)])


@pytest.mark.parametrize("answer", [0.0, 100.0])
def test_either_side_of_a_tie_is_right(answer: float) -> None:
    assert capture_problems(recorded(answer)) == []
    assert any(n.conditioning == 100 for n in noises(recorded(answer))["hidden"])


def test_a_third_answer_is_wrong() -> None:
    assert len(capture_problems(recorded(9000.0))) == 1


def test_graphs_are_run_as_often_as_it_is_cheap() -> None:
    def count(op: Op, *constants: object, budget: float = oracles.BUDGET) -> int:
        batch = Batch("b", "random", {"batch": 2}, {"x": X})
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(oracles, "BUDGET", budget)
            return len(roundings(graph_of(op, IMAGE, *constants), batch))

    assert count(Mul(), np.float32(3)) == oracles.MOST_RUNS
    assert count(Mul(), np.float32(3), budget=1) == 1
    assert count(Round(), budget=1) == oracles.LEAST_RUNS


def test_random_roundings_depend_on_the_batch_alone() -> None:
    graph = graph_of(Mul(), IMAGE, np.float32(3))
    first, same, other = (
        evaluate(graph, {"x": x}, perturb=roundings(graph, Batch("b", "random", {"batch": 2}, {"x": x}))[0])["y"]
        for x in (X, X.copy(), 2 * X)
    )
    assert np.array_equal(first, same)
    assert not np.array_equal(2 * first, other)


def test_one_number_is_not_taken_for_exact_since_one_run_hits_it() -> None:
    """4 x is exact in float32; in a net it would be the last of many steps, and the next run would not be as lucky."""
    from kexport.ir.contract import Contract, Port

    contract = Contract((Port("x", toy.X),), (Port("y", toy.X),))
    batch = Batch("one", "random", {"batch": 1}, {"x": np.full((1, toy.FEATURES), 0.1, np.float32)})
    graph = graph_of(Mul(), toy.X, np.float32(4))
    reference = record(contract, graph, [batch], lambda arrays: [arrays[0] * np.float32(4)])
    (noise,) = noises(reference)["y"]
    assert (noise.reference, noise.conditioning > 0) == (0, True)


def test_an_engine_of_half_precision_is_judged_by_it() -> None:
    assert coarser("float32", "float16") == coarser("float16", "float32") == "float16"
    assert coarser("uint8", "float16") == "uint8"


def test_whole_numbers_stay_and_others_move() -> None:
    g = Graph("sum")
    x = g.input("x", TensorType.parse("f32[4]"))
    node = g.add(Add(), x, x)
    g.output("y", node.output)
    moved = rounding_noise(0)(node, [np.array([3.0, 0.0, 0.1, -2.7], np.float32)])
    assert moved is not None
    assert moved[0][:2].tolist() == [3.0, 0.0]
    assert (moved[0][2:] != np.array([0.1, -2.7], np.float32)).any()
    np.testing.assert_allclose(moved[0], [3.0, 0.0, 0.1, -2.7], rtol=1.3e-7)


@pytest.mark.parametrize(
    ("body", "off"),
    [
        ("%y = mat_mul(%x, %k)", 16.0),
        ("%z = transpose(%x) {perm=[1, 0]} %y = mat_mul(%z, %k) {transpose_a=true}", 16.0),
        ("%y = dense(%x, %k)", 16.0),
        ("%y = add(%x, %x)", 0.0),
    ],
)
def test_sums_in_16_bits_may_be_added_up_in_16_bits(body: str, off: float) -> None:
    graph = parse_graph(f'graph "g" (%x: f16[n,256], %k: f16[256,3]) {{ {body} return "y": %y }}')
    assert sums_halves(graph) == bool(off)
    node = list(graph.nodes)[-1]
    array = np.full((50, 3), 1.5, np.float16)
    (plain,), (summed,) = (rounding_noise(0, sums=s)(node, [array]) or [] for s in (False, True))
    error = np.abs(summed.astype(float) / 1.5 - 1)
    epsilon = float(np.finfo(np.float16).eps)
    assert np.abs(plain.astype(float) / 1.5 - 1).max() <= epsilon
    assert error.max() <= max(off, 1.0) * epsilon
    if off:
        assert (summed == summed[:1]).all()
        assert error.max() > epsilon


# --- floors of functions, sums, bodies, subnormals


@pytest.mark.parametrize(
    ("op", "x", "low", "high"),
    [
        (Sigmoid(), -17.0, 1e-8, 5.1e-8),
        (Softplus(), -17.0, 2e-8, 1e-7),
        (Silu(), -17.0, 2e-7, 9e-7),
        (Mish(), -12.0, 2e-7, 1.2e-6),
        (Tanh(), -1e-4, 0, 1e-10),
        (Selu(), -1e-6, 1e-8, 1e-7),
        (Selu(), 1.0, 0, EPS),
    ],
)
def test_functions_move_by_their_floors(op: Op, x: float, low: float, high: float) -> None:
    graph = graph_of(op)
    arrays = {"x": np.full((4, 8, 8, 2), x, np.float32)}
    plain, other = (evaluate(graph, arrays, perturb=p)["y"] for p in (None, Rounding(0)))
    assert low <= np.abs(plain - other).max() <= high
    assert (np.sign(plain) == np.sign(other)).all() or op.name in ("silu", "mish")


def test_floors_go_through_the_layers_behind() -> None:
    """The logarithm of a probability that a sigmoid all but rules out is known to a few digits."""
    graph = Graph()
    x = graph.input("x", IMAGE)
    graph.output("y", graph.add(Log(), graph.add(Sigmoid(), x).output).output)
    arrays = {"x": np.full((2, 8, 8, 2), -12, np.float32)}
    plain, other = (evaluate(graph, arrays, perturb=p)["y"] for p in (None, Rounding(0)))
    assert 2e-3 < np.abs(plain - other).max() < 2e-2


def test_sums_move_by_their_terms() -> None:
    """Of products that cancel: the result is near 0, and the terms are not."""
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (symbol("batch"), 64)))
    w = np.where(np.arange(64) % 2, 1, -1).astype(np.float32)[:, None] * np.float32(1.1)
    graph.output("y", graph.add(Dense(), x, graph.constant(w)).output)
    arrays = {"x": np.full((50, 64), 10.1, np.float32)}
    plain, other = (evaluate(graph, arrays, perturb=p)["y"] for p in (None, Rounding(0)))
    assert 20 * EPS < np.abs(plain - other).max() < 1e3 * EPS


def test_a_sum_with_a_constant_moves_by_the_larger_of_the_two() -> None:
    arrays = {"x": np.full((2, 8, 8, 2), 120.25, np.float32)}
    graph = graph_of(Add(), IMAGE, np.float32(-120))
    plain, other = (evaluate(graph, arrays, perturb=p)["y"] for p in (None, Rounding(0)))
    assert 20 * EPS < np.abs(plain - other).max() < 120 * EPS


@pytest.mark.parametrize("shape", [(1, 6, 6, 2048), (64, 6, 6, 1)])
def test_neither_batch_nor_channels_make_a_resize_coarse(shape: tuple[int, ...]) -> None:
    graph = graph_of(Resize(size=(9, 9), method="bilinear"), TensorType(DType.F32, shape))
    arrays = {"x": np.random.default_rng(0).standard_normal(shape).astype(np.float32)}
    plain, other = (evaluate(graph, arrays, perturb=p)["y"] for p in (None, Rounding(0)))
    assert np.abs(plain - other).max() < 10 * EPS * np.abs(plain).max()


def test_bodies_are_moved_too() -> None:
    body = Graph("body")
    x = TensorType.parse("f32[3]")
    value = body.input("x", x)
    body.output("y", body.add(Mul(), value, body.constant(np.float32(1.1))).output)
    cond = Graph("cond")
    value = cond.input("x", x)
    top = cond.add(ReduceMax(axes=(0,)), value).output
    cond.output("y", cond.add(Less(), top, cond.constant(np.float32(30))).output)
    graph = Graph()
    graph.output("y", graph.add(While(cond, body), graph.input("x", x)).output)
    arrays = {"x": np.array([1.1, 2.3, 3.7], np.float32)}
    plain, other = (evaluate(graph, arrays, perturb=p)["y"] for p in (None, Rounding(0)))
    assert 0 < np.abs(plain - other).max() < 100 * EPS * 30
    assert needs_perturbing(graph), "a comparison in a body makes a step"


def test_halves_in_bodies_are_seen() -> None:
    body = Graph("body")
    x = TensorType.parse("f16[3,3]")
    value = body.input("x", x)
    body.output("y", body.add(MatMul(), value, value).output)
    graph = Graph()
    flag = graph.input("flag", TensorType.parse("bool[]"))
    graph.output("y", graph.add(If(body, body.copy()), flag, graph.input("x", x)).output)
    assert sums_halves(graph)
    assert coarsest_float(graph) == "f16"


def test_subnormal_numbers_may_be_flushed() -> None:
    graph = graph_of(Mul(), IMAGE, np.float32(1e-38))
    arrays = {"x": np.full((1, 8, 8, 2), 0.1, np.float32)}
    kept, flushed = (evaluate(graph, arrays, perturb=Rounding(0, flush=f))["y"] for f in (False, True))
    assert (kept > 0).all()
    assert (flushed == 0).all()


def test_what_is_flushed_before_a_logarithm_is_doubtful() -> None:
    from kexport.ir.contract import Contract, Port

    graph = Graph()
    x = graph.input("x", toy.X)
    graph.output("y", graph.add(Log(), graph.add(Exp(), x).output).output)
    contract = Contract((Port("x", toy.X),), (Port("y", toy.X),))
    inputs = np.linspace(-100, -1, 2 * toy.FEATURES).astype(np.float32).reshape(2, toy.FEATURES)
    batch = Batch("one", "random", {"batch": 2}, {"x": inputs})
    reference = record(contract, graph, [batch], lambda arrays: [arrays[0]])
    assert capture_problems(reference) == []
    (doubtful,) = (r.doubtful["y"] for r in reference.recordings)
    assert doubtful.sum() == (inputs < np.log(perturb.TINY)).sum() > 0


def test_an_order_that_rounding_decides_is_doubtful_and_the_rest_is_judged() -> None:
    from kexport.ir.contract import Contract, Port

    graph = Graph()
    x = graph.input("x", toy.X)
    scores = graph.add(Mul(), x, graph.constant(np.float32(1 / 3))).output
    _, order = graph.add(TopK(k=toy.FEATURES), scores).outputs
    graph.output("y", graph.add(Cast(dtype=DType.F32), order).output)
    contract = Contract((Port("x", toy.X),), (Port("y", toy.X),))
    values = np.linspace(1, 2, toy.FEATURES).astype(np.float32)
    values[3] = values[2]
    batch = Batch("one", "random", {"batch": 1}, {"x": values[None]})
    reference = record(contract, graph, [batch], lambda a: [np.argsort(-a[0], stable=True).astype(np.float32)])
    (recording,) = reference.recordings
    assert recording.doubtful["y"].sum() == 2
    (noise,) = noises(reference)["y"]
    assert (noise.unsettled, noise.conditioning) == (2, 0)


def test_every_float_type_narrows() -> None:
    graph = graph_of(Mul(), TensorType(DType.F64, (3, 4)), np.float64(1 / 3))
    x = np.random.default_rng(0).standard_normal((3, 4))
    narrow = evaluate(graph, {"x": x}, narrow=True)["y"]
    np.testing.assert_array_equal(narrow, x.astype(np.float32) * np.float32(1 / 3), strict=True)
