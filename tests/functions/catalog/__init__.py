"""The functions of keras.ops, by family; those that are refused; and those that no model can call, with the reason."""

from __future__ import annotations

from collections.abc import Mapping

from tests.capture.agree import TOLERANCE
from tests.functions.catalog.control import CONTROL
from tests.functions.catalog.elementwise import ELEMENTWISE
from tests.functions.catalog.images import IMAGES
from tests.functions.catalog.integers import INTEGERS
from tests.functions.catalog.layout import LAYOUT
from tests.functions.catalog.products import PRODUCTS
from tests.functions.catalog.reductions import REDUCTIONS
from tests.functions.catalog.refused import REFUSED, UNTRACEABLE
from tests.functions.catalog.signals import SIGNALS
from tests.functions.item import TOGETHER, Call, Family, Function
from tests.layers.item import Feed

NUMBERS = (Feed((4, 6)), Feed((4, 6)))
WHOLE = (Feed((4, 6), "int32", 0, 9), Feed((4, 6), "int32", 0, 9))
IMAGE = (Feed((8, 8, 3), low=0, high=1),)

FAMILIES: Mapping[str, Family] = {
    "elementwise": Family(NUMBERS, ELEMENTWISE),
    "integers": Family(WHOLE, INTEGERS),
    "reductions": Family(NUMBERS, REDUCTIONS),
    "layout": Family(NUMBERS, LAYOUT),
    "products": Family(NUMBERS, PRODUCTS),
    "control": Family(NUMBERS, CONTROL),
    "images": Family(IMAGE, IMAGES),
    "signals": Family(NUMBERS, SIGNALS),
}

FIXED = {
    "associative_scan",
    "bartlett",
    "corrcoef",
    "fold",
    "gcd",
    "image.elastic_transform",
    "isin",
    "lcm",
    "unfold",
    "unravel_index",
}
"""Functions that Keras cannot build for a batch of any size."""

TOLERANCES = {"cast": 1e-3}
"""Where the result is not float32."""


def _functions(family: str) -> list[Function]:
    feeds = FAMILIES[family].feeds
    calls = FAMILIES[family].calls
    numbers = dict.fromkeys((False, True), 0)
    found: list[Function] = []
    for name, call in calls.items():
        fixed = name in FIXED
        group = f"{family} {fixed} {numbers[fixed] // TOGETHER}"
        numbers[fixed] += 1
        found.append(Function(name, feeds, call, fixed, TOLERANCES.get(name, TOLERANCE), group))
    return sorted(found, key=lambda f: f.fixed)


def _refused(name: str, call: Call) -> Function:
    return Function(name, NUMBERS, call)


FUNCTIONS: Mapping[str, list[Function]] = {family: _functions(family) for family in FAMILIES}
CATALOG = {f.name: f for functions in FUNCTIONS.values() for f in functions}
LEFT_OUT = {name: (Function(name, NUMBERS, call, fixed=True), words) for name, (call, words) in UNTRACEABLE.items()}
REFUSALS = {name: (_refused(name, call), words) for name, (call, words) in REFUSED.items()}
