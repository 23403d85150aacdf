"""Calibration data from Python: arrays, dicts, generators, `tf.data`, `PyDataset`."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from kexport.errors import ConfigError
from kexport.ir.contract import Port
from kexport.ir.op import Array
from kexport.quantize.calibration.source import open_source
from tests.quantize.test_files import TWO, X

A = np.arange(30, dtype=np.float32).reshape(10, 3)
PAIR = {"ids": np.arange(10).reshape(2, 5), "mask": np.ones((2, 5))}


def read(data: Any, ports: tuple[Port, ...] = X, rows: int = 4, **how: Any) -> list[Array]:
    return [dict(a)[ports[0].name] for a, _ in open_source(data, ports, **how).batches(rows)]


def pieces() -> list[Array]:
    return [A[:1], A[1:7], A[7:9], A[9:]]


@pytest.mark.parametrize(
    "data",
    [
        A,
        {"x": A},
        {"x": A, "label": 1},
        pieces(),
        ({"x": p} for p in pieces()),
        [(p, np.ones(len(p))) for p in pieces()],
        [({"x": p}, np.ones(len(p)), None) for p in pieces()],
        [[p] for p in pieces()],
        list(A),
        (list(map(float, row)) for row in A),
    ],
)
def test_everything_that_keras_takes_is_regrouped(data: Any) -> None:
    found = read(data)
    assert [len(f) for f in found] == [4, 4, 2]
    assert np.concatenate(found).tolist() == A.tolist()


@pytest.mark.parametrize(
    "data",
    [
        PAIR,
        [PAIR],
        [(PAIR, np.ones(2))],
        [(PAIR["ids"], PAIR["mask"])],
        [[PAIR["ids"], PAIR["mask"]]],
        [([PAIR["ids"], PAIR["mask"]], np.ones(2))],
        [((PAIR["ids"], PAIR["mask"]), np.ones(2), np.ones(2))],
    ],
)
def test_several_inputs_by_name_or_in_order(data: Any) -> None:
    assert read(data, TWO)[0].tolist() == PAIR["ids"].tolist()


def test_lengths_that_differ_stay_apart() -> None:
    batches = [{"ids": np.ones((2, n), int), "mask": np.ones((2, n))} for n in (5, 5, 7)]
    assert [f.shape for f in read(batches, TWO)] == [(4, 5), (2, 7)]


def test_endless_iterables_end_at_the_limit() -> None:
    drawn = itertools.count()
    data = (A for _ in drawn)
    assert sum(map(len, read(data, limit=25))) == 25
    assert next(drawn) == 3


class Indexed:
    """What has a length and an index, and no end of its own."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, i: int) -> tuple[Array, Array]:
        return A[i : i + 1], np.ones(1)


def test_an_index_and_a_length_will_do() -> None:
    assert np.concatenate(read(Indexed())).tolist() == A[:3].tolist()


@pytest.mark.parametrize(
    ("data", "ports", "words"),
    [
        ([A[0], np.full(3, np.nan)], X, "batch 1 of the calibration data: .* holds 3 NaN in sample 1"),
        ([{"y": A}], X, "is called y, the inputs x"),
        ([A], TWO, "one array is given, the model has 2 inputs"),
        ([[A]], TWO, "1 arrays are given, the model has 2 inputs"),
        ([[[1.0], [1.0, 2.0]]], X, "rows differ in length"),
        ([None], X, "holds objects of type NoneType"),
        ([{}], X, "is called nothing"),
        (3, X, "a int is no calibration data"),
    ],
)
def test_what_cannot_be_used_is_said(data: Any, ports: tuple[Port, ...], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        read(data, ports)
    assert caught.value.hint


def test_arrays_have_a_digest_and_iterables_have_none() -> None:
    assert open_source(A, X).digest == open_source({"x": A.copy()}, X).digest != open_source(A + 1, X).digest
    assert open_source([A], X).digest == ""


def test_datasets_of_frameworks() -> None:
    tf = pytest.importorskip("tensorflow")
    keras = pytest.importorskip("keras")

    class Data(keras.utils.PyDataset):
        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> tuple[Array, Array]:
            return A[index * 5 : index * 5 + 5], np.ones(5)

    dataset = tf.data.Dataset.from_tensor_slices(({"x": A}, np.ones(10)))
    for data in (Data(), dataset, dataset.batch(3), dataset.batch(3).repeat(), tf.constant(A)):
        assert np.concatenate(read(data, limit=10)).tolist() == A.tolist()
