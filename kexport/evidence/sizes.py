"""Chooses sizes for the dynamic dims of a contract: two for each, unless the model takes one only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from kexport.errors import ConfigError, KexportError, VerifyError
from kexport.ir.contract import Contract
from kexport.ir.dim import UndecidableDim, is_symbol
from kexport.names import suggest
from kexport.target import Span

Sizes = dict[str, int]
Hint = int | Sequence[int]
Accepts = Callable[[Sizes], object]
"""Tries sizes; raises an exception of any kind if the model rejects them."""

BATCH_SIZES = (1, 3)
MANY = 64
LONGER = 4
"""Samples of a second batch that costs little, a quarter of them where other dims are `LONGER` times as long instead.
Branches that one value in a thousand takes (the end of a hard sigmoid, a cap of 6), or that only long series reach, are
otherwise seen by no batch, and faults in them by no one."""
DRAWN = (4, 96)
"""The range of the batch size drawn by the model's fingerprint."""
LITTLE = 1 << 20
"""The total number of elements of a graph's values up to which a batch is cheap."""
LADDER = (
    (5, 2), (8, 3), (16, 4), (32, 32), (64, 32),
    (12, 0), (18, 0), (32, 0), (64, 0), (96, 0), (128, 0), (224, 0), (256, 0), (512, 0), (1024, 0), (1536, 0),
    (3072, 0), (6144, 0), (12288, 0), (24576, 0), (49152, 0),
)  # fmt: skip
"""Sizes to try, in order, as (first symbol's, step from symbol to symbol). Distinct sizes find swapped symbols,
multiples of 32 suit nets that halve five times, equal sizes inputs that must agree under different symbols, and long
ones what begins with a wide window over sound or cuts thousands of elements off a sequence. Sizes of which a graph
makes nothing are refused by its shapes, before anything is computed."""

OWN = "inputs that it takes, and no others (--inputs FILE --only-inputs)"
"""The hint for a model that no generated input suits."""


@dataclass(frozen=True)
class SizePlan:
    """The chosen sizes, each with a value for every symbol; `single` names the symbols that got one size only."""

    choices: tuple[Sizes, ...]
    single: tuple[str, ...] = ()


def choose_sizes(
    contract: Contract, accepts: Accepts | None = None, hints: Mapping[str, Hint] | None = None
) -> SizePlan:
    """Choose two sizes for every symbol of the inputs; 1 and 3 for the batch.

    Args:
        contract: its inputs' symbols get sizes.
        accepts: tries sizes on the model; if it raises, the next ones of a fixed list are tried.
        hints: by symbol, the least size, or the only sizes to use.

    Raises:
        ConfigError: a hint for a symbol that is not there, or a size below 1.
        VerifyError: the model rejects all of the sizes.
    """
    hints = _checked(contract, hints or {})
    search = _Search(contract, accepts or (lambda sizes: None), hints)
    first = search.first(search.rungs(0))
    if first is None:
        names = ", ".join(contract.symbols)
        failure = _in_short(search.failure)
        if not names:
            raise VerifyError(
                f"the model fails on generated inputs: {failure}",
                hint=f"give {OWN}",
            )
        raise VerifyError(
            f"the model takes none of the sizes tried for {names}; the last failure was: {failure}",
            hint=f"fix a size that it takes (--dim {contract.symbols[-1]}=N), or give {OWN}",
        )
    choices = [first, *search.others(first)]
    single = tuple(s for s in contract.symbols if len({c[s] for c in choices}) == 1)
    return SizePlan(tuple(choices), single)


def sizes_within(span: Span) -> list[int]:
    """Return sizes to try for a dim of an artifact that takes these only."""
    if span.few:
        return list(span.few)
    tried = [*BATCH_SIZES, *(start for start, _ in LADDER), span.low, span.high]
    return list(dict.fromkeys(size for size in tried if size in span))


