"""The backbones: class, arguments, and what they take. keras-hub is imported by whoever builds one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kexport.ir.op import Array
from tests.capture.agree import randomize

WORDS, LENGTH = 60, 7
Feed = Callable[[int, np.random.Generator], Array]


def ids(batch: int, random: np.random.Generator) -> Array:
    """Tokens of a text."""
    return random.integers(0, WORDS, (batch, LENGTH)).astype("int32")


def kinds(batch: int, random: np.random.Generator) -> Array:
    """The part of the text that each token belongs to."""
    return random.integers(0, 2, (batch, LENGTH)).astype("int32")


def mask(batch: int, random: np.random.Generator) -> Array:
    """Texts that end two tokens early."""
    found = np.ones((batch, LENGTH), "int32")
    found[:, LENGTH - 2 :] = 0
    return found


def image(size: int) -> Feed:
    """A square image of three channels."""
    return lambda batch, random: random.uniform(-1, 1, (batch, size, size, 3)).astype("float32")


def sound(steps: int, mels: int) -> Feed:
    """A spectrogram."""
    return lambda batch, random: random.standard_normal((batch, steps, mels)).astype("float32")


@dataclass(frozen=True)
class Part:
    """A backbone inside of another."""

    name: str
    arguments: Mapping[str, Any]

    def build(self, hub: Any) -> Any:
        """The model, of a class that keras-hub may not hand out."""
        cls = getattr(hub.models, self.name, None) or _found(hub, self.name)
        parts = {k: v.build(hub) if isinstance(v, Part) else v for k, v in self.arguments.items()}
        return cls(**parts)


@dataclass(frozen=True)
class Backbone(Part):
    """One model to try, and its inputs: by name, or the only one."""

    feeds: Mapping[str, Feed] | Feed = field(default_factory=dict[str, Feed])

    def model(self, hub: Any) -> Any:
        """The backbone with random weights."""
        import keras

        keras.utils.set_random_seed(1)
        return randomize(self.build(hub))

    def batch(self, size: int = 2, seed: int = 0) -> Any:
        """Random inputs in the structure that the model takes."""
        random = np.random.default_rng(seed)
        if callable(self.feeds):
            return self.feeds(size, random)
        return {name: feed(size, random) for name, feed in self.feeds.items()}


def _found(hub: Any, name: str) -> Any:
    """A class by its module: `clip.clip_vision_encoder.CLIPVisionEncoder` of keras-hub's models."""
    import importlib

    module, _, cls = name.rpartition(".")
    return getattr(importlib.import_module(f"{hub.__name__}.src.models.{module}"), cls)


TEXT: dict[str, Feed] = {"token_ids": ids, "padding_mask": mask}
SEGMENTS: dict[str, Feed] = {**TEXT, "segment_ids": kinds}
BOTH: dict[str, Feed] = {f"{side}_{name}": feed for side in ("encoder", "decoder") for name, feed in TEXT.items()}
SMALL = {"vocabulary_size": WORDS, "num_layers": 2, "hidden_dim": 32, "intermediate_dim": 48}
HEADS = {**SMALL, "num_heads": 2}
SHORT = {**HEADS, "max_sequence_length": 16}
GROUPED = {**SMALL, "num_query_heads": 4, "num_key_value_heads": 2}
VISION = {"patch_size": 8, "hidden_dim": 32, "num_layers": 2, "num_heads": 2, "intermediate_dim": 48}
PICTURE = {"image_shape": (32, 32, 3)}
MIT = Part(
    "MiTBackbone",
    {
        "layerwise_depths": [1, 1], "num_layers": 2, "layerwise_num_heads": [1, 2], "layerwise_sr_ratios": [2, 1],
        "max_drop_path_rate": 0.1, "layerwise_patch_sizes": [7, 3], "layerwise_strides": [4, 2],
        "hidden_dims": [16, 32], **PICTURE,
    },
)  # fmt: skip
CLIP = {
    "vision_encoder": Part("clip.clip_vision_encoder.CLIPVisionEncoder", {**VISION, **PICTURE}),
    "text_encoder": Part(
        "clip.clip_text_encoder.CLIPTextEncoder", {**SHORT, "embedding_dim": 32, "max_sequence_length": LENGTH}
    ),
    "projection_dim": 24,
}
RESNET = {
    "input_conv_filters": [64], "input_conv_kernel_sizes": [7], "stackwise_num_filters": [64, 128],
    "stackwise_num_blocks": [1, 1], "stackwise_num_strides": [1, 2], **PICTURE,
}  # fmt: skip

