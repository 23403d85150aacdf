"""Finishes an artifact that goes to a microcontroller: its sources, and what the tools there say of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kexport.errors import EmitError
from kexport.ir.contract import Contract
from kexport_tflite.micro.arena import Arena
from kexport_tflite.micro.c_array import require_fixed, write_c_array
from kexport_tflite.micro.vela import compile_for
from kexport_tflite.options import TfliteOptions


def finish(path: Path, contract: Contract, options: TfliteOptions) -> dict[str, Any]:
    """Facts of an artifact: the arena of TFLite Micro and Vela's report, where the options ask for them.

    Raises:
        ConfigError: a package is missing.
        EmitError: no microcontroller can run the artifact.
    """
    found: dict[str, Any] = {}
    notes: list[str] = []
    if options.c_array:
        require_fixed(contract)
        arena = _sources(path, contract)
        found["tflm"] = {"arena": arena.size, "version": arena.version}
        notes.append(f"TFLite Micro needs an arena of {arena.size:,} bytes")
    if options.vela:
        report = compile_for(path, options.vela)
        found["vela"] = report.to_json()
        notes.append(report.sentence)
    return found | ({"notes": notes} if notes else {})


def _sources(path: Path, contract: Contract) -> Arena:
    """Write the sources; where that fails and sizes are open, the hint is to fix them."""
    try:
        return write_c_array(path)
    except EmitError as e:
        if contract.symbols:
            sizes = " ".join(f"--dim {name}=1" for name in contract.symbols)
            e.hint = f"its sizes are open, which TFLite Micro may not take: {sizes}"
        raise
