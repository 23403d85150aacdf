"""Option values: what is read, and what is refused with which words."""

from __future__ import annotations

from typing import Any, Literal, Union

import pytest

import kexport.target
from kexport.cli.options import Field, kind_of, option_fields, read_options
from kexport.cli.values import read_dims, read_numbers, read_targets, read_tolerances
from kexport.errors import ConfigError
from tests.cli.fakes import FakeOptions, FakeTarget


@pytest.fixture(autouse=True)
def one_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kexport.target, "targets", lambda: {"fake": FakeTarget("fake")})


def test_targets() -> None:
    assert read_targets([]) is None
    assert read_targets(["b, a", "c,a,"]) == ["b", "a", "c"]


def test_dims() -> None:
    assert read_dims(["batch=1", "ids:1 = length"]) == {"batch": 1, "ids:1": "length"}


@pytest.mark.parametrize("value", ["batch", "=1", "batch=", "batch=0", "batch=-1", "batch=1.5", "batch=a b"])
def test_a_wrong_dim_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match="--dim"):
        read_dims([value])


def test_tolerances() -> None:
    assert read_tolerances([]) is None
    assert read_tolerances(["probs=1e-3", "a=b=0", "2"]) == {"probs": 1e-3, "a=b": 0.0, "*": 2.0}


@pytest.mark.parametrize("value", ["probs=", "probs", "-1", "probs=nan", "inf"])
def test_a_wrong_tolerance_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match="is no tolerance"):
        read_tolerances([value])


def test_options_have_the_types_of_their_fields() -> None:
    values = ["fake.opset=21", "fake.layout=nhwc", "fake.limit=1e9", "fake.external=yes", "fake.note=a=b"]
    expected = {"opset": 21, "layout": "nhwc", "limit": 1e9, "external": True, "note": "a=b"}
    assert read_options(values) == {"fake": expected}
    assert FakeOptions(**expected)
    assert read_options(["fake.limit=none"]) == {"fake": {"limit": None}}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("opset=21", "there is no target 'opset'"),
        ("other.opset=21", "targets: fake"),
        ("fake.bogus=1", "fake has no option 'bogus'\n  hint: its options: external, layout, limit, note, opset"),
        ("fake.opset=x", "'x' is no value of fake.opset\n  hint: give INTEGER"),
        ("fake.layout=x", "hint: give nhwc|nchw"),
        ("fake.external=1", "hint: give yes|no"),
        ("fake.limit=x", "hint: give NUMBER|none"),
    ],
)
def test_a_wrong_option_is_refused(value: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_options([value])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("hint", "text", "value"),
    [
        (int, "3", 3),
        (float, "0.5", 0.5),
        (str, "x", "x"),
        (bool, "no", False),
        (Union[int, None], "none", None),
        (int | None, "4", 4),
        (int | Literal["max"], "max", "max"),
        (Literal[1, 2], "2", 2),
    ],
)
def test_kinds(hint: Any, text: str, value: Any) -> None:
    assert kind_of(hint).read(text) == value


def test_option_fields_are_listed() -> None:
    assert option_fields(FakeOptions) == [
        Field("opset", "INTEGER", "24", "operator set version"),
        Field("layout", "nhwc|nchw", "nchw", "memory layout"),
        Field("limit", "NUMBER|none", "none", "bytes per file"),
        Field("external", "yes|no", "no", "weights in a file of their own"),
        Field("note", "TEXT", "", ""),
    ]


def test_numbers_of_threads() -> None:
    assert read_numbers("--threads", "1, 4,1") == [1, 4]


@pytest.mark.parametrize("value", ["", "0", "1,", "two", "-1", "1.5"])
def test_wrong_numbers_of_threads(value: str) -> None:
    with pytest.raises(ConfigError, match="is no list of numbers above 0") as e:
        read_numbers("--threads", value)
    assert (e.value.where, e.value.hint) == ("--threads", "for example 1,2")
