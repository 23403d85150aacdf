"""Small models, and every way in which Keras 3.15 quantizes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from kexport.ir.op import Array
from tests.capture.agree import randomize

WORDS = 500
WIDTH = 128


def mlp(keras: Any) -> Any:
    """Two dense layers."""
    x = keras.Input((256,))
    return keras.Model(x, keras.layers.Dense(40)(keras.layers.Dense(320, activation="relu")(x)))


def wide(keras: Any) -> Any:
    """A sum of more products than float32 adds up exactly."""
    x = keras.Input((2500,))
    return keras.Model(x, keras.layers.Dense(12, use_bias=False)(x))


def attention(keras: Any) -> Any:
    """Four einsum layers, over sequences of any length."""
    x = keras.Input((None, 192))
    return keras.Model(x, keras.layers.MultiHeadAttention(4, 48)(x, x))


def einsum(keras: Any) -> Any:
    """An einsum layer that splits its last axis in heads."""
    x = keras.Input((5, 256))
    return keras.Model(x, keras.layers.EinsumDense("abc,cde->abde", (None, 4, 64), bias_axes="e")(x))


def words(keras: Any) -> Any:
    """A table of words, and a dense layer."""
    ids = keras.Input((None,), dtype="int32")
    return keras.Model(ids, keras.layers.Dense(64)(keras.layers.Embedding(WORDS, WIDTH)(ids)))


def words_back(keras: Any) -> Any:
    """Words to vectors and back to scores of words, by two tables."""
    ids = keras.Input((None,), dtype="int32")
    table = keras.layers.ReversibleEmbedding(WORDS, WIDTH, tie_weights=False)
    return keras.Model(ids, table(keras.layers.Dense(WIDTH)(table(ids)), reverse=True))


def _mode(mode: str, **options: Any) -> Callable[[Any, Any], None]:
    """`model.quantize(mode)`, with a configuration of the mode's class where there are options."""

    def quantize(keras: Any, model: Any) -> None:
        made = {k: v(keras) if callable(v) else v for k, v in options.items()}
        config = getattr(keras.quantizers, f"{mode.capitalize()}QuantizationConfig")(**made) if options else None
        model.quantize(mode, config=config)

    return quantize


def _lora(keras: Any, model: Any) -> None:
    """int8, and an adapter in float beside it."""
    model.quantize("int8")
    for layer in model.layers:
        if hasattr(layer, "enable_lora"):
            layer.enable_lora(2)
            layer.lora_kernel_b.assign(np.random.default_rng(3).normal(0, 0.05, layer.lora_kernel_b.shape))


def _calibrated(mode: str, group: int, bits: int = 4) -> Callable[[Any, Any], None]:
    """The state that calibration by GPTQ or AWQ leaves a layer in, with made-up numbers."""

    def quantize(keras: Any, model: Any) -> None:
        random = np.random.default_rng(4)
        name, own = ("GPTQConfig", {"weight_bits": bits}) if mode == "gptq" else ("AWQConfig", {})
        config = getattr(keras.quantizers, name)(dataset=None, tokenizer=None, group_size=group, **own)
        for layer in (x for x in model.layers if x.weights):
            layer.quantize(mode, config=config)
            layer.quantized_kernel.assign(random.integers(0, 256, layer.quantized_kernel.shape).astype("uint8"))
            layer.kernel_scale.assign(random.uniform(0.002, 0.006, layer.kernel_scale.shape))
            layer.kernel_zero.assign(random.integers(4, 12, layer.kernel_zero.shape))
            rows = layer.g_idx.shape[0]
            layer.g_idx.assign(np.arange(rows) // (group if group > 0 else rows))
            if mode == "awq":
                layer.awq_scales.assign(random.uniform(0.5, 2, layer.awq_scales.shape))
            setattr(layer, f"is_{mode}_calibrated", True)

    return quantize


def _abs_max(keras: Any) -> Any:
    return keras.quantizers.AbsMaxQuantizer()


@dataclass(frozen=True)
class Quantized:
    """A model, how it is quantized, and how many of its weights are integers of 8 or 4 bits then."""

    name: str
    make: Callable[[Any], Any]
    quantize: Callable[[Any, Any], None]
    weights: int
    bits: int = 8

    def models(self, keras: Any) -> tuple[Any, Any]:
        """The model in float, and quantized."""
        found = []
        for _ in range(2):
            keras.utils.set_random_seed(7)
            found.append(randomize(self.make(keras)))
        self.quantize(keras, found[1])
        return found[0], found[1]

    def batch(self, model: Any, size: int, seed: int = 0) -> Array:
        """Random inputs."""
        random = np.random.default_rng(seed)
        shape = (size, *(6 if d is None else d for d in model.inputs[0].shape[1:]))
        if model.inputs[0].dtype == "int32":
            return random.integers(0, WORDS, shape).astype("int32")
        return random.standard_normal(shape).astype("float32")


_MLP = 256 * 320 + 320 * 40
_ATTENTION = 4 * 192 * 192
_EINSUM = 256 * 256
_WORDS = WORDS * WIDTH + WIDTH * 64
_BACK = 2 * WORDS * WIDTH + WIDTH * WIDTH

MODELS: tuple[Quantized, ...] = (
    Quantized("mlp-int8", mlp, _mode("int8"), _MLP),
    Quantized("mlp-int8-weights", mlp, _mode("int8", activation_quantizer=None), _MLP),
    Quantized("mlp-int8-lora", mlp, _lora, _MLP),
    Quantized("mlp-int4-channels", mlp, _mode("int4", block_size=None), _MLP, 4),
    Quantized("mlp-int4-blocks", mlp, _mode("int4", block_size=32), _MLP, 4),
    Quantized("mlp-int4-activations", mlp, _mode("int4", block_size=None, activation_quantizer=_abs_max), _MLP, 4),
    Quantized("mlp-gptq", mlp, _calibrated("gptq", 64), _MLP, 4),
    Quantized("mlp-gptq-8-bits", mlp, _calibrated("gptq", -1, bits=8), _MLP),
    Quantized("mlp-awq", mlp, _calibrated("awq", 64), _MLP, 4),
    Quantized("wide-int8", wide, _mode("int8"), 2500 * 12),
    Quantized("attention-int8", attention, _mode("int8"), _ATTENTION),
    Quantized("attention-int4", attention, _mode("int4"), _ATTENTION, 4),
    Quantized("einsum-int8", einsum, _mode("int8"), _EINSUM),
    Quantized("einsum-int4-blocks", einsum, _mode("int4", block_size=32), _EINSUM, 4),
    Quantized("einsum-gptq", einsum, _calibrated("gptq", 64), _EINSUM, 4),
    Quantized("words-int8", words, _mode("int8"), _WORDS),
    Quantized("words-int4", words, _mode("int4"), _WORDS),
    Quantized("words-back-int8", words_back, _mode("int8"), _BACK),
    Quantized("words-back-int4", words_back, _mode("int4"), _BACK),
)
"""A table that is read by row stays at 8 bits: no runtime gathers 4."""
