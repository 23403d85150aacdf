"""Chooses the engines to keep waiting while a model is captured or a folder read."""

from __future__ import annotations

from collections.abc import Iterable

from kexport.engines.standby import Engine
from kexport.target import Target


def engines_of(targets: Iterable[Target], browser: bool = False) -> list[Engine]:
    """Return the installed engines that artifacts of these targets will run in, in that order."""
    return [
        Engine(target.name, runtime.name)
        for target in targets
        for runtime in target.runtimes()
        if (browser or not runtime.on_request) and runtime.version() is not None
    ]
