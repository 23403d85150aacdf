"""The vocabularies of a model's lookup layers, for the program that does their work around an exported model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from kexport.capture.sources.structure import unique
from kexport.capture.tracing.trace import Source

SETTINGS = (
    "mask_token", "oov_token", "num_oov_indices", "oov_method", "salt", "invert", "output_mode", "max_tokens",
    "pad_to_max_tokens", "standardize", "split", "ngrams", "output_sequence_length", "encoding",
)  # fmt: skip


@dataclass(frozen=True)
class Vocabulary:
    """What a lookup layer knows: the token of each index, and the settings it was made with."""

    layer: str
    kind: str
    tokens: tuple[str | int, ...]
    settings: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """A JSON object without the tokens."""
        return {"layer": self.layer, "class": self.kind, "size": len(self.tokens), "settings": self.settings}


def vocabularies(source: Source) -> list[Vocabulary]:
    """Those of all layers of a Keras model that have one, nested ones too, in the order of the model."""
    layers = list(source.model._flatten_layers()) if hasattr(source.model, "_flatten_layers") else []
    inner = {id(getattr(layer, "_lookup_layer", None)) for layer in layers}
    found = [x for x in layers if hasattr(x, "get_vocabulary") and id(x) not in inner]
    return [_read(layer, name) for layer, name in zip(found, unique([x.name for x in found]), strict=True)]


def _read(layer: Any, name: str) -> Vocabulary:
    config = layer.get_config()
    settings = {k: _plain(config[k]) for k in SETTINGS if config.get(k) is not None}
    lookup = getattr(layer, "_lookup_layer", layer)
    weights = getattr(lookup, "idf_weights_const", None)
    if weights is not None:
        settings["idf_weights"] = [float(w) for w in weights]
    tokens = tuple(t if isinstance(t, str) else int(t) for t in layer.get_vocabulary())
    return Vocabulary(name, type(layer).__name__, tokens, settings)


def _plain(value: Any) -> Any:
    """A setting as JSON has it; a function by its name."""
    try:
        return json.loads(json.dumps(value))
    except TypeError:
        return getattr(value, "__name__", str(value))
