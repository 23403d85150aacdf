"""What is wrong with calibration data, as its statistics show."""

from __future__ import annotations

from collections.abc import Iterator

from kexport.evidence.ranges import PIXELS, input_ranges
from kexport.ir.graph import Value
from kexport.quantize.audit.finding import Finding, Observed, listed, place
from kexport.quantize.statistics.value import ValueStatistics

FEW = 32
"""Samples below which ranges are guesses."""
NOT_SCALED = "not scaled"
"""The kind of a finding that is a guess."""
_DEAD_PART = 0.1
"""Part of the channels of a layer that are always 0 before it is said."""
_SCALED = 2.0
"""No picture of bytes is this dark throughout."""
_BYTES = 64.0
"""No numbers of a picture that were brought to [-1, 1] or standardized are this large."""
_AFAR = 10.0
"""Deviations, or how many times the deviation, that data is off the data that the model was adapted to."""


def few_samples(observed: Observed) -> Iterator[Finding]:
    """Fewer samples than ranges can rest on."""
    count = observed.statistics.samples
    if count < FEW:
        what = f"there {'is' if count == 1 else 'are'} {count} sample{'s' * (count != 1)} of calibration data: ranges "
        what += "will be too narrow for other data, which is clipped then"
        yield Finding("few samples", (), what, f"give {FEW} samples at least, better 100 to 500, of all kinds of data")


def inputs_off(observed: Observed) -> Iterator[Finding]:
    """Inputs that are constant, never above 0, or not what the model's own normalization expects."""
    expected = input_ranges(observed.graph)
    for value, found in observed.values():
        if value.producer is not None:
            continue
        if found.is_constant:
            what = f"input {value.name!r} is {found.low:g} in all calibration data"
            yield Finding("constant input", (value.name,), what, "give data as the model gets it in use")
        elif found.high <= 0:
            what = f"input {value.name!r} is never above 0: its calibration data lies in {_range(found)}"
            yield Finding("no positive input", (value.name,), what, "look at how the data is made: a sign, or a scale")
        elif value.name in expected and expected[value.name] == PIXELS:
            yield from _darkness(value, found)
        elif value.name in expected and expected[value.name].kind == "measured":
            yield from _distance(value, found, expected[value.name].mean, expected[value.name].deviation)
        else:
            yield from _brightness(value, found)


def _darkness(value: Value, found: ValueStatistics) -> Iterator[Finding]:
    if max(-found.low, found.high) <= _SCALED:
        what = f"input {value.name!r} has calibration data in {_range(found)}, and the model itself scales pixels of 0 "
        what += "to 255: they are scaled twice"
        hint = "give the pixels as they are, 0 to 255: do not divide by 255"
        yield Finding("scaled twice", (value.name,), what, hint)


def _brightness(value: Value, found: ValueStatistics) -> Iterator[Finding]:
    shape = value.type.shape
    if len(shape) == 4 and shape[-1] in (1, 3) and found.low >= 0 and _BYTES < found.high <= 255:
        what = f"input {value.name!r} has calibration data in {_range(found)}, as pixels are, and the model does not "
        what += "scale it: if it was trained on pixels in 0 to 1, all ranges are 255 times too wide"
        hint = "give the data as the model was trained on it: x / 255 if it was; for images pixels='0..1'"
        yield Finding(NOT_SCALED, (value.name,), what, hint)


def _distance(
    value: Value, found: ValueStatistics, mean: tuple[float, ...], deviation: tuple[float, ...]
) -> Iterator[Finding]:
    channels = found.channels
    means = channels.mean.tolist() if channels and len(mean) == len(channels.low) else [found.mean]
    centers, spreads = (mean, deviation) if len(means) == len(mean) else ([sum(mean) / len(mean)], [max(deviation)])
    far = [abs(m - c) / s for m, c, s in zip(means, centers, spreads, strict=False)]
    spread = max(found.mean_square - found.mean**2, 0.0) ** 0.5
    wanted = (sum(d * d for d in deviation) / len(deviation)) ** 0.5
    if max(far) > _AFAR or (len(mean) == 1 and not wanted / _AFAR <= spread <= wanted * _AFAR):
        what = f"input {value.name!r} has calibration data of mean {found.mean:.3g} and deviation {spread:.3g}, and "
        what += (
            f"the model's own normalization was adapted to mean {sum(mean) / len(mean):.3g} and deviation {wanted:.3g}"
        )
        yield Finding("not normalized", (value.name,), what, "give raw data, as the normalization layer was adapted to")


def dead_channels(observed: Observed) -> Iterator[Finding]:
    """Channels that are 0 whatever the data."""
    dead: dict[str, tuple[int, int]] = {}
    for value, found in observed.values():
        if found.channels is not None and len(found.channels.low) > 1:
            count = len(found.channels.dead)
            all_ = len(found.channels.low)
            if count >= max(_DEAD_PART * all_, 1):
                dead[place(value)] = max(dead.get(place(value), (0, 1)), (count, all_))
    if dead:
        layers = sorted(dead, key=lambda name: -dead[name][0] / dead[name][1])
        worst = dead[layers[0]]
        what = f"{worst[0]} of {worst[1]} channels of {layers[0]!r} are 0 on all calibration data"
        what += f"; so are many of {listed(layers[1:])}" if layers[1:] else ""
        hint = "if other data uses them, calibrate with it, or it is clipped; if none does, the model could be smaller"
        yield Finding("dead channels", tuple(layers), what, hint)


def constant_outputs(observed: Observed) -> Iterator[Finding]:
    """Outputs that are the same whatever the data."""
    found = dict(observed.values())
    for name, value in observed.graph.outputs:
        if value in found and found[value].is_constant:
            what = f"output {name!r} is {found[value].low:g} on all calibration data"
            hint = "look at the data: a scale, a mask or an order of axes may be wrong; or the model was not trained"
            yield Finding("constant output", (name,), what, hint)


def not_finite(observed: Observed) -> Iterator[Finding]:
    """Layers that compute NaN or infinities."""
    layers = [place(v) for v, s in observed.values() if s.nonfinite]
    if layers:
        what = f"layers {listed(layers)} compute NaN or infinities on calibration data"
        hint = "no integer stands for them: leave these layers in float32 by a recipe, or look at the data"
        yield Finding("not finite", tuple(dict.fromkeys(layers)), what, hint)


def _range(found: ValueStatistics) -> str:
    return f"[{found.low:.4g}, {found.high:.4g}]"
