"""Element types and tensor types."""

from __future__ import annotations

import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest

from kexport.errors import GraphError
from kexport.ir.dim import symbol
from kexport.ir.types import DType, TensorType, split_top


@pytest.mark.parametrize("dtype", list(DType))
def test_every_element_type_has_its_numpy_type(dtype: DType):
    assert DType.of(dtype.numpy) is dtype
    assert DType.parse(str(dtype)) is dtype


def test_families():
    assert [d.value for d in DType if d.is_float] == ["f16", "bf16", "f32", "f64"]
    assert [d.value for d in DType if d.is_int] == ["i4", "i8", "i16", "i32", "i64", "u4", "u8", "u16", "u32", "u64"]


def test_where_only_numpy_is():
    code = """
import sys
sys.modules["ml_dtypes"] = None
import kexport.ops
from kexport.errors import GraphError
from kexport.ir.types import HALF, DType
assert len(HALF) == 1 and DType.of(DType.F32.numpy) is DType.F32 and DType.parse("bf16") is DType.BF16
try:
    DType.BF16.numpy
except GraphError as e:
    print(e)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "the element type bf16 needs the package ml_dtypes\n  hint: pip install ml_dtypes\n"


def test_unknown_element_types():
    with pytest.raises(GraphError, match="element type complex128 is not supported"):
        DType.of(np.complex128)
    with pytest.raises(GraphError, match="'f8' is not an element type"):
        DType.parse("f8")


@pytest.mark.parametrize("text", ["f32[]", "f32[batch,224,224,3]", "bool[2*n+1]", "i4[max(3,n),(n+1)//2]", "bf16[0]"])
def test_types_print_and_parse(text: str):
    assert str(TensorType.parse(text)) == text


def test_blanks_in_a_type_do_not_matter():
    assert TensorType.parse(" f32 [ n , 2 ] ") == TensorType(DType.F32, (symbol("n"), 2))


@pytest.mark.parametrize("text", ["f32", "f99[1]", "f32[1", "[1]", "f32[1]x"])
def test_text_that_is_no_type(text: str):
    with pytest.raises(GraphError, match="is not a tensor type"):
        TensorType.parse(text)


def test_questions():
    t = TensorType.parse("f32[n,2*n,3]")
    assert (t.rank, t.is_static, str(t.numel)) == (3, False, "6*n*n")
    assert str(t.bind({"n": 4})) == "f32[4,8,3]"
    assert t.bind({"n": 4}).numel == 96
    assert str(t.with_shape([1, 2])) == "f32[1,2]"
    assert str(t.with_dtype(DType.I8)) == "i8[n,2*n,3]"
    assert TensorType.of(np.zeros((2, 0), ml_dtypes.bfloat16)) == TensorType.parse("bf16[2,0]")


def test_split_top_keeps_brackets_together():
    assert split_top("a, max(b,c),[1,{2,3}],") == ["a", "max(b,c)", "[1,{2,3}]"]
    assert split_top("  ") == []
