"""Random and extreme batches, and the user's samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from kexport.errors import ConfigError, GraphError, VerifyError
from kexport.evidence.batches import make_batch, make_batches
from kexport.evidence.ranges import PIXELS, Range
from kexport.evidence.samples import LIMIT, ROWS, load_samples
from kexport.evidence.sizes import SizePlan
from kexport.ir.contract import Contract, Port
from kexport.ir.dim import symbol
from kexport.ir.graph import Graph
from kexport.ir.types import DType, TensorType
from kexport.ops import Cast, Gather
from kexport.verify.record import check_sizes, plan_batches
from tests import toy

OUT_OF_RANGE = "Detected at node f/GatherV2\n  File ...\nindices[0] = 61 is not in [0, 16)\n\t [[{{node f}}]]"
"""As TensorFlow says it."""
TWO = Contract(
    (Port("ids", TensorType.parse("i32[batch,length]")), Port("x", TensorType.parse("f32[batch,8]"))),
    (Port("y", TensorType.parse("f32[batch,2]")),),
)


def test_batches_have_two_sizes_several_seeds_and_an_extreme() -> None:
    batches = make_batches(TWO)
    assert [b.name for b in batches] == ["random-0", "random-1", "random-2", "extreme"]
    assert [b.seed for b in batches] == [0, 1, 2, 3]
    for name in ("batch", "length"):
        assert len({b.sizes[name] for b in batches if b.kind == "random"}) == 2
    for b in batches:
        assert b.inputs["ids"].shape == (b.sizes["batch"], b.sizes["length"])
        assert b.inputs["ids"].dtype == np.int32


def test_the_same_seeds_give_the_same_numbers() -> None:
    a = make_batches(TWO)
    b = make_batches(TWO)
    c = make_batches(TWO, seeds=[5])
    assert all(np.array_equal(x.inputs["x"], y.inputs["x"]) for x, y in zip(a, b, strict=True))
    assert not np.array_equal(a[0].inputs["x"], c[0].inputs["x"])
    assert len(c) == 3, "one seed still runs both sizes, and the extreme batch"


def test_inputs_of_one_batch_differ() -> None:
    twins = Contract((Port("a", toy.X), Port("b", toy.X)), ())
    inputs = make_batch(twins, {"batch": 2}, 0).inputs
    assert not np.array_equal(inputs["a"], inputs["b"])


def test_ranges_are_kept_and_reached() -> None:
    ranges = {"ids": Range("integers", 3, 5), "x": PIXELS}
    batches = make_batches(TWO, ranges)
    for b in batches:
        assert set(np.unique(b.inputs["ids"])) <= {3, 4, 5}
    assert batches[0].inputs["x"].max() > 50
    assert np.abs(batches[1].inputs["x"]).max() < 10, "the second one is normal"
    assert set(np.unique(batches[-1].inputs["ids"])) == {3, 5}
    assert set(np.unique(batches[-1].inputs["x"])) == {0, 255}
    plain = make_batches(TWO)
    assert min(b.inputs["x"].min() for b in plain[:2]) < 0
    assert 0 <= plain[2].inputs["x"].min() < plain[2].inputs["x"].max() < 1


def test_extreme_floats_are_large_on_both_sides_with_a_zero_sample() -> None:
    x = make_batch(TWO, {"batch": 3, "length": 4}, 0, kind="extreme").inputs["x"]
    assert (x.min(), x.max()) == (-100, 100)
    assert (x[0] == 0).all()
    assert x[1:].any()
    assert make_batches(TWO)[-1].inputs["x"].any(), "a single sample is not all zero"


def test_masks_have_rows_of_ones_first() -> None:
    types = {"attention_mask": "i32[batch,7]", "Mask_1": "bool[batch,1,7]", "pad.mask": "f32[batch,7]"}
    others = {"masks": "i32[batch,7]", "mask_positions": "i32[batch,7]", "mask": "i32[batch]"}
    ports = tuple(Port(n, TensorType.parse(t)) for n, t in (types | others).items())
    batches = [make_batch(Contract(ports, ()), {"batch": 9}, seed=turn, turn=turn) for turn in range(3)]
    for name in types:
        ends, anywhere, ones = (b.inputs[name].astype(int).reshape(9, 7) for b in batches)
        assert (np.diff(ends) <= 0).all()
        assert (np.diff(anywhere) > 0).any()
        for full in (ends[0], ends[:, 0], anywhere[:, 0], ones):
            assert full.all()
        assert not ends.all()
    assert all(b.inputs[name].max() > 1 for b in batches for name in others)


def test_no_seed_is_refused() -> None:
    with pytest.raises(ConfigError, match="no seed"):
        make_batches(TWO, seeds=[])


def test_text_inputs_need_samples() -> None:
    text = Contract((Port("s", TensorType(DType.STRING, (1,))),), ())
    with pytest.raises(ConfigError, match="random text for input 's'"):
        make_batches(text, plan=SizePlan(({},)))


def test_plan_follows_graph_and_model() -> None:
    def picky(arrays: list[np.ndarray]) -> list[np.ndarray]:
        if arrays[0].shape[0] == 3:
            raise RuntimeError("a batch of 3 does not fit")
        return toy.keras(arrays)

    batches, plan = plan_batches(toy.CONTRACT, toy.graph(), picky)
    assert plan.single == ("batch",)
    assert {b.sizes["batch"] for b in batches} == {1}
    batches, plan = plan_batches(toy.CONTRACT, toy.graph(), hints={"batch": [2, 4]}, seeds=[9])
    assert [b.sizes["batch"] for b in batches] == [2, 4, 2]
    assert [b.seed for b in batches] == [9, 10, 11]


def test_integers_that_become_an_index_by_arithmetic_are_tried_smaller() -> None:
    graph = Graph()
    n = symbol("n")
    question, answer = (graph.input(name, TensorType(DType.I32, (n,))) for name in ("question", "answer"))
    table = graph.constant(np.zeros((8, 2), np.float32))
    graph.output("q", graph.add(Gather(0), table, question).output)
    graph.output("a", graph.add(Cast(DType.F32), answer).output)
    contract = Contract(tuple(Port(v.name, v.type) for v in graph.inputs), ())

    def run(arrays: list[np.ndarray]) -> list[np.ndarray]:
        if (arrays[0] + 8 * arrays[1]).max() >= 16:
            raise ValueError(OUT_OF_RANGE)
        return []

    batches, _ = plan_batches(contract, graph, run)
    assert max(int(b.inputs["answer"].max()) for b in batches) == 1
    assert max(int(b.inputs["question"].max()) for b in batches) == 7


@pytest.mark.parametrize(("size", "words"), [("n", "takes none of the sizes tried for n"), (3, "on generated inputs")])
def test_a_model_that_always_fails_is_told_in_its_last_words(size: str | int, words: str) -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType.I32, (symbol(size) if isinstance(size, str) else size,)))

    def run(arrays: list[np.ndarray]) -> list[np.ndarray]:
        raise ValueError(OUT_OF_RANGE)

    with pytest.raises(VerifyError, match=words + r".*: indices\[0\] = 61 is not in \[0, 16\)"):
        plan_batches(Contract((Port("x", x.type),), ()), graph, run)


def test_sizes_the_graph_refuses_are_not_chosen() -> None:
    from kexport.ir.dim import symbol
    from kexport.ir.graph import Graph
    from kexport.ops import Slice

    n = symbol("n")
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (n,)))
    graph.output("y", graph.add(Slice(begin=(0,), end=(n - 6,), strides=(1,)), x, origin="crop").output)
    with pytest.raises(GraphError, match="crop"):
        check_sizes(graph, {"n": 6})
    contract = Contract((Port("x", TensorType(DType.F32, (n, 1))),), ())
    with pytest.raises(VerifyError, match="takes none of the sizes"):
        plan_batches(contract, graph, hints={"n": [2, 5]})


# --- samples


def test_samples_of_a_file_are_cut_into_batches(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 9, (20, 5))
    x = rng.standard_normal((20, 8))
    np.savez(tmp_path / "mine.npz", ids=ids, x=x)
    batches = load_samples(tmp_path / "mine.npz", TWO)
    assert [b.inputs["x"].shape[0] for b in batches] == [ROWS, ROWS, 4]
    assert [b.name for b in batches] == ["mine-0", "mine-1", "mine-2"]
    assert batches[0].inputs["ids"].dtype == np.int32
    assert batches[2].sizes == {"batch": 4, "length": 5}
    assert np.array_equal(np.concatenate([b.inputs["ids"] for b in batches]), ids)


def test_samples_of_a_folder_are_read_by_name_up_to_the_limit(tmp_path: Path) -> None:
    for name in ("b", "a"):
        np.save(tmp_path / f"{name}.npy", np.ones((30, toy.FEATURES), np.float32))
    (tmp_path / "notes.txt").write_text("no samples")
    batches = load_samples(tmp_path, toy.CONTRACT)
    assert batches[0].name == "a-0"
    assert sum(b.inputs["x"].shape[0] for b in batches) == LIMIT
    assert batches[-1].name == "b-0"


def test_one_sample_without_a_batch_axis(tmp_path: Path) -> None:
    safetensors.numpy.save_file({"x": np.ones(toy.FEATURES, np.float64)}, tmp_path / "one.safetensors")
    (batch,) = load_samples(tmp_path / "one.safetensors", toy.CONTRACT)
    assert batch.inputs["x"].shape == (1, toy.FEATURES)
    assert batch.inputs["x"].dtype == np.float32


def test_a_fixed_batch_gets_whole_batches(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((7, toy.FEATURES), np.uint8))
    fixed = toy.CONTRACT.bind({"batch": 3})
    assert [b.inputs["x"].shape[0] for b in load_samples(tmp_path / "x.npy", fixed)] == [3, 3]
    with pytest.raises(ConfigError, match="takes batches of 10, there are 7"):
        load_samples(tmp_path / "x.npy", toy.CONTRACT.bind({"batch": 10}))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"ids": np.ones((2, 5), np.int32)}, "the samples are called ids, the inputs ids, x"),
        (
            {"ids": np.ones((2, 5)), "x": np.ones((2, 8))},
            r"input 'ids' is i32\[batch,length\], the samples are float64",
        ),
        ({"ids": np.full((2, 5), 2**40), "x": np.ones((2, 8))}, "samples of input 'ids' do not fit into i32"),
        ({"ids": np.ones((2, 5), int), "x": np.ones((2, 9))}, r"input 'x' is f32\[batch,8\], got .* \[2, 9\]"),
        ({"ids": np.ones((3, 5), int), "x": np.ones((2, 8))}, "got an array of shape"),
    ],
)
def test_samples_that_do_not_fit(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(ConfigError, match=message):
        load_samples(tmp_path / "bad.npz", TWO)


def test_samples_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there are no samples"):
        load_samples(tmp_path, TWO)
    with pytest.raises(ConfigError, match="there are no samples"):
        load_samples(tmp_path / "gone.npz", TWO)
    for name in ("broken.npz", "broken.npy", "broken.safetensors"):
        (tmp_path / name).write_bytes(b"PK\x03\x04 not really")
        with pytest.raises(ConfigError, match="cannot be read"):
            load_samples(tmp_path / name, TWO)
    np.save(tmp_path / "pickled.npy", np.array([{}], object))
    with pytest.raises(ConfigError, match="cannot be read"):
        load_samples(tmp_path / "pickled.npy", toy.CONTRACT)
