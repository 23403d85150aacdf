"""Resizing of images, as `tf.image.resize` does it: half-pixel centres."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kexport.ir.dim import Dim
from kexport.ir.op import Array, Op
from kexport.ir.traits import Keeps, Traits, Work
from kexport.ir.types import TensorType
from kexport.ops import check, resample
from kexport.ops.arrays import compute
from kexport.ops.layout import ints


@dataclass(frozen=True)
class Resize(Op):
    """x[N, H, W, C] sampled at `size` (height, width): output i lies at (i + 0.5) * in/out - 0.5 of the input.

    nearest takes element floor((i + 0.5) * in/out); bilinear, bicubic (Keys, a = -0.5), lanczos3 and lanczos5 weigh the
    neighbours that lie inside the image. With antialias the kernel is widened by in/out where that is more than 1.
    """

    traits = Traits(Work.ROUNDS, spatial=True)
    size: tuple[Dim, Dim]
    method: str = "nearest"
    antialias: bool = False

    def facts(self) -> Traits:
        match self.method:
            case "nearest":
                return replace(self.traits, work=Work.MOVES, keeps=Keeps.VALUES)
            case "bilinear":
                return replace(self.traits, keeps=Keeps.RANGE)
            case _:
                return self.traits

    def infer(self, x: TensorType) -> TensorType:
        check.rank(x, 4, "x")
        check.one_of(self.method, resample.METHODS, "method")
        check.kind("any" if self.method == "nearest" else "floating-point", x)
        check.length(self.size, 2, "size")
        check.at_least(1, self.size, "size")
        return x.with_shape((x.shape[0], *self.size, x.shape[-1]))

    def evaluate(self, x: Array) -> Array:
        return compute(self.formula, x)

    def formula(self, x: Array) -> Array:
        """The resized image in numpy."""
        height, width = ints(self.size)
        return resample.resize(x, (height, width), self.method, self.antialias)
