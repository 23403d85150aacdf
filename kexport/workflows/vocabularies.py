"""vocabulary: writes the vocabularies of a model's lookup layers to files beside its artifacts."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kexport.errors import CaptureError, ConfigError
from kexport.workflows.choice import model_name
from kexport.workflows.staging import publish, staging

if TYPE_CHECKING:
    from kexport.capture.vocabulary import Vocabulary


def write_vocabularies(
    model: Any, out: str | Path = "dist", *, name: str | None = None, trust: bool = False, custom: Sequence[Any] = ()
) -> list[tuple[Path, Vocabulary]]:
    """Write `NAME.LAYER.vocabulary.txt`, a token a line from index 0 on, and `NAME.LAYER.vocabulary.json`, the
    settings, for each lookup layer of a model: TextVectorization, StringLookup, IntegerLookup.

    Raises:
        ConfigError: the model has no such layer, or `out` cannot be written.
        CaptureError: the model cannot be loaded, or a token cannot stand on a line.
    """
    from kexport.capture.load import load
    from kexport.capture.vocabulary import vocabularies

    source = load(model, trust=trust, custom=custom)
    found = vocabularies(source)
    name = model_name(name, source.name)
    if not found:
        raise ConfigError("no layer of the model has a vocabulary", where=name)
    texts = [_text(v) for v in found]
    written = []
    with staging(Path(out)) as stage:
        for vocabulary, text in zip(found, texts, strict=True):
            stem = f"{name}.{re.sub(r'[^A-Za-z0-9_.-]', '_', vocabulary.layer)}.vocabulary"
            (stage / f"{stem}.txt").write_text(text, encoding="utf-8", newline="\n")
            settings = json.dumps(vocabulary.to_json(), indent=1, sort_keys=True)
            (stage / f"{stem}.json").write_text(settings + "\n", encoding="utf-8", newline="\n")
            for file in (f"{stem}.json", f"{stem}.txt"):
                publish(stage / file, Path(out) / file)
            written.append((Path(out) / f"{stem}.txt", vocabulary))
    return written


def _text(vocabulary: Vocabulary) -> str:
    for token in vocabulary.tokens:
        if isinstance(token, str) and ("\n" in token or "\r" in token):
            raise CaptureError(
                f"the token {token!r} has a line break, so that a file of one token a line cannot hold it",
                where=vocabulary.layer,
                hint="write layer.get_vocabulary() in a form of your own",
            )
    return "".join(f"{t}\n" for t in vocabulary.tokens)
