"""Sizes for dynamic dims."""

from __future__ import annotations

import pytest

from kexport.errors import ConfigError, GraphError, VerifyError
from kexport.evidence.sizes import LADDER, LITTLE, SizePlan, Sizes, choose_sizes, enlarged
from kexport.ir.contract import Contract, Port
from kexport.ir.types import TensorType


def contract(*types: str) -> Contract:
    ports = tuple(Port(f"x{i}", TensorType.parse(t)) for i, t in enumerate(types))
    return Contract(ports, ports)


IMAGE = contract("f32[batch,height,width,3]")


def multiples_of_32(sizes: Sizes) -> None:
    if sizes["height"] % 32 or sizes["width"] % 32:
        raise ValueError("concat of 7 and 8")


def equal(sizes: Sizes) -> None:
    if sizes["height"] != sizes["width"]:
        raise ValueError("not square")


def test_no_symbols_one_choice() -> None:
    assert choose_sizes(contract("f32[1,3]")) == SizePlan(({},))


def test_batch_is_1_and_3() -> None:
    assert choose_sizes(contract("f32[batch,3]")).choices == ({"batch": 1}, {"batch": 3})


def test_every_symbol_has_two_sizes_and_no_two_symbols_share_one() -> None:
    plan = choose_sizes(IMAGE)
    first, second = plan.choices
    assert plan.single == ()
    assert all(first[s] != second[s] for s in first)
    assert all(len(set(c.values())) == 3 for c in plan.choices)


def test_refused_sizes_are_left_out() -> None:
    plan = choose_sizes(IMAGE, multiples_of_32)
    assert plan.choices == (
        {"batch": 1, "height": 32, "width": 64},
        {"batch": 3, "height": 64, "width": 96},
    )


def test_sizes_that_must_be_equal_are_found() -> None:
    first, second = choose_sizes(IMAGE, equal).choices
    assert first["height"] == first["width"] != second["height"] == second["width"]


def test_a_symbol_with_one_size_is_named() -> None:
    def only_64(sizes: Sizes) -> None:
        if (sizes["height"], sizes["width"]) != (64, 64):
            raise ValueError

    plan = choose_sizes(IMAGE, only_64)
    assert plan.choices == ({"batch": 1, "height": 64, "width": 64}, {"batch": 3, "height": 64, "width": 64})
    assert plan.single == ("height", "width")


def test_a_batch_that_must_be_1_leaves_the_others_two_sizes() -> None:
    def single(sizes: Sizes) -> None:
        if sizes["batch"] != 1:
            raise ValueError

    plan = choose_sizes(IMAGE, single)
    assert plan.single == ("batch",)
    assert len({c["height"] for c in plan.choices}) == 2


def test_hints_are_least_sizes_or_the_only_ones() -> None:
    plan = choose_sizes(IMAGE, hints={"height": 20, "width": [7, 9], "batch": [2, 5]})
    assert [c["batch"] for c in plan.choices] == [2, 5]
    assert all(c["height"] >= 20 for c in plan.choices)
    assert {c["width"] for c in plan.choices} == {7, 9}


def test_a_symbol_with_one_hint_does_not_hold_back_the_others() -> None:
    plan = choose_sizes(IMAGE, hints={"height": [4, 6], "width": [5]})
    assert {c["height"] for c in plan.choices} == {4, 6}
    assert {c["batch"] for c in plan.choices} == {1, 3}
    assert plan.single == ("width",)


def test_sizes_that_hints_fix_give_one_choice() -> None:
    plan = choose_sizes(IMAGE, hints={"height": [4], "width": [5], "batch": [2, 2]})
    assert plan == SizePlan(({"batch": 2, "height": 4, "width": 5},), ("batch", "height", "width"))


def test_symbols_are_varied_alone_where_they_cannot_vary_together() -> None:
    def narrow(sizes: Sizes) -> None:
        if sizes["width"] != 7 or sizes["batch"] == 3 != sizes["height"] != 5:
            raise ValueError

    plan = choose_sizes(IMAGE, narrow)
    assert plan.choices == (
        {"batch": 1, "height": 5, "width": 7},
        {"batch": 3, "height": 5, "width": 7},
        {"batch": 1, "height": 8, "width": 7},
    )
    assert plan.single == ("width",)


def test_no_size_is_tried_twice() -> None:
    tried: list[tuple[int, ...]] = []

    def refuse(sizes: Sizes) -> None:
        tried.append(tuple(sizes.values()))
        raise ValueError("too small for a 300-tap filter")

    with pytest.raises(VerifyError, match=r"takes none of the sizes tried for batch, height, width.*300-tap"):
        choose_sizes(IMAGE, refuse)
    assert len(tried) == len(set(tried)) == len(LADDER)


@pytest.mark.parametrize(
    ("hints", "message"),
    [({"depth": 3}, "no dynamic dimension 'depth'"), ({"batch": 0}, "must be 1 or more"), ({"batch": []}, "1 or more")],
)
def test_wrong_hints(hints: dict[str, int | list[int]], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        choose_sizes(IMAGE, hints=hints)


def test_sizes_that_cost_little_are_enlarged() -> None:
    series = contract("f32[batch,length,3]")
    plan = choose_sizes(series)
    large = enlarged(plan, series, lambda sizes: 100, lambda sizes: None)
    assert large.choices == (plan.choices[0], {"batch": 16, "length": 4 * plan.choices[1]["length"]})
    assert enlarged(plan, series, lambda sizes: LITTLE + 1, lambda sizes: None) == plan


def test_what_a_model_does_not_take_is_not_enlarged() -> None:
    def short(sizes: dict[str, int]) -> None:
        if sizes["length"] > 8:
            raise ValueError("too long")

    series = contract("f32[batch,length,3]")
    image = contract("f32[batch,3]")
    plan = choose_sizes(series)
    assert enlarged(plan, series, lambda sizes: 1, short).choices[1] == {"batch": 64, "length": 8}
    assert enlarged(choose_sizes(image), image, lambda sizes: 1, lambda sizes: None).choices[1] == {"batch": 64}

    def one(sizes: dict[str, int]) -> None:
        raise ValueError("one at a time")

    assert enlarged(plan, series, lambda sizes: 1, one) == plan
    chosen = choose_sizes(series, hints={"batch": [2, 4]})
    assert enlarged(chosen, series, lambda sizes: 1, lambda sizes: None) == chosen


@pytest.mark.parametrize("least", [5001, 20000, 49000])
def test_sizes_grow_until_they_are_taken(least: int) -> None:
    contract = Contract((Port("x", TensorType.parse("f32[batch,length]")),), ())

    def accepts(sizes: dict[str, int]) -> None:
        if sizes["length"] < least:
            raise GraphError("too short")

    first, *_ = choose_sizes(contract, accepts).choices
    assert least <= first["length"] <= 49152


def test_a_model_that_takes_no_size_is_told_both_ways_out() -> None:
    contract = Contract((Port("x", TensorType.parse("f32[batch,length]")),), ())

    def accepts(sizes: dict[str, int]) -> None:
        raise GraphError("never")

    with pytest.raises(VerifyError) as caught:
        choose_sizes(contract, accepts)
    assert "--dim length=N" in str(caught.value.hint)
    assert "--inputs FILE --only-inputs" in str(caught.value.hint)
