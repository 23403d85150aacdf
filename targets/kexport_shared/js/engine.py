"""Engines that answer requests: a Node process. (A browser is in `browser.py`.)"""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from kexport.errors import VerifyError
from kexport.ir.contract import Contract
from kexport.ir.op import Array
from kexport.lifeline import leashed
from kexport.target import Session
from kexport_shared.js.message import pack, unpack

HERE = Path(__file__).parent / "js"


class Engine(ABC):
    """An engine that loads models and runs them, one request at a time."""

    def ask(self, header: Mapping[str, Any], tensors: Mapping[str, Array]) -> dict[str, Array]:
        """The tensors of the answer.

        Raises:
            VerifyError: the engine reports an error, or has ended.
        """
        answer, found = unpack(self.exchange(pack(header, tensors)))
        if "error" in answer:
            raise VerifyError(answer["error"])
        return found

    @abstractmethod
    def exchange(self, message: bytes) -> bytes:
        """The answer to a message."""

    @abstractmethod
    def close(self) -> None:
        """End the engine."""


class NodeEngine(Engine):
    """A Node process that runs an engine module.

    Args:
        module: exports `start(packages, settings)`.
        packages: the folder with `node_modules`.
        settings: passed on.
    """

    def __init__(self, module: Path, packages: Path, settings: Mapping[str, Any]):
        node = shutil.which("node")
        if node is None:
            raise VerifyError("there is no node here", hint="install Node.js 18 or newer")
        command = [node, str(HERE / "node.mjs"), str(module), str(packages), json.dumps(dict(settings))]
        self._process = subprocess.Popen(leashed(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def exchange(self, message: bytes) -> bytes:
        stdin = self._process.stdin
        stdout = self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(struct.pack("<I", len(message)) + message)
            stdin.flush()
            (size,) = struct.unpack("<I", _read(stdout, 4))
            return _read(stdout, size)
        except (OSError, EOFError) as e:
            raise VerifyError(f"Node ended with exit code {self._process.wait()}") from e

    def close(self) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()


class EngineSession(Session):
    """A model in an engine. Element types that JavaScript lacks are cast on the way in and back on the way out.

    Args:
        engine: where it runs.
        path: how the engine finds the model.
        contract: the model's own names and types.
        stored: by the names of inputs, the element types that the artifact has.
    """

    def __init__(self, engine: Engine, path: str, contract: Contract, stored: Mapping[str, Any]):
        self._engine = engine
        self._contract = contract
        self._stored = stored
        engine.ask({"do": "load", "path": path}, {})

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        names = [p.name for p in self._contract.outputs]
        found = self._engine.ask({"do": "run", "outputs": names}, self._casts(inputs))
        return {p.name: found[p.name].astype(p.type.dtype.numpy) for p in self._contract.outputs}

    def _casts(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        return {p.name: np.asarray(inputs[p.name]).astype(self._stored[p.name]) for p in self._contract.inputs}


class TappedSession(EngineSession):
    """A model in an engine that gives inner tensors, by the names that the engine knows them by."""

    def __init__(self, *arguments: Any, tensors: Sequence[str]):
        super().__init__(*arguments)
        self._tensors = list(tensors)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        return self._engine.ask({"do": "run", "outputs": self._tensors}, self._casts(inputs))


def _read(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise EOFError
    return data
