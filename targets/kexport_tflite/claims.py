"""Limits what a file claims to hold by its size: in a flatbuffer one table can be listed a million times.

Following the lists of such a file would take forever, or fill the memory.
"""

from __future__ import annotations

from typing import Any

from kexport.errors import EmitError

ENTRY = 4
"""Bytes of an entry of a list."""
SHARED = 4
"""The average number of times that a writer may list the same item."""
SLACK = 1 << 16
"""Bytes that a small file may claim beyond that."""


class Claims:
    """Counts what is listed."""

    def __init__(self, size: int):
        self._left = SHARED * size + SLACK

    def take(self, length: int, each: int = ENTRY) -> int:
        """Count a list, or a text; returns its length.

        Raises:
            EmitError: more is listed than the file has bytes for.
        """
        self._left -= max(0, length) * each
        if self._left < 0:
            raise EmitError("the model is damaged: it lists more than it holds")
        return length


def check_claims(model: Any, size: int) -> None:
    """Require that the lists of a file of `size` bytes fit into it.

    Raises:
        EmitError: they do not.
    """
    claims = Claims(size)
    claims.take(model.OperatorCodesLength())
    claims.take(model.BuffersLength())
    for i in range(claims.take(model.SubgraphsLength())):
        _check_subgraph(model.Subgraphs(i), claims)
    for i in range(claims.take(model.SignatureDefsLength())):
        signature = model.SignatureDefs(i)
        claims.take(len(signature.SignatureKey() or b""), 1)
        for length, get in ((signature.InputsLength, signature.Inputs), (signature.OutputsLength, signature.Outputs)):
            for j in range(claims.take(length())):
                claims.take(len(get(j).Name() or b""), 1)
    for i in range(claims.take(model.MetadataLength())):
        claims.take(len(model.Metadata(i).Name() or b""), 1)


def _check_subgraph(graph: Any, claims: Claims) -> None:
    claims.take(graph.InputsLength())
    claims.take(graph.OutputsLength())
    for i in range(claims.take(graph.TensorsLength())):
        tensor = graph.Tensors(i)
        claims.take(tensor.ShapeLength())
        claims.take(tensor.ShapeSignatureLength())
        claims.take(len(tensor.Name() or b""), 1)
    for i in range(claims.take(graph.OperatorsLength())):
        operator = graph.Operators(i)
        claims.take(operator.InputsLength())
        claims.take(operator.OutputsLength())
