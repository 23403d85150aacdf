"""What a Keras 3 file may name: classes by what they are, functions by the modules that they come from."""

from __future__ import annotations

BASES = (
    "Operation",
    "Initializer",
    "Regularizer",
    "Quantizer",
    "constraints.Constraint",
    "dtype_policies.DTypePolicy",
    "losses.Loss",
    "metrics.Metric",
    "optimizers.Optimizer",
    "optimizers.schedules.LearningRateSchedule",
    "random.SeedGenerator",
)
"""What an allowed class of Keras is or derives from; layers and models are operations."""

ALSO = (
    "keras.src.layers.preprocessing.feature_space.Cross",
    "keras.src.layers.preprocessing.feature_space.Feature",
)
"""Classes that derive from none of these, and hold numbers and words only."""

EXCEPT = ("TFSMLayer", "JaxLayer", "FlaxLayer", "TorchModuleWrapper")
"""Layers that run what they load from other files, or from bytes that are code."""

FUNCTION_FAMILIES = ("activations", "constraints", "initializers", "losses", "metrics", "ops", "regularizers")
"""The modules of Keras whose functions make tensors of tensors."""

NO_FUNCTIONS = ("deserialize", "get", "serialize")
"""What these modules hold besides."""
