"""Functions of integers: i, j int32[batch,4,6] from 0 to 8."""

from __future__ import annotations

import numpy as np

from tests.functions.item import Call

INTEGERS: dict[str, Call] = {
    **{
        name: (lambda k, i, j, name=name: getattr(k, name)(i, j))
        for name in (
            "bitwise_and",
            "bitwise_or",
            "bitwise_xor",
            "bitwise_left_shift",
            "bitwise_right_shift",
            "left_shift",
            "right_shift",
            "gcd",
            "lcm",
        )
    },
    "bitwise_not": lambda k, i, j: k.bitwise_not(i),
    "bitwise_invert": lambda k, i, j: k.bitwise_invert(i),
    "one_hot": lambda k, i, j: k.one_hot(i, 9),
    "multi_hot": lambda k, i, j: k.multi_hot(i, 9),
    "isin": lambda k, i, j: k.isin(i, [1, 5]),
    "unravel_index": lambda k, i, j: k.unravel_index(i, (3, 3)),
    "segment_sum": lambda k, i, j: k.segment_sum(k.reshape(i, (-1,))[:24], np.repeat(np.arange(4), 6), 4),
    "segment_max": lambda k, i, j: k.segment_max(k.reshape(i, (-1,))[:24], np.repeat(np.arange(4), 6), 4),
    "segment_min": lambda k, i, j: k.segment_min(k.reshape(i, (-1,))[:24], np.repeat(np.arange(4), 6), 4),
    "segment_prod": lambda k, i, j: k.segment_prod(k.reshape(i, (-1,))[:24], np.repeat(np.arange(4), 6), 4),
    "sparse_categorical_crossentropy": lambda k, i, j: k.sparse_categorical_crossentropy(
        i[:, :, 0] % 6, k.softmax(k.cast(j, "float32"))
    ),
}
