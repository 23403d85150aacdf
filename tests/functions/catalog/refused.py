"""Functions that are refused, and those that no model can call: x, y float32[batch,4,6]."""

from __future__ import annotations

from tests.functions.item import Call

ALGEBRA = "this linear algebra on data has no form in the exported formats; compute it around the model"
SIZE = "the size of its result depends on the values of a tensor"

REFUSED: dict[str, tuple[Call, str]] = {
    "argpartition": (lambda k, x, y: k.argpartition(x[0, 0], 2), SIZE),
    "bincount": (lambda k, x, y: k.bincount(k.cast(x[:, 0] > 0, "int32"), minlength=9), "count with keras.ops.sum"),
    "ctc_decode": (lambda k, x, y: k.ctc_decode(x, k.cast(y[:, 0, 0] * 0 + 4, "int32"))[1], "CTC"),
    "eig": (lambda k, x, y: k.abs(k.eig(x[:, :, :4])[0]), ALGEBRA),
    "eigh": (lambda k, x, y: k.eigh(k.matmul(x, k.transpose(x, (0, 2, 1))))[0], ALGEBRA),
    "histogram": (lambda k, x, y: k.histogram(x[0, 0], bins=5, range=(-2.0, 2.0))[0], SIZE),
    "lstsq": (lambda k, x, y: k.lstsq(x[0], y[0]), ALGEBRA),
    "lu_factor": (lambda k, x, y: k.lu_factor(x[0, :, :4])[0], ALGEBRA),
    "matrix_rank": (lambda k, x, y: k.matrix_rank(x), ALGEBRA),
    "nonzero": (lambda k, x, y: k.nonzero(x)[0], SIZE),
    "pinv": (lambda k, x, y: k.pinv(x), ALGEBRA),
    "qr": (lambda k, x, y: k.qr(x)[0], ALGEBRA),
    "svd": (lambda k, x, y: k.svd(x)[1], ALGEBRA),
    "unique": (lambda k, x, y: k.unique(x), SIZE),
    "view": (lambda k, x, y: k.view(x, "int32"), "the bits of floats"),
}
"""With words of the reason."""

UNTRACEABLE: dict[str, tuple[Call, str]] = {
    "convert_to_numpy": (lambda k, x, y: x + k.convert_to_numpy(y), "numpy"),
    "kron": (lambda k, x, y: k.kron(x[0], y[0]), "cannot be interpreted as an integer"),
    "nanmedian": (lambda k, x, y: k.nanmedian(x, axis=1), "Dimension value must be integer"),
    "nanpercentile": (lambda k, x, y: k.nanpercentile(x, 30, axis=1), "Dimension value must be integer"),
    "nanquantile": (lambda k, x, y: k.nanquantile(x, 0.3, axis=1), "Dimension value must be integer"),
    "vectorize": (lambda k, x, y: k.vectorize(lambda t: t * 2 + 1)(x), "Not supported with `vectorize"),
}
"""With words of the error that `predict()` itself gives on TensorFlow."""
