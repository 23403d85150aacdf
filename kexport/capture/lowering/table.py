"""The tables of lowering functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from kexport.capture.lowering.context import Context, Found
from kexport.ir.graph import Value
from kexport.ir.op import Op

Result = Found | tuple[Found, ...]
LowerOp = Callable[..., Result]
"""`(ctx, op, *operands) -> results`; `op` is the TensorFlow op, for its attributes."""
LowerFrame = Callable[..., Result]
"""`(ctx, **arguments) -> results`; for a layer `(ctx, layer, *args, **kwargs)`. Raises NotLowered to pass."""
F = TypeVar("F", bound=Callable[..., Any])


class Table:
    """Lowering functions by TensorFlow op type and by frame label."""

    def __init__(self) -> None:
        self.ops: dict[str, LowerOp] = {}
        self.frames: dict[str, LowerFrame] = {}

    def op(self, *types: str) -> Callable[[F], F]:
        """Decorator: register a function for TensorFlow op types."""
        return self._decorator(self.ops, types)

    def frame(self, *labels: str) -> Callable[[F], F]:
        """Decorator: register a function for frame labels."""
        return self._decorator(self.frames, labels)

    def one_to_one(self, classes: dict[str, type[Op]]) -> None:
        """Register TensorFlow op types that map to one op without attributes on the same operands."""
        for type, cls in classes.items():
            self._enter(self.ops, type, _simple(cls))

    def _decorator(self, table: dict[str, Any], keys: tuple[str, ...]) -> Callable[[Any], Any]:
        def enter(function: Any) -> Any:
            for key in keys:
                self._enter(table, key, function)
            return function

        return enter

    @staticmethod
    def _enter(table: dict[str, Any], key: str, function: Any) -> None:
        assert key not in table, f"two lowerings for {key}"
        table[key] = function


def merge(tables: Iterable[Table]) -> Table:
    """All entries of several tables."""
    merged = Table()
    for table in tables:
        for key, function in table.ops.items():
            merged._enter(merged.ops, key, function)
        for key, function in table.frames.items():
            merged._enter(merged.frames, key, function)
    return merged


def _simple(cls: type[Op]) -> LowerOp:
    def lower(ctx: Context, op: Any, *operands: Value) -> Value:
        return ctx.emit(cls(), *operands)

    return lower
