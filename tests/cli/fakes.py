"""Reports and targets with the attributes that the command line reads."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal

from kexport.ir.contract import Contract
from kexport.target import Options, pip_install


@dataclass(frozen=True)
class FakeArtifact:
    """Stands for kexport.workflows.ArtifactReport."""

    target: str
    path: str
    size: int
    status: str
    runtime: str = ""
    version: str = ""
    max_error: float | None = None
    snr: float | None = None
    argmax: float | None = None
    seconds: float = 0.25
    reason: str = ""


@dataclass(frozen=True)
class FakeReport:
    """Stands for kexport.workflows.ExportReport."""

    name: str
    contract: Contract
    artifacts: tuple[FakeArtifact, ...]
    notes: tuple[str, ...] = ("the batch is dynamic",)
    exit_code: int = 0

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "artifacts": [asdict(a) for a in self.artifacts]}


@dataclass(frozen=True)
class FakeRecorded:
    """Stands for kexport.workflows.recording.Recorded."""

    summary: str = "4 batches on jax gpu"

    def to_json(self) -> dict[str, Any]:
        return {"batches": 4}


@dataclass(frozen=True)
class FakeOptions(Options):
    """Options of every kind that the command line reads."""

    opset: int = field(default=24, metadata={"help": "operator set version"})
    layout: Literal["nhwc", "nchw"] = field(default="nchw", metadata={"help": "memory layout"})
    limit: float | None = field(default=None, metadata={"help": "bytes per file"})
    external: bool = field(default=False, metadata={"help": "weights in a file of their own"})
    note: str = ""


@dataclass(frozen=True)
class FakeRuntime:
    """Stands for a kexport.target.Runtime."""

    name: str
    extra: str
    installed: str | None
    simulated: bool = False

    @property
    def how_to_install(self) -> str:
        return pip_install(self.extra)

    def version(self) -> str | None:
        return self.installed


@dataclass(frozen=True)
class FakeTarget:
    """Stands for a kexport.target.Target."""

    name: str
    lacking: tuple[str, ...] = ()
    engines: tuple[FakeRuntime, ...] = ()
    title: str = "A format"
    suffix: str = ".fake"
    options: ClassVar[type[Options]] = FakeOptions

    @property
    def extra(self) -> str:
        return self.name

    def missing(self) -> list[str]:
        return list(self.lacking)

    def runtimes(self) -> tuple[FakeRuntime, ...]:
        return self.engines
