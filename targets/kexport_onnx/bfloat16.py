"""Handles bfloat16 inputs and outputs, which are float32 in the file because numpy has no such arrays."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from kexport.ir.contract import Contract, Port
from kexport.ir.types import DType


def readable(contract: Contract) -> Contract:
    """The contract with float32 in the place of bfloat16."""
    inputs, outputs = (tuple(map(_readable, ports)) for ports in (contract.inputs, contract.outputs))
    return replace(contract, inputs=inputs, outputs=outputs)


def _readable(port: Port) -> Port:
    return Port(port.name, port.type.with_dtype(DType.F32)) if port.type.dtype is DType.BF16 else port


def restored(ports: Iterable[Port], names: frozenset[str]) -> tuple[Port, ...]:
    """Ports of a file with bfloat16 where they stand for that."""
    return tuple(
        Port(p.name, p.type.with_dtype(DType.BF16)) if p.name in names and p.type.dtype is DType.F32 else p
        for p in ports
    )


def named(kept: str | None) -> frozenset[str]:
    """Return the names that are bfloat16 in the contract that a file keeps as JSON."""
    try:
        contract: Any = json.loads(kept or "{}")
        ports = [*contract.get("inputs", ()), *contract.get("outputs", ())]
        return frozenset(p["name"] for p in ports if str(p["type"]).startswith(f"{DType.BF16}["))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return frozenset()