def enlarged(plan: SizePlan, contract: Contract, cost: Callable[[Sizes], int], accepts: Accepts) -> SizePlan:
    """Replace the last sizes of the plan by large ones, if their `cost` is small and the model takes them."""
    batch = batch_symbols(contract)
    last = plan.choices[-1]
    if not batch or any(last[s] != BATCH_SIZES[1] for s in batch):
        return plan
    search = _Search(contract, accepts, {})
    longer = {s: n * LONGER for s, n in last.items() if s not in batch}
    for more in ([longer | dict.fromkeys(batch, MANY // LONGER)] if longer else []) + [dict.fromkeys(batch, MANY)]:
        sizes = last | more
        if _costs_little(sizes, cost) and search.takes(sizes):
            return SizePlan((*plan.choices[:-1], sizes), plan.single)
    return plan


def smaller(plan: SizePlan, contract: Contract) -> SizePlan:
    """Return the plan with a second batch of two samples, for models that cost much."""
    batch = batch_symbols(contract)
    few = [c | {s: 2 for s in batch if c[s] == BATCH_SIZES[1]} for c in plan.choices]
    return SizePlan(tuple(few), plan.single)


def drawn(plan: SizePlan, contract: Contract, number: int, most: Callable[[Sizes], int]) -> Sizes | None:
    """Return the first sizes of a plan with a batch size that cannot be guessed; None if that would cost too much.

    A fault that shows only in batches of 32, say, is then seen in some of all exported models.

    Args:
        plan: the chosen sizes.
        contract: with dims that stand for the batch.
        number: any number, by which the size is chosen from `DRAWN`.
        most: how many samples are affordable, told from the sizes of one.
    """
    batch = [s for s in batch_symbols(contract) if s not in plan.single]
    if not batch:
        return None
    one = plan.choices[0] | dict.fromkeys(batch, 1)
    high = min(DRAWN[1], most(one))
    if high < DRAWN[0]:
        return None
    return one | dict.fromkeys(batch, DRAWN[0] + number % (high - DRAWN[0] + 1))


def _costs_little(sizes: Sizes, cost: Callable[[Sizes], int]) -> bool:
    try:
        return cost(sizes) <= LITTLE
    except (KexportError, UndecidableDim):  # the graph is invalid at these sizes
        return False


def batch_symbols(contract: Contract) -> tuple[str, ...]:
    """Return the symbols that are the whole first dim of an input."""
    leading = [p.type.shape[0] for p in contract.inputs if p.type.rank]
    return tuple(dict.fromkeys(str(d) for d in leading if is_symbol(d)))


class _Search:
    """Tries sizes in order and remembers why the last was refused."""

    def __init__(self, contract: Contract, accepts: Accepts, hints: Mapping[str, Hint]):
        self.symbols = contract.symbols
        self.batch = batch_symbols(contract)
        self.accepts = accepts
        self.hints = hints
        self.failure: Exception | None = None
        self.tried: dict[tuple[int, ...], bool] = {}

    def size(self, symbol: str, turn: int, rung: int) -> int:
        """Return the size of a symbol on a rung; that of a batch symbol depends on the turn alone."""
        hint = self.hints.get(symbol, 1)
        is_batch = symbol in self.batch
        if not isinstance(hint, int):
            return hint[(turn if is_batch else rung) % len(hint)]
        inner = [s for s in self.symbols if s not in self.batch]
        start, step = LADDER[rung]
        size = BATCH_SIZES[turn] if is_batch else start + step * inner.index(symbol)
        return size if size >= hint else hint + size - 1

    def rungs(self, turn: int) -> list[Sizes]:
        return [{s: self.size(s, turn, i) for s in self.symbols} for i in range(len(LADDER))]

    def first(self, candidates: Iterable[Sizes]) -> Sizes | None:
        """Return the first candidate that the model takes."""
        return next((c for c in candidates if self.takes(c)), None)

    def others(self, first: Sizes) -> list[Sizes]:
        """Find sizes that differ from the first in every symbol, or else in as many as the model allows.

        In the second case the batch, all other symbols together, and each of them alone are varied in turn.
        """
        free = [s for s in self.symbols if self._varies(s)]
        second = self._varied(first, free) if free else None
        if second or not free:
            return [second] if second else []
        found: list[Sizes] = []
        inner = [s for s in free if s not in self.batch]
        for group in ([s for s in free if s in self.batch], inner, *([s] for s in inner)):
            known = {s for s in group if any(c[s] != first[s] for c in found)}
            other = self._varied(first, group) if group and not known else None
            found += [other] if other else []
        return found

    def _varied(self, first: Sizes, group: Sequence[str]) -> Sizes | None:
        """Find sizes that differ in every symbol of a group and nowhere else."""
        candidates = (first | {s: r[s] for s in group} for r in self.rungs(1))
        return self.first(c for c in candidates if all(c[s] != first[s] for s in group))

    def _varies(self, symbol: str) -> bool:
        hint = self.hints.get(symbol, 1)
        return isinstance(hint, int) or len(set(hint)) > 1

    def takes(self, sizes: Sizes) -> bool:
        key = tuple(sizes.values())
        if key not in self.tried:
            try:
                self.accepts(dict(sizes))
                self.tried[key] = True
            except Exception as e:  # noqa: BLE001  whatever a model raises means that it does not take the size
                self.failure = e
                self.tried[key] = False
        return self.tried[key]


def _in_short(failure: Exception | None) -> str:
    """Shorten an engine's message to its last lines, without the place where a node was defined."""
    lines = [line for line in str(failure).splitlines() if line.strip()]
    nodes = [i for i, line in enumerate(lines) if "[[{{node" in line]
    return lines[nodes[0] - 1].strip() if nodes and nodes[0] else str(failure)


def _checked(contract: Contract, hints: Mapping[str, Hint]) -> Mapping[str, Hint]:
    for name, hint in hints.items():
        if name not in contract.symbols:
            known = suggest(name, contract.symbols, "dynamic dimensions")
            raise ConfigError(f"the inputs have no dynamic dimension {name!r}", hint=known)
        values = [hint] if isinstance(hint, int) else list(hint)
        if not values or min(values) < 1:
            raise ConfigError(f"sizes of the dynamic dimension {name!r} must be 1 or more, got {hint}")
    return hints
