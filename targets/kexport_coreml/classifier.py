"""Classifiers: the scores of one output also come out as a label, and as a dictionary from labels to scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kexport.errors import ConfigError
from kexport.ir.types import DType
from kexport_coreml.refs import Ref
from kexport_coreml.writer import set_immediate, set_type

LABEL, SCORES = "classLabel", "classLabel_probs"
"""The names that Core ML's own converter gives these outputs."""


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
            raise ConfigError(f"the labels in {text!r} cannot be read: {e}", hint="give a file, or cat|dog") from e
    labels = [label.strip() for label in labels]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise ConfigError(f"labels come twice: {', '.join(map(repr, twice[:3]))}")
    return tuple(labels)


def make_classifier(labels: str, scores: str, outputs: Sequence[tuple[str, Ref]]) -> Classifier | None:
    """The classifier that the options ask for; `outputs` are public names and tensors.

    Raises:
        ConfigError: no such output, or it has not one score for each label.
    """
    if not labels:
        return None
    found = read_labels(labels)
    names = [name for name, _ in outputs]
    wanted = scores or (names[0] if len(names) == 1 else "")
    if wanted not in names:
        what = f"there is no output {wanted!r} with scores" if wanted else "which output has the scores?"
        raise ConfigError(what, hint=f"name one of {', '.join(names)} in the option scores")
    ref = outputs[names.index(wanted)][1]
    if ref.shape not in ((len(found),), (1, len(found))) or ref.dtype is not DType.F32:
        hint = "a classifier takes one input at a time: fix its size with the option sizes, batch=1"
        raise ConfigError(f"output {wanted!r} of shape {ref.shape} holds no scores for {len(found)} labels", hint=hint)
    taken = {r.name for _, r in outputs}
    return Classifier(found, ref, *(name if name not in taken else f"{name}_1" for name in (LABEL, SCORES)))


def add_classifier(block: Any, description: Any, classifier: Classifier) -> None:
    """Append the operation, and declare its two results."""
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
