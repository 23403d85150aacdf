"""Products of matrices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Array = np.ndarray


def linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    """x times the transpose of weight [O, I], plus bias."""
    product = x @ weight.T
    return product if bias is None else product + bias


def matmul(x: Array, y: Array, transpose_x: Array | bool = False, transpose_y: Array | bool = False) -> Array:
    """numpy's matmul, each side transposed in its last two axes if asked."""
    left = np.swapaxes(x, -1, -2) if transpose_x and x.ndim > 1 else x
    right = np.swapaxes(y, -1, -2) if transpose_y and y.ndim > 1 else y
    return np.matmul(left, right)


def einsum(values: Sequence[Array], equation: str) -> Array:
    """The sum of products an equation describes; sizes of 1 broadcast."""
    terms, result = equation.replace(" ", "").split("->")
    sizes: dict[str, int] = {}
    for term, value in zip(terms.split(","), values, strict=True):
        for letter, size in zip(term, value.shape, strict=True):
            sizes[letter] = max(sizes.get(letter, 1), size)
    grown = [
        np.broadcast_to(v, [sizes[letter] for letter in term]) for term, v in zip(terms.split(","), values, strict=True)
    ]
    return np.einsum(f"{terms}->{result}", *grown)


def scaled_dot_product_attention(query: Array, key: Array, value: Array, attn_mask: Array | None = None) -> Array:
    """softmax(query key^T / sqrt(E) + mask) value; a boolean mask says what takes part."""
    scores = query @ np.swapaxes(key, -1, -2) / np.sqrt(query.shape[-1]).astype(query.dtype)
    if attn_mask is not None:
        scores = np.where(attn_mask, scores, -np.inf) if attn_mask.dtype == np.bool_ else scores + attn_mask
    powers = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    return (powers / np.sum(powers, axis=-1, keepdims=True)) @ value


OPERATIONS: dict[str, Callable[..., Any]] = {
    "linear": linear,
    "matmul": matmul,
    "einsum": einsum,
    "scaled_dot_product_attention": scaled_dot_product_attention,
}
