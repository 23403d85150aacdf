"""What a target is: emitters, a legalizer, a writer and runtimes; found through entry points, never by name."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol

from kexport.errors import ConfigError, NotApplicable, Unsupported, UnsupportedError
from kexport.ir.contract import Contract
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Array, Op, OpT
from kexport.ir.types import DType
from kexport.names import suggest
from kexport.paths import all_files
from kexport.rewrite import Log, Rule

GROUP = "kexport.targets"
"""The entry-point group; each entry loads to an instance of `Target`."""

NO_TEXT = (
    "it works on text, which this format has no operations for; cut it off the model and do its work in the program "
    "around it: `kexport vocabulary` writes its words and settings"
)
"""Why a format without text refuses a node, an input or an output."""

Emitter = Callable[[Any, Any, Node], None]
"""Called as `emit(context, op, node)`; the op is the node's own, or the one inside it."""


class EmitterTable:
    """Which ops a target emits, and why it can't emit others. The keys are the target's support list."""

    def __init__(self) -> None:
        self.emitters: dict[type[Op], Emitter] = {}
        self.reasons: dict[type[Op], str] = {}

    def __call__(self, *ops: type[OpT]) -> Callable[[Callable[[Any, OpT, Node], None]], Emitter]:
        """Decorator: this function, called as `emit(context, op, node)`, emits these ops."""

        def register(emitter: Callable[[Any, OpT, Node], None]) -> Emitter:
            self.emitters.update(dict.fromkeys(ops, emitter))
            return emitter

        return register

    def emit(self, context: Any, node: Node) -> None:
        """Emit a node of a graph that has been checked."""
        self.emitters[type(node.op)](context, node.op, node)

    def unsupported(self, reason: str, *ops: type[Op]) -> None:
        """State why these ops have no emitter and no decomposition."""
        self.reasons.update(dict.fromkeys(ops, reason))

    def check(self, graph: Graph) -> None:
        """Raise one UnsupportedError that lists every node without an emitter, by layer path."""
        missing = [
            Unsupported(node.origin, node.op.name, self.reasons.get(type(node.op), "no emitter"))
            for node in all_nodes(graph)
            if type(node.op) not in self.emitters
        ]
        if missing:
            raise UnsupportedError(missing)


def all_nodes(graph: Graph) -> Iterable[Node]:
    """The nodes of a graph and of the bodies inside it."""
    for node in graph.nodes:
        yield node
        for body in node.bodies:
            yield from all_nodes(body)


def text_items(graph: Graph) -> list[Unsupported]:
    """The first node with text of each layer, or if there is none the inputs and outputs, for a format without text."""
    nodes = [(n.origin, n.op.name, (*n.inputs, *n.outputs)) for n in all_nodes(graph)]
    ends = [*((v.name, "input", v) for v in graph.inputs), *((o.name, "output", o.value) for o in graph.outputs)]
    found = [Unsupported(where, what, NO_TEXT) for where, what, values in nodes if _has_text(*values)]
    found = found or [Unsupported(where, what, NO_TEXT) for where, what, value in ends if _has_text(value)]
    first: dict[str, Unsupported] = {}
    for item in found:
        first.setdefault(item.where, item)
    return list(first.values())


def _has_text(*values: Value) -> bool:
    return any(v.type.dtype is DType.STRING for v in values)


@dataclass(frozen=True)
class Span:
    """The sizes that a dynamic dim of an artifact may have: from `low` to `high`, or `few` of them."""

    low: int
    high: int
    few: tuple[int, ...] = ()

    def __contains__(self, size: object) -> bool:
        return size in self.few if self.few else isinstance(size, int) and self.low <= size <= self.high

    @property
    def fixed(self) -> int | None:
        """The only size."""
        return self.low if self.low == self.high else None


class Session(ABC):
    """An artifact loaded in a runtime."""

    @property
    def note(self) -> str:
        """What there is to say of the runs so far, beside their results."""
        return ""

    @abstractmethod
    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by public name for inputs by public name."""


@dataclass(frozen=True)
class Page:
    """An engine in a web page, which whoever checks may serve to any browser."""

    version: str
    """Of the engine."""
    folders: Mapping[str, Path]
    """What is served, by the path below the page's own folder: `js/`."""
    address: str
    """The page in one of them, with its query. Beside the folders it reads from `request` and posts to `answer`."""


class Visitor(Protocol):
    """A browser that has opened a `Page`. Its first answer is what the engine says about itself."""

    @property
    def about(self) -> Mapping[str, Any]:
        """What the engine says about itself."""
        ...

    def mount(self, folder: Path) -> str:
        """Serve another folder; returns its path for the page."""
        ...

    def exchange(self, message: bytes) -> bytes:
        """The page's answer to a message."""
        ...


