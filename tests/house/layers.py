"""Who may import whom, as data."""

from __future__ import annotations

LAYERS: tuple[tuple[str, ...], ...] = (
    (
        "kexport",
        "kexport.version",
        "kexport.errors",
        "kexport.names",
        "kexport.printable",
        "kexport.lifeline",
        "kexport.temporary",
    ),
    ("kexport.paths", "kexport.documents", "kexport.deadline"),
    ("kexport.ir.dim",),
    ("kexport.ir.dim_parser",),
    ("kexport.ir.types", "kexport.ir.traits"),
    ("kexport.ir.op",),
    ("kexport.ir.graph", "kexport.ir.contract"),
    ("kexport.ops",),
    ("kexport.ir",),
    ("kexport.rewrite",),
    ("kexport.passes", "kexport.capture"),
    ("kexport.target",),
    ("kexport.lowered",),
    ("kexport.reading",),
    ("kexport.evidence",),
    ("kexport.engines",),
    ("kexport.verify",),
    ("kexport.locate",),
    ("kexport.proof",),
    ("kexport.quantize", "kexport.reference"),
    ("kexport.workflows",),
    ("kexport.project",),
    ("kexport.replay", "kexport.report"),
    ("kexport.cli",),
    ("kexport.__main__",),
)
"""Rooms from the bottom to the top. A module imports from its own room and from the layers below it.

The first layer may be imported by all.
"""

PUBLIC = {"kexport.errors", "kexport.workflows"}
"""What `kexport/__init__.py` hands out; it imports them on use."""

TARGET_MAY = {
    "kexport.lifeline",
    "kexport.temporary",
    "kexport.errors",
    "kexport.names",
    "kexport.paths",
    "kexport.ir",
    "kexport.ops",
    "kexport.rewrite",
    "kexport.passes",
    "kexport.target",
}
"""What a target may import of kexport, besides its root."""

SHARED = {"kexport_shared.emit", "kexport_shared.graphdef", "kexport_shared.js"}
"""Packages beside the targets that several of them may import."""

TOGETHER = "kexport_shared"
"""The package that holds them, and nothing else."""

NUMERIC = {"numpy", "ml_dtypes"}
THIRD_PARTY: dict[str, set[str]] = {
    "kexport": set(),
    "kexport.version": set(),
    "kexport.errors": set(),
    "kexport.names": set(),
    "kexport.lifeline": set(),
    "kexport.temporary": set(),
    "kexport.printable": set(),
    "kexport.paths": set(),
    "kexport.documents": set(),
    "kexport.deadline": set(),
    "kexport.ir": NUMERIC,
    "kexport.ops": NUMERIC,
    "kexport.rewrite": NUMERIC,
    "kexport.passes": NUMERIC,
    "kexport.target": NUMERIC,
    "kexport.lowered": NUMERIC,
    "kexport.reading": set(),
    "kexport.capture": NUMERIC | {"keras", "tensorflow", "tf_keras", "h5py", "google"},
    "kexport.reference": NUMERIC | {"safetensors", "keras", "tensorflow", "tf_keras", "jax", "torch"},
    "kexport.quantize": NUMERIC | {"PIL"},
    "kexport.evidence": NUMERIC,
    "kexport.engines": NUMERIC,
    "kexport.verify": NUMERIC,
    "kexport.locate": NUMERIC,
    "kexport.proof": NUMERIC,
    "kexport.workflows": NUMERIC | {"safetensors"},
    "kexport.workflows.folder_lock": {"filelock"},
    "kexport.project": {"msgspec"},
    "kexport.replay": NUMERIC,
    "kexport.report": {"jinja2", "markupsafe"},
    "kexport.cli": {"click", "rich"},
    "kexport.cli.starter": {"numpy"},
    "kexport.__main__": set(),
}
"""The packages that a room may import besides the standard library."""

LAZY: dict[str, set[str]] = {
    "kexport.workflows": {"filelock"},
    "kexport.reference": {"keras", "tensorflow", "tf_keras", "jax", "torch"},
    "kexport.quantize": {"PIL"},
    "kexport.cli": {"rich"},
    "kexport.report": {"jinja2", "markupsafe"},
}
"""The packages that a room may import inside functions only."""

FRAMEWORKS = {"keras", "tensorflow", "tf_keras", "jax", "torch"}
"""What no target may import, but for those that are its runtime."""

SERVED = {"kexport_savedmodel": {"tensorflow"}}
"""Frameworks that are the runtime of a target: in its runtime.py only, inside functions."""

RUNTIMES = {
    "onnxruntime",
    "ai_edge_litert.interpreter",
    "ai_edge_litert.compiled_model",
    "coremltools",
    "kexport_shared.mil",
    "tflite_micro",
}
"""What a target may import in a runtime.py only, inside functions."""
