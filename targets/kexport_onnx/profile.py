"""Time by layer, from the profile that ONNX Runtime writes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

_KERNEL = re.compile(r"(?:fused )?(.*?)(?:_nchwc)?_kernel_time", re.DOTALL)
"""The event of a node's execution; the engine may have fused the node, or changed its layout."""
_NUMBER = re.compile(r":\d+$")
"""The suffix that makes the name of a node unique within its layer."""


def node_names(path: Path) -> frozenset[str]:
    """The names of the nodes of a saved model, without those in bodies: their time is in that of the loop."""
    import onnx

    model: Any = onnx.load(path, load_external_data=False)
    return frozenset(node.name for node in model.graph.node)


def layer_of(node: str) -> str:
    """The layer that a node belongs to, by its name."""
    return _NUMBER.sub("", node)


def layer_seconds(events: Iterable[Mapping[str, Any]], nodes: Iterable[str], skip: int) -> dict[str, float]:
    """Seconds per run by layer, the longest first; `""` is what belongs to none: layouts of the engine's own, waiting.

    Args:
        events: the profile.
        nodes: the names of the model's nodes.
        skip: how many runs at the start do not count.
    """
    known = set(nodes)
    took = dict[str, float]()
    runs = [e for e in events if e.get("cat") == "Session" and e["name"] == "model_run"][skip:]
    if not runs:
        return {}
    start = min(e["ts"] for e in runs)
    for event in events:
        found = _KERNEL.fullmatch(event["name"]) if event.get("cat") == "Node" else None
        if found and found[1] in known and event["ts"] >= start:
            layer = layer_of(found[1])
            took[layer] = took.get(layer, 0.0) + event["dur"]
    took[""] = max(sum(e["dur"] for e in runs) - sum(took.values()), 0.0)
    order: Sequence[str] = sorted(took, key=lambda layer: (-took[layer], layer))
    return {layer: 1e-6 * took[layer] / len(runs) for layer in order}
