"""Explains why a TensorFlow op without a lowering cannot be exported, in the user's words."""

from __future__ import annotations

import re
from typing import Any

REASONS: tuple[tuple[str, str], ...] = (
    (r"(Eager)?PyFunc.*", "a Python function runs inside the model; write it with keras.ops"),
    (r".*String.*|Unicode.*|StaticRegex.*|RegexReplace|Substr|RaggedTensorToTensor",
     "this operation on text has no form in the exported formats; do it before the model"),
    (r".*Lookup.*|.*HashTable.*", "lookup tables have to be applied before the model"),
    (r"StatelessRandomGetKeyCounter", ""),
    (r"TensorList.*|EmptyTensorList", "lists of tensors need a fixed length and tensors of one shape"),
    (r"Stateless(Random|Trunc|Multinomial|Parameterized).*|Random.*|Truncated.*|Multinomial|.*RngReadAndSkip.*",
     "it draws random numbers; make them an input of the model"),
    (r"Matrix(Exponential|Logarithm|SquareRoot)|Lu|Qr|Svd|Eig|SelfAdjointEig.*",
     "this linear algebra on data has no form in the exported formats; compute it around the model, and make its "
     "result an input"),
    (r"NextAfter", "the neighbour of a float64 is asked for; use float32"),
    (r"Sparse.*|Ragged.*", "sparse and ragged tensors have no form in the exported formats"),
    (r"CTC.*", "CTC decoding has to be done after the model"),
    (r"NonMaxSuppression.*", "how many boxes it keeps depends on the values of a tensor; use "
     "tf.image.combined_non_max_suppression, which fills up with zeros"),
    (r"I?R?FFT.*|Angle", "complex numbers have no form in the exported formats"),
    (r".*Grad(V\d)?|.*Backprop(Input|Filter)?(V\d)?",
     "a gradient is followed inside the model; write it as a formula with keras.ops"),
    (r"Where|Unique.*",
     "the size of its result depends on the values of a tensor; keep it fixed, as keras.ops.where(condition, x, y)"),
    (r"Assign.*|VarHandleOp", "the model changes its own state"),
)  # fmt: skip
"""(pattern of op types, reason); the first match counts. The reason is None if another op is to blame."""

_WORDS = (
    "or cut it off the model and do its work in the program around it: `kexport vocabulary` writes its words and "
    "settings"
)
HOST_LAYERS = {
    "TextVectorization": "exported are texts split at whitespace or into characters, without ragged or sparse "
    f"results, and their n-grams with an output_sequence_length or counted; change its options, {_WORDS}",
    "StringLookup": f"exported are lookups of dense tensors with dense results; change its options, {_WORDS}",
    "Hashing": "exported are hashes of integers and text, dense and not crossed; change its options, or compute its "
    "bins in the program around the model, and make them an input",
    "HashedCrossing": "it hashes pairs of values with FarmHash64, which no exported format has an operation for; cut "
    "it off the model, compute its bins in the program around it, and make them an input",
}
"""Keras layers that work outside of an exported model, with the reason for every unsupported op in them."""


def reason(op: Any) -> str:
    """The reason for one TensorFlow op."""
    for pattern, text in REASONS:
        if re.fullmatch(pattern, op.type):
            return text
    return "kexport has no lowering for this TensorFlow op"