def pip_install(*extras: str) -> str:
    """The command that installs extras of kexport."""
    return f"pip install 'kexport[{','.join(extras)}]'"


class Runtime(ABC):
    """An engine that executes artifacts. Instances are cheap; the engine is imported in `load` only."""

    name: ClassVar[str]
    """Unique in its target, such as `onnxruntime-cpu`."""
    extra: ClassVar[str]
    """The extra of the kexport package that installs it."""
    package: ClassVar[str] = ""
    """The package that pip installs it alone by, where there is no kexport; empty if pip cannot."""
    device: ClassVar[str] = "cpu"
    budget: ClassVar[float] = 0.0
    """Extra error the engine itself is allowed, relative to the output's range (0 for exact float32 engines)."""

    precision: ClassVar[str] = "float32"
    """What the engine computes in, whatever the artifact says: `float16` on GPUs that have nothing more."""
    saturates: ClassVar[bool] = False
    """Whether its arithmetic stops at the greatest finite number where it should become infinite."""
    on_request: ClassVar[bool] = False
    """Whether it runs only when the user asks for it, as browsers do with `--browser`."""
    starts_anew: ClassVar[bool] = False
    """Whether loading starts a process of the engine's own, as of Node or a browser: it cannot be timed alone."""
    max_threads: ClassVar[int | None] = None
    """How many threads it can use; None for any number."""
    engine: ClassVar[str] = ""
    """The module that `load` imports. Processes that wait for an artifact import it ahead of time."""
    simulated: ClassVar[bool] = False
    """Whether it only computes what the format means, without the format's real engine."""

    @property
    def how_to_install(self) -> str:
        """The command that installs it, or what is in the way."""
        return pip_install(self.extra)

    @abstractmethod
    def version(self) -> str | None:
        """The installed version, None when it is missing. Must not import the engine."""

    def volunteers(self, path: Path) -> bool:
        """Whether it runs an artifact that nobody asked it to run. Must not import the engine, nor raise."""
        return not self.on_request

    @abstractmethod
    def load(self, path: Path, threads: int = 1) -> Session:
        """Load an artifact. Called in a process of its own."""

    def tap(self, path: Path, tensors: Sequence[str], threads: int = 1) -> Session:
        """Load an artifact so that `run` gives inner tensors, by their names in the artifact, instead of its outputs.

        Those that the artifact does not have are left out. Integers that stand for real numbers come as those numbers.

        Raises:
            NotApplicable: this engine does not show inner values.
        """
        raise NotApplicable(f"{self.name} does not show inner values")

    def profile(self, path: Path, inputs: Mapping[str, Array], runs: int, threads: int = 1) -> Mapping[str, float]:
        """Seconds per run by layer, the mean of so many runs, as the engine itself measures; `""` is the rest of a run.

        Raises:
            NotApplicable: this engine does not tell.
        """
        raise NotApplicable(f"{self.name} does not tell the time of a layer")

    def page(self, threads: int = 1) -> Page | None:
        """The page that any browser can run this engine in; None if it needs no browser, or is not installed."""
        return None

    def visit(self, path: Path, visitor: Visitor) -> Session:
        """Load an artifact in the page that a browser has opened.

        Raises:
            NotApplicable: it cannot be run there, for a reason of the engine's own.
        """
        raise NotApplicable(f"{self.name} does not run in a page")


class Held(NamedTuple):
    """What a format holds where a recipe asks for a scheme of quantization; see `kexport.quantize.recipes.scheme`."""

    scheme: str
    """The scheme that it gets."""
    because: str = ""
    """Why that is another one than was asked for, a clause about the format."""
    ops: tuple[str, ...] = ()
    """The only ops that get it; none where all do. Others get `rest`."""
    rest: str = "float32"


UNHELD = Held("float32", "the format has nothing like it")


@dataclass(frozen=True)
class Options:
    """Base of a target's options: a frozen dataclass whose fields carry `metadata={"help": ...}`."""


