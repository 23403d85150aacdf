"""Reductions, sorting, normalization and losses: x, y float32[batch,4,6]."""

from __future__ import annotations

import numpy as np

from tests.functions.item import Call

REDUCTIONS: dict[str, Call] = {
    **{name: (lambda k, x, y, name=name: getattr(k, name)(x, axis=1)) for name in (
        "amax", "amin", "argmax", "argmin", "argsort", "average", "count_nonzero", "cumprod", "cumsum", "diff",
        "logsumexp", "max", "mean", "median", "min", "nanargmax", "nanargmin", "nancumprod", "nancumsum", "nanmax",
        "nanmean", "nanmin", "nanprod", "nanstd", "nansum", "nanvar", "norm", "normalize", "prod", "ptp",
        "sort", "std", "sum", "var",
    )},
    "all": lambda k, x, y: k.all(x > -2, axis=1),
    "any": lambda k, x, y: k.any(x > 1, axis=1),
    "allclose": lambda k, x, y: k.allclose(x, x + 1e-9),
    "moments": lambda k, x, y: k.moments(x, axes=[1]),
    "percentile": lambda k, x, y: k.percentile(x, 30, axis=1),
    "quantile": lambda k, x, y: k.quantile(x, 0.3, axis=1),
    "top_k": lambda k, x, y: k.top_k(x, 3),
    "in_top_k": lambda k, x, y: k.in_top_k(k.argmax(y, axis=-1)[:, 0], x[:, 0], 3),
    "trapezoid": lambda k, x, y: k.trapezoid(x, axis=1),
    "searchsorted": lambda k, x, y: k.searchsorted(np.array([-1.0, 0.0, 1.0], "float32"), x[0, 0]),
    "digitize": lambda k, x, y: k.digitize(x, np.array([-1.0, 0.0, 1.0], "float32")),
    "logdet": lambda k, x, y: k.logdet(k.matmul(x, k.transpose(x, (0, 2, 1))) + k.eye(4)),
    "binary_crossentropy": lambda k, x, y: k.binary_crossentropy(k.sigmoid(x), k.sigmoid(y)),
    "categorical_crossentropy": lambda k, x, y: k.categorical_crossentropy(k.softmax(x), k.softmax(y)),
    "psnr": lambda k, x, y: k.psnr(x, y, 1.0),
    "batch_normalization": lambda k, x, y: k.batch_normalization(x, np.zeros(6, "f4"), np.ones(6, "f4"), -1),
    "layer_normalization": lambda k, x, y: k.layer_normalization(x),
    "rms_normalization": lambda k, x, y: k.rms_normalization(x),
    "is_tensor": lambda k, x, y: x * float(k.is_tensor(x)),
    "ctc_loss": lambda k, x, y: k.ctc_loss(
        k.cast(y[:, 0, :2] * 0 + 1, "int32"), x, *[k.cast(y[:, 0, 0] * 0 + 2, "int32")] * 2
    ),
}  # fmt: skip