BACKBONES: tuple[Backbone, ...] = (
    Backbone("AlbertBackbone", {**SHORT, "embedding_dim": 16}, SEGMENTS),
    Backbone("BartBackbone", SHORT, BOTH),
    Backbone("BertBackbone", SHORT, SEGMENTS),
    Backbone("BloomBackbone", HEADS, TEXT),
    Backbone("CLIPBackbone", CLIP, {"images": image(32), "token_ids": ids}),
    Backbone("DebertaV3Backbone", {**SHORT, "bucket_size": 8}, TEXT),
    Backbone("DINOV2Backbone", {**VISION, **PICTURE, "position_embedding_shape": (32, 32, 3)}, image(32)),
    Backbone("DeiTBackbone", {**VISION, **PICTURE}, image(32)),
    Backbone("DenseNetBackbone", {"stackwise_num_repeats": [1, 1], "growth_rate": 8, **PICTURE}, image(32)),
    Backbone("DistilBertBackbone", SHORT, TEXT),
    Backbone("ESMBackbone", {**HEADS, "max_sequence_length": 16}, {"token_ids": ids}),
    Backbone(
        "ElectraBackbone",
        {**{k: v for k, v in SHORT.items() if k != "vocabulary_size"}, "vocab_size": WORDS, "embedding_dim": 16},
        SEGMENTS,
    ),
    Backbone("FNetBackbone", {**SMALL, "max_sequence_length": 16}, {"token_ids": ids, "segment_ids": kinds}),
    Backbone("FalconBackbone", {**SMALL, "num_attention_heads": 2}, TEXT),
    Backbone("GPT2Backbone", SHORT, TEXT),
    Backbone("GPTNeoXBackbone", SHORT, TEXT),
    Backbone("GemmaBackbone", {**GROUPED, "head_dim": 8}, TEXT),
    Backbone("Gemma3Backbone", {**GROUPED, "head_dim": 8, "image_size": None}, TEXT),
    Backbone("LlamaBackbone", GROUPED, TEXT),
    Backbone("Llama3Backbone", GROUPED, TEXT),
    Backbone("MiTBackbone", MIT.arguments, image(32)),
    Backbone("MistralBackbone", GROUPED, TEXT),
    Backbone("MixtralBackbone", {**GROUPED, "num_experts": 3}, TEXT),
    Backbone("OPTBackbone", SHORT, TEXT),
    Backbone("Phi3Backbone", GROUPED, TEXT),
    Backbone("QwenBackbone", GROUPED, TEXT),
    Backbone("Qwen3Backbone", {**GROUPED, "head_dim": 8}, TEXT),
    Backbone("ResNetBackbone", {**RESNET, "block_type": "basic_block"}, image(32)),
    Backbone("RobertaBackbone", SHORT, TEXT),
    Backbone("RoformerV2Backbone", {**HEADS, "head_size": 16}, {"token_ids": ids, "segment_ids": kinds}),
    Backbone("SegFormerBackbone", {"image_encoder": MIT, "projection_filters": 16}, image(32)),
    Backbone(
        "SwinTransformerBackbone",
        {"embed_dim": 16, "depths": [2, 1], "num_heads": [1, 2], "window_size": 4, **PICTURE},
        image(32),
    ),
    Backbone("T5Backbone", HEADS, BOTH),
    Backbone("VGGBackbone", {"stackwise_num_repeats": [1, 1], "stackwise_num_filters": [8, 16], **PICTURE}, image(32)),
    Backbone(
        "ViTBackbone",
        {"patch_size": 8, "num_layers": 2, "num_heads": 2, "hidden_dim": 32, "mlp_dim": 48, **PICTURE},
        image(32),
    ),
    Backbone(
        "WhisperBackbone",
        {**HEADS, "num_mels": 8, "max_encoder_sequence_length": 32, "max_decoder_sequence_length": 16},
        {"encoder_features": sound(20, 8), "decoder_token_ids": ids, "decoder_padding_mask": mask},
    ),
    Backbone("XLNetBackbone", HEADS, {**TEXT, "segment_ids": kinds}),
)
"""keras-hub has no YOLO: those detectors stayed in keras-cv."""
