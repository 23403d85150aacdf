"""Budgets: what a quantized model may lose at most, and how large it may be, as a person writes it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kexport.errors import ConfigError
from kexport.names import suggest
from kexport.quantize.mixed.loss import Loss

_TERM = re.compile(r"\s*(\w+)\s*(>=|<=|=>|=<|≥|≤|==|=|>|<)\s*([-+.\d]+)\s*(%|dB)?\s*", re.IGNORECASE)
_SIGNS = {"agreement": ">=", "snr": ">=", "size": "<="}
"""What a budget can be about, and the sign that makes sense for it."""
_EXAMPLE = 'write for example "agreement>=99.5%, size<=30%" or "snr>=30dB"'


@dataclass(frozen=True)
class Budget:
    """The least agreement (0 to 1) and SNR (dB), and the greatest size (a part of the float size); None is any."""

    agreement: float | None = None
    snr: float | None = None
    size: float | None = None

    @staticmethod
    def parse(text: str) -> Budget:
        """Read `agreement>=99.5%, size<=30%`.

        Raises:
            ConfigError: a term that makes no sense, says the same thing twice, or asks for what cannot be.
        """
        found: dict[str, float] = {}
        for term in filter(str.strip, text.split(",")):
            name, value = _term(term)
            if name in found:
                raise ConfigError(f"the budget has {name!r} twice", hint=_EXAMPLE)
            found[name] = value
        if not found:
            raise ConfigError("the budget is empty", hint=_EXAMPLE)
        return Budget(**found)

    def allows(self, loss: Loss) -> bool:
        """Whether a loss is within it; its size does not count."""
        agrees = self.agreement is None or (loss.agreement is not None and loss.agreement >= self.agreement)
        return agrees and (self.snr is None or loss.snr >= self.snr)

    def holds(self, size: float) -> bool:
        """Whether a size, a part of the float size, is within it."""
        return self.size is None or size <= self.size

    def __str__(self) -> str:
        terms = [f"agreement>={100 * self.agreement:g}%"] if self.agreement is not None else []
        terms += [f"snr>={self.snr:g}dB"] if self.snr is not None else []
        terms += [f"size<={100 * self.size:g}%"] if self.size is not None else []
        return ", ".join(terms)


def _term(term: str) -> tuple[str, float]:
    match = _TERM.fullmatch(term)
    if not match:
        raise ConfigError(f"{term.strip()!r} is no term of a budget", hint=_EXAMPLE)
    name = match[1].lower()
    sign = match[2]
    number = match[3]
    unit = (match[4] or "").lower()
    if name not in _SIGNS:
        hint = f"{suggest(name, _SIGNS, 'terms')}; {_EXAMPLE}"
        raise ConfigError(f"a budget cannot be about {match[1]!r}", hint=hint)
    if {"=>": ">=", "≥": ">=", ">": ">=", "=<": "<=", "≤": "<=", "<": "<="}.get(sign, sign) != _SIGNS[name]:
        raise ConfigError(f"{term.strip()!r} makes no sense: write {name}{_SIGNS[name]}{number}{unit}", hint=_EXAMPLE)
    return name, _number(name, number, unit, term.strip())


def _number(name: str, number: str, unit: str, term: str) -> float:
    try:
        value = float(number)
    except ValueError:
        raise ConfigError(f"{term!r} has no number", hint=_EXAMPLE) from None
    if name == "snr":
        if unit == "%" or not 0 < value <= 200:
            raise ConfigError(f"{term!r}: an SNR is 0 to 200 dB", hint=_EXAMPLE)
        return value
    value = value / 100 if unit == "%" else value
    if unit == "db" or not 0 < value <= 1:
        raise ConfigError(f"{term!r}: {name} is a part of all, above 0% and at most 100%", hint=_EXAMPLE)
    return value
