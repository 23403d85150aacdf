"""Classifiers: one output's scores are also given as the best label, and as a dictionary from labels to scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kexport.errors import ConfigError
from kexport.ir.dim import symbols
from kexport.ir.types import DType
from kexport.names import suggest
from kexport_coreml.refs import Ref
from kexport_coreml.writer import set_immediate, set_type

LABELS = "coreml.labels"
"""The name of the classifier option in errors."""
LABEL = "classLabel"
SCORES = "classLabel_probs"
"""The names of these outputs in Apple's converter."""


@dataclass(frozen=True)
class Classifier:
    """Labels, the tensor of scores, and the names of the two outputs."""

    labels: tuple[str, ...]
    scores: Ref
    label_name: str = LABEL
    scores_name: str = SCORES


def read_labels(text: str) -> tuple[str, ...]:
    """`cat|dog`, or the lines of a file.

    Raises:
        ConfigError: there is no such file, or a label comes twice.
    """
    if "|" in text:
        labels = text.split("|")
    else:
        try:
            labels = Path(text).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as e:
            hint = "give a file, or -O 'coreml.labels=cat|dog'"
            raise ConfigError(f"the labels in {text!r} cannot be read: {e}", where=LABELS, hint=hint) from e
    labels = [label.strip() for label in labels]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        what = f"labels come twice: {', '.join(map(repr, twice[:3]))}"
        raise ConfigError(what, where=LABELS, hint="give every class a label of its own")
    return tuple(labels)


def make_classifier(labels: str, scores: str, outputs: Sequence[tuple[str, Ref]]) -> Classifier | None:
    """Make the classifier that the options ask for; `outputs` are public names and tensors.

    Raises:
        ConfigError: no such output, or it does not have one score per label.
    """
    if not labels:
        return None
    found = read_labels(labels)
    names = [name for name, _ in outputs]
    wanted = scores or (names[0] if len(names) == 1 else "")
    if wanted not in names:
        what = f"there is no output {wanted!r} with scores" if wanted else "which output has the scores?"
        hint = f"-O coreml.scores={names[0]}; {suggest(wanted, names, 'outputs')}"
        raise ConfigError(what, where=LABELS, hint=hint)
    ref = outputs[names.index(wanted)][1]
    _require_scores(wanted, ref, len(found))
    taken = {r.name for _, r in outputs}
    return Classifier(found, ref, *(name if name not in taken else f"{name}_1" for name in (LABEL, SCORES)))


def _require_scores(name: str, ref: Ref, count: int) -> None:
    """Raise ConfigError unless a tensor is a float32 row with one score per label."""
    if ref.shape in ((count,), (1, count)) and ref.dtype is DType.F32:
        return
    shape = f"[{','.join(map(str, ref.shape))}]"
    open_dims = sorted({s for d in ref.shape[:-1] for s in symbols(d)})
    if open_dims:
        sizes = ",".join(f"{s}=1" for s in open_dims)
        what = f"a classifier takes one input at a time, and output {name!r} is {shape}"
        raise ConfigError(what, where=LABELS, hint=f"give this target one size: -O coreml.sizes={sizes}")
    what = f"{count} labels do not fit output {name!r}, which is {ref.dtype}{shape}"
    if ref.shape in (ref.shape[-1:], (1, *ref.shape[-1:])) and ref.dtype is DType.F32:
        raise ConfigError(what, where=LABELS, hint=f"give {ref.shape[-1]} labels, one a class")
    hint = (
        "a classifier's scores are one row of float32: name another output with -O coreml.scores, or leave out labels"
    )
    raise ConfigError(what, where=LABELS, hint=hint)


def add_classifier(block: Any, description: Any, classifier: Classifier) -> None:
    """Append the classify operation and declare its two results."""
    operation = block.operations.add(type="classify")
    set_immediate(operation.attributes["name"], "classify", DType.STRING)
    operation.inputs["probabilities"].arguments.add(name=classifier.scores.name)
    value = operation.inputs["classes"].arguments.add().value
    words = value.type.listType
    set_type(words.type, DType.STRING, ())
    words.length.constant.size = len(classifier.labels)
    for label in classifier.labels:
        set_immediate(value.immediateValue.list.values.add(), label, DType.STRING)
    set_type(operation.outputs.add(name=classifier.label_name).type, DType.STRING, ())
    scores = operation.outputs.add(name=classifier.scores_name).type.dictionaryType
    set_type(scores.keyType, DType.STRING, ())
    set_type(scores.valueType, DType.F64, ())
    block.outputs.extend([classifier.label_name, classifier.scores_name])
    description.output.add(name=classifier.label_name).type.stringType.SetInParent()
    description.output.add(name=classifier.scores_name).type.dictionaryType.stringKeyType.SetInParent()
    description.predictedFeatureName = classifier.label_name
    description.predictedProbabilitiesName = classifier.scores_name
