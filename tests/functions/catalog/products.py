"""Products and linear algebra: x, y float32[batch,4,6]."""

from __future__ import annotations

from typing import Any

from tests.functions.item import Call

PRODUCTS: dict[str, Call] = {
    "cdist": lambda k, x, y: k.cdist(x, y),
    "corrcoef": lambda k, x, y: k.corrcoef(x[0]),
    "correlate": lambda k, x, y: k.correlate(x[0, 0], y[0, 0, :3]),
    "cross": lambda k, x, y: k.cross(x[..., :3], y[..., :3]),
    "dot": lambda k, x, y: k.dot(x, k.transpose(y[0])),
    "dot_product_attention": lambda k, x, y: k.dot_product_attention(*[k.reshape(t, (-1, 4, 2, 3)) for t in (x, y, y)]),
    "einsum": lambda k, x, y: k.einsum("bij,bkj->bik", x, y),
    "inner": lambda k, x, y: k.inner(x[0], y[0]),
    "matmul": lambda k, x, y: k.matmul(x, k.transpose(y, (0, 2, 1))),
    "outer": lambda k, x, y: k.outer(x[0, 0], y[0, 0]),
    "tensordot": lambda k, x, y: k.tensordot(x, k.transpose(y[0]), axes=1),
    "trace": lambda k, x, y: k.trace(x, axis1=1, axis2=2),
    "vander": lambda k, x, y: k.vander(x[0, 0], 3),
    "vdot": lambda k, x, y: k.vdot(x[0], y[0]),
    "det": lambda k, x, y: k.det(x[:, :, :4]),
    "slogdet": lambda k, x, y: k.slogdet(x[:, :, :4])[1],
    "inv": lambda k, x, y: k.inv(_definite(k, x)),
    "cholesky": lambda k, x, y: k.cholesky(_definite(k, x)),
    "cholesky_inverse": lambda k, x, y: k.cholesky_inverse(k.cholesky(_definite(k, x))),
    "jvp": lambda k, x, y: k.jvp(lambda t: k.sin(t) * t, (x,), (y,)),
    "solve": lambda k, x, y: k.solve(_definite(k, x), y),
    "solve_triangular": lambda k, x, y: k.solve_triangular(k.cholesky(_definite(k, x)), y, lower=True),
}


def _definite(k: Any, x: Any) -> Any:
    return k.matmul(x, k.transpose(x, (0, 2, 1))) + 2 * k.eye(4)