class Target(ABC):
    """One artifact format."""

    name: ClassVar[str]
    title: ClassVar[str]
    suffix: ClassVar[str]
    """Ending of the artifact, a file or a folder: `.onnx`."""
    extra: ClassVar[str]
    """The extra of the kexport package that emission needs."""
    unread: ClassVar[tuple[str, ...]] = ()
    """Endings of files beside an artifact that no engine reads, and that are not of its size: sources made from it."""
    options: ClassVar[type[Options]] = Options
    emitters: ClassVar[EmitterTable]
    computes_in_integers: ClassVar[bool] = False
    """Whether artifacts compute in integers what stands between `dequantize` and `quantize`; others compute the same in
    floats."""
    rules: ClassVar[tuple[Rule, ...]] = ()
    """What `legalize` runs, for some options or other: an op without an emitter that a rule names is had in parts."""

    schemes: ClassVar[Mapping[str, Held]] = {}
    """What the format holds of each scheme of quantization; schemes that are left out stay in float32."""

    @abstractmethod
    def missing(self) -> list[str]:
        """The Python packages that emission needs and that are not installed."""

    @abstractmethod
    def legalize(self, graph: Graph, options: Any, log: Log | None = None) -> None:
        """Bring an optimized graph, in place, to ops and forms this target emits; `log` gets what rules did."""

    def adapt(self, graph: Graph, options: Any, measure: Callable[[], Mapping[Value, float]]) -> Any:
        """Options that suit a legalized graph and the data it is verified on.

        `measure` runs the graph on the reference's batches and gives the greatest finite magnitude of each value
        outside of bodies. It is not called for formats that hold whatever float32 does.
        """
        return options

    def spans(self, contract: Contract, options: Mapping[str, Any]) -> Mapping[str, Span]:
        """The sizes that an artifact takes, by dynamic dim; those left out may be anything.

        A dim of one size is fixed in the artifact's own contract. `options` are in the form in which a manifest has
        them.
        """
        return {}

    def holds(self, scheme: str, op: str, options: Any) -> Held:
        """What an op gets in this format where a recipe asks for a scheme; `because` is empty if it gets just that."""
        if scheme == UNHELD.scheme:
            return Held(scheme)
        found = self.schemes.get(scheme, UNHELD)
        got = found.rest if found.ops and op not in found.ops else found.scheme
        return Held(got, found.because if got != scheme else "")

    def remarks(self, graph: Graph, options: Any) -> Sequence[str]:
        """What a user should know of the artifact of a legalized graph beside its verdict, a sentence each."""
        return ()

    @abstractmethod
    def write(self, graph: Graph, contract: Contract, path: Path, options: Any) -> None:
        """Emit a legalized graph to `path`, a new file or folder in a staging folder.

        Files beside `path` whose names begin with its stem (external weights) belong to the artifact.
        """

    def tensors(self, graph: Graph, contract: Contract, options: Any) -> dict[Value, str]:
        """Which tensor of the artifact holds each value of a legalized graph, by the name that `Runtime.tap` takes.

        Values that the artifact does not hold are left out, as are constants. The arguments are those of `write`.
        """
        return {}

    def parts(self, path: Path) -> list[Path]:
        """The files that an engine reads when it loads an artifact. All of them have to be in a manifest.

        Raises:
            EmitError: the artifact names a file outside of its folder.
        """
        return all_files(path)

    @abstractmethod
    def validate(self, path: Path) -> None:
        """Run the format's own checker; `kexport.reading` is how others call it. Raises EmitError."""

    @abstractmethod
    def read_contract(self, path: Path) -> Contract:
        """Names, order, dtypes and dims read back from an artifact; -1 dims come as symbols.

        `kexport.reading` is how others call it.
        """

    def facts(self, path: Path) -> Mapping[str, Any]:
        """What an artifact says of itself beside its contract, for manifest and output; plain values by name.

        `runs_in` is a sentence for the user: the engines that it needs, such as "ONNX Runtime 1.14 or newer".
        """
        return {}

    def finish(self, path: Path, options: Any) -> Mapping[str, Any]:
        """Do what the options ask for beside a new, valid artifact: write sources made from it, ask tools about it.

        Files are as in `write`. What the tools say is kept with the artifact's facts, as plain values by name, of which
        `notes` are sentences for the user.
        """
        return {}

    @abstractmethod
    def runtimes(self) -> Sequence[Runtime]:
        """The engines that can run this format here or elsewhere."""

    def install(self) -> str:
        """Install what pip cannot bring; returns where. For `kexport doctor --install`.

        Raises:
            ConfigError: there is nothing of the kind, or it cannot be installed.
        """
        raise ConfigError(f"{self.name} needs nothing but packages", hint=pip_install(self.extra))


@cache
def targets() -> dict[str, Target]:
    """All installed targets by name. One that cannot be loaded is left out, with a warning."""
    found: dict[str, Target] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda e: e.name):
        try:
            found[entry.name] = entry.load()
        except Exception as e:  # noqa: BLE001  whatever a stranger's package raises must not stop the others
            warnings.warn(f"target {entry.name!r} ({entry.value}) cannot be loaded: {e}", stacklevel=2)
    return found


def find_target(name: str | Target) -> Target:
    """The target called `name`, or itself.

    Raises:
        ConfigError: no such target; names the installed ones.
    """
    if isinstance(name, Target):
        return name
    known = targets()
    if name not in known:
        raise ConfigError(f"there is no target {name!r}", hint=suggest(name, known, "targets"))
    return known[name]
